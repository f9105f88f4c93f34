//! PostgreSQL's configuration files, as text.

use std::path::Path;

use crate::resources::Layout;

/// The superuser, who logs in over the private socket only.
pub(crate) const SUPERUSER: &str = "entra_pg_emulator";

/// What the configuration depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listen {
    pub(crate) port: u16,
    pub(crate) ipv6: bool,
    pub(crate) tls: bool,
}

/// `postgresql.conf`. The data is thrown away, so nothing is made durable.
pub(crate) fn postgresql_conf(layout: &Layout, listen: Listen) -> String {
    let Listen { port, ipv6, tls } = listen;
    let addresses = if ipv6 { "127.0.0.1,::1" } else { "127.0.0.1" };
    let (socket, certificate, key) = (
        layout.socket(),
        layout.server_certificate(),
        layout.server_key(),
    );
    let [socket, certificate, key] = [socket, certificate, key].map(|path| quote(&path));
    let tls = if tls {
        format!("ssl = on\nssl_cert_file = {certificate}\nssl_key_file = {key}\n")
    } else {
        "ssl = off\n".into()
    };
    format!(
        "listen_addresses = '{addresses}'\n\
         port = {port}\n\
         unix_socket_directories = {socket}\n\
         unix_socket_permissions = 0700\n\
         {tls}\
         max_connections = 200\n\
         authentication_timeout = 30s\n\
         shared_buffers = 16MB\n\
         fsync = off\n\
         full_page_writes = off\n\
         synchronous_commit = off\n\
         wal_level = minimal\n\
         max_wal_senders = 0\n\
         max_wal_size = 128MB\n\
         # In the data directory rather than in /dev/shm, so that nothing can be left there.\n\
         dynamic_shared_memory_type = mmap\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         log_line_prefix = '%m [%p] %b %u '\n"
    )
}

/// `pg_hba.conf`: every login over TCP is the emulator's to judge. The socket lies in a private directory.
pub(crate) fn pg_hba_conf(ldap_port: u16, tls: bool) -> String {
    let kind = if tls { "hostssl" } else { "host" };
    format!(
        "local all all trust\n\
         {kind} all all all ldap ldapserver=127.0.0.1 ldapport={ldap_port} ldapprefix=\"cn=\" ldapsuffix=\",dc=entra\"\n"
    )
}

/// Quotes a path for `postgresql.conf`.
fn quote(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "''"))
}

/// Quotes a name for SQL.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tcp_is_let_in_only_when_asked_for() {
        assert!(pg_hba_conf(1, true).contains("\nhostssl all all all ldap "));
        assert!(pg_hba_conf(1, false).contains("\nhost all all all ldap "));
    }

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(quote_identifier(r#"a"b"#), r#""a""b""#);
        assert_eq!(quote(Path::new("/a'b")), "'/a''b'");
    }
}

//! Parameters that other drivers know, and that no adapter has a use for: what becomes of each, and why. Pure data.
//!
//! From libpq's documentation (18), the parsers of sqlx 0.9 and tokio-postgres 0.7, pgjdbc's `PGProperty` (42.7) and
//! Prisma's engine (quaint). The guide has the same table; a test compares them.

use crate::{Error, ErrorKind};

/// Parameters with one fate.
struct Foreign {
    /// With a blank between them, as the values of [`Fate::AcceptedAs`].
    names: &'static str,
    fate: Fate,
    /// Why; and if it is refused, what to write in its place.
    reason: &'static str,
}

enum Fate {
    /// Another driver's name for what we call so.
    Renamed(&'static str),
    /// It changes nothing here.
    Accepted,
    /// It changes nothing here with these values, in any case.
    AcceptedAs(&'static str),
    Refused,
}

/// Accepts the parameter if it changes nothing here. Returns `Ok(false)` for an unknown name.
///
/// # Errors
/// For a parameter that would have to be obeyed, and cannot be.
pub(super) fn accept(name: &str, value: &str) -> Result<bool, Error> {
    let Some(found) = find(name) else {
        return Ok(false);
    };
    let refused = match found.fate {
        Fate::Accepted => return Ok(true),
        _ if value.is_empty() => return Ok(true),
        Fate::Renamed(ours) => invalid(&format!("the parameter {name} has another name here"))
            .with_hint(format!("write {ours}=VALUE")),
        Fate::AcceptedAs(values) => {
            if values
                .split(' ')
                .any(|known| known.eq_ignore_ascii_case(value))
            {
                return Ok(true);
            }
            invalid(&format!(
                "the parameter {name} has a value that cannot be obeyed; it can be: {values}"
            ))
            .with_hint(found.reason)
        }
        Fate::Refused => {
            invalid(&format!("the parameter {name} cannot be obeyed")).with_hint(found.reason)
        }
    };
    Err(refused)
}

/// Returns our name for another driver's parameter.
pub(super) fn ours(name: &str) -> Option<&'static str> {
    match find(name)?.fate {
        Fate::Renamed(ours) => Some(ours),
        _ => None,
    }
}

fn find(name: &str) -> Option<&'static Foreign> {
    let is_it = |foreign: &&Foreign| foreign.names.split(' ').any(|known| known == name);
    TABLE.iter().find(is_it)
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::InvalidTarget, message)
}

const fn renamed(names: &'static str, ours: &'static str) -> Foreign {
    row(names, Fate::Renamed(ours), "")
}

const fn row(names: &'static str, fate: Fate, reason: &'static str) -> Foreign {
    Foreign {
        names,
        fate,
        reason,
    }
}

use Fate::{Accepted, AcceptedAs, Refused};

const TABLE: &[Foreign] = &[
    // Names of their own for what we obey.
    renamed(
        "ApplicationName fallback_application_name",
        "application_name",
    ),
    renamed("PGDBNAME", "dbname"),
    renamed("PGHOST", "host"),
    renamed("PGPORT", "port"),
    renamed("channelBinding", "channel_binding"),
    renamed("connectTimeout loginTimeout", "connect_timeout"),
    renamed("keepalives_retries", "keepalives_count"),
    renamed("tcpKeepAlive", "keepalives"),
    renamed("loadBalanceHosts", "load_balance_hosts"),
    renamed("targetServerType", "target_session_attrs"),
    renamed("sslNegotiation", "sslnegotiation"),
    renamed("ssl-mode", "sslmode"),
    renamed("ssl-root-cert ssl-ca", "sslrootcert"),
    // Session settings.
    renamed("schema currentSchema", "options[search_path]"),
    row(
        "readOnly",
        AcceptedAs("false"),
        "write options[default_transaction_read_only]=on",
    ),
    row(
        "queryTimeout socketTimeout socket_timeout",
        AcceptedAs("0"),
        "limit a statement by options[statement_timeout]=30s",
    ),
    row(
        "client_encoding",
        AcceptedAs("utf8 utf-8 auto unicode"),
        "Rust's texts are UTF-8: leave it out",
    ),
    // Where the server is.
    row(
        "hostaddr",
        Refused,
        "not every driver can use an address beside the name: map the name to it in /etc/hosts or in DNS",
    ),
    row(
        "service servicefile",
        Refused,
        "service files are not read: write host, database and role into the connection string",
    ),
    row(
        "requirepeer",
        Accepted,
        "about Unix-domain sockets, which are not used",
    ),
    row(
        "replication",
        AcceptedAs("false off no 0"),
        "no driver here opens replication connections",
    ),
    // Who logs in: the token is the password.
    row(
        "sslcert sslkey ssl-cert ssl-key sslidentity",
        Refused,
        "there are no client certificates, the token is the login: leave it out; root certificates belong in sslrootcert",
    ),
    row(
        "sslcertmode",
        AcceptedAs("disable allow"),
        "there are no client certificates, the token is the login: leave it out",
    ),
    row(
        "passfile",
        Refused,
        "password files are not read, the token is the password: leave it out",
    ),
    row(
        "require_auth requireAuth",
        AcceptedAs("password"),
        "the server requests the token as a cleartext password, over verified TLS: write password, or leave it out",
    ),
    row(
        "oauth_issuer oauth_client_id oauth_scope",
        Refused,
        "the credential decides how a token is fetched, not the connection string: see the guide \"Credentials\"",
    ),
    row(
        "gsslib gssdelegation krbsrvname gssResponseTimeout gssUseDefaultCreds jaasApplicationName \
         jaasLogin kerberosServerName sspiServiceClass useSpnego",
        Accepted,
        "about Kerberos, which is not used",
    ),
    row(
        "gssencmode gssEncMode",
        AcceptedAs("disable prefer allow"),
        "the connection is encrypted by TLS, never by GSSAPI: write disable, or leave it out",
    ),
    row(
        "authenticationPluginClassName scramMaxIterations",
        Accepted,
        "about other logins than ours",
    ),
    // How the connection is encrypted: always as by sslmode=verify-full.
    row(
        "ssl",
        AcceptedAs("true 1 on yes require verify-ca verify-full"),
        "TLS is always used and the server always verified: leave it out",
    ),
    row(
        "requiressl",
        AcceptedAs("1"),
        "TLS is always used and the server always verified: leave it out",
    ),
    row(
        "sslaccept",
        AcceptedAs("strict"),
        "the server is always verified: name its root in sslrootcert",
    ),
    row(
        "sslinline",
        AcceptedAs("false"),
        "name a file in sslrootcert, or use RootCertificates::from_pem",
    ),
    row(
        "sslcrl sslcrldir",
        Refused,
        "revocation lists are not read: name the roots to trust in sslrootcert",
    ),
    row(
        "sslcompression",
        AcceptedAs("0"),
        "TLS compression is insecure: leave it out",
    ),
    row(
        "sslsni",
        AcceptedAs("1"),
        "the server's name is always sent: leave it out",
    ),
    row(
        "sslkeylogfile",
        Refused,
        "it would hold the keys to read the token with: leave it out",
    ),
    row(
        "ssl_min_protocol_version",
        AcceptedAs("TLSv1 TLSv1.1 TLSv1.2"),
        "TLS 1.2 and 1.3 are used, whichever is higher: leave it out",
    ),
    row(
        "ssl_max_protocol_version",
        AcceptedAs("TLSv1.3"),
        "TLS 1.2 and 1.3 are used, whichever is higher: leave it out",
    ),
    row(
        "min_protocol_version protocolVersion",
        AcceptedAs("3 3.0"),
        "the drivers speak protocol 3.0: leave it out",
    ),
    row(
        "max_protocol_version",
        AcceptedAs("3 3.0 3.2 latest"),
        "the drivers speak protocol 3.0: leave it out",
    ),
    row(
        "sslfactory sslfactoryarg sslhostnameverifier sslResponseTimeout",
        Accepted,
        "about Java's TLS; here the server is always verified, and connect_timeout bounds the handshake",
    ),
    // The pool and its statements: set in code.
    row(
        "connection_limit max_connection_lifetime max_idle_connection_lifetime pool_timeout",
        Accepted,
        "about Prisma's pool; set your pool's limits in code",
    ),
    row(
        "pgbouncer",
        Accepted,
        "about Prisma's prepared statements; sqlx and SeaORM have PgConnectOptions::statement_cache_capacity",
    ),
    row(
        "statement-cache-capacity statement_cache_size",
        Refused,
        "set it in code, as PgConnectOptions::statement_cache_capacity of sqlx and SeaORM; the other adapters have no such cache",
    ),
    row(
        "adaptiveFetch adaptiveFetchMaximum adaptiveFetchMinimum allowEncodingChanges assumeMinServerVersion autosave \
         binaryTransfer binaryTransferDisable binaryTransferEnable cancelSignalTimeout classLoaderStrategy \
         cleanupSavepoints connectExecutor connectExecutorArg convertBooleanToNumeric databaseMetadataCacheFields \
         databaseMetadataCacheFieldsMiB defaultRowFetchSize disableColumnSanitiser escapeSyntaxCallMode \
         flushCacheOnDdl groupStartupParameters hideUnprivilegedObjects hostRecheckSeconds localSocketAddress \
         logServerErrorDetail logUnclosedConnections loggerFile loggerLevel maxResultBuffer maxSendBufferSize \
         preferQueryMode prepareThreshold preparedStatementCacheQueries preparedStatementCacheSizeMiB \
         quoteReturningIdentifiers reWriteBatchedInserts reWriteBatchedInsertsSize readOnlyMode receiveBufferSize \
         sendBufferSize socketFactory socketFactoryArg stringtype tcpNoDelay unknownLength xmlFactoryFactory",
        Accepted,
        "about the Java driver itself",
    ),
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::{Target, target::secrets::is_secret};
    use rstest::rstest;

    #[rstest]
    #[case("ssl", "true", Ok(true))]
    #[case("ssl", "TRUE", Ok(true))]
    #[case("ssl", "false", Err("always verified"))]
    #[case("requiressl", "1", Ok(true))]
    #[case("requiressl", "0", Err("always verified"))]
    #[case("gssencmode", "disable", Ok(true))]
    #[case("gssencmode", "require", Err("TLS"))]
    #[case("connection_limit", "5", Ok(true))]
    #[case("schema", "sales", Err("options[search_path]"))]
    #[case("schema", "", Ok(true))]
    #[case("currentSchema", "sales", Err("options[search_path]"))]
    #[case("hostaddr", "10.0.0.1", Err("/etc/hosts"))]
    #[case("sslcert", "client.pem", Err("sslrootcert"))]
    #[case("prepareThreshold", "0", Ok(true))]
    #[case("require_auth", "scram-sha-256", Err("cleartext password"))]
    #[case("sslmod", "require", Ok(false))]
    fn what_changes_nothing_is_accepted(
        #[case] name: &str,
        #[case] value: &str,
        #[case] expected: Result<bool, &str>,
    ) {
        match (accept(name, value), expected) {
            (Ok(accepted), Ok(expected)) => assert_eq!(accepted, expected),
            (Err(error), Err(cure)) => {
                let text = error.to_string();
                assert!(text.contains(name) && text.contains(cure), "{text}");
            }
            (got, _) => panic!("{name}={value}: {got:?}"),
        }
    }

    #[test]
    fn no_parameter_has_two_fates() {
        let mut seen = BTreeSet::new();
        for name in TABLE.iter().flat_map(|foreign| foreign.names.split(' ')) {
            assert!(seen.insert(name), "{name} stands twice");
            let obeyed = Target::PARAMETERS.iter().any(|known| known.name == name);
            assert!(!obeyed && !is_secret(name), "{name} never gets here");
        }
    }

    #[test]
    fn the_guides_table_is_this_one() {
        let quoted = |texts: &str| format!("`{}`", texts.replace(' ', "`, `"));
        let expected: Vec<_> = TABLE
            .iter()
            .map(|foreign| {
                let reason = foreign.reason.to_owned();
                let (accepted, reason) = match foreign.fate {
                    Fate::Renamed(ours) => ("none".to_owned(), format!("write `{ours}=VALUE`")),
                    Accepted => ("all".to_owned(), reason),
                    AcceptedAs(values) => (quoted(values), reason),
                    Refused => ("none".to_owned(), reason),
                };
                format!("| {} | {accepted} | {reason} |", quoted(foreign.names))
            })
            .collect();
        let page =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/connection-strings.md");
        let page = fs::read_to_string(page).expect("the guide");
        let table = page
            .split("| parameter | accepted values | ")
            .nth(1)
            .expect("the table");
        let rows: Vec<_> = table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(
            rows,
            expected,
            "the rows of the guide, in this order:\n{}",
            expected.join("\n")
        );
    }
}

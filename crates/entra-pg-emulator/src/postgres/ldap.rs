//! The LDAP server that PostgreSQL asks about each login. It supports simple binds only.

use std::{io, sync::Arc};

use futures::{SinkExt, StreamExt};
use ldap3_proto::{LdapCodec, LdapMsg, LdapResultCode, ServerOps};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{
    bytes::BytesMut,
    codec::{Decoder, Encoder, Framed},
};

use crate::{entra::Tenant, resources::accept};

/// PostgreSQL caps a password at 64 KiB; a bind adds little.
const LARGEST_MESSAGE: usize = 128 * 1024;

pub(crate) async fn serve(listener: TcpListener, tenant: Arc<Tenant>) {
    loop {
        let (stream, _) = accept(&listener).await;
        let tenant = Arc::clone(&tenant);
        tokio::spawn(async move {
            if let Err(error) = handle_connection(stream, &tenant).await {
                tracing::debug!(target: "entra_pg_emulator", "LDAP: {error}");
            }
        });
    }
}

async fn handle_connection(stream: TcpStream, tenant: &Tenant) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut messages = Framed::new(stream, Quiet(LdapCodec::new(Some(LARGEST_MESSAGE), None)));
    while let Some(message) = messages.next().await {
        let Ok(ServerOps::SimpleBind(bind)) = ServerOps::try_from(message?) else {
            return Ok(()); // An unbind, or nothing PostgreSQL sends.
        };
        let latency = tenant.settings().login_latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let answer = match role(&bind.dn) {
            // What PostgreSQL binds before a search, which it is not configured to do.
            None if bind.dn.is_empty() => bind.gen_error(
                LdapResultCode::InappropriateAuthentication,
                "anonymous binds are refused".into(),
            ),
            Some(role) if tenant.accepts(role, &bind.pw) => bind.gen_success(),
            _ => bind.gen_invalid_cred(),
        };
        messages.send(answer).await?;
    }
    Ok(())
}

/// The role in `cn=NAME,dc=entra`. PostgreSQL does not escape the name, so it may hold any character.
fn role(dn: &str) -> Option<&str> {
    dn.strip_prefix("cn=")?
        .strip_suffix(",dc=entra")
        .filter(|name| !name.is_empty())
}

/// The codec without its log events: at TRACE they show passwords, and passwords are tokens here.
struct Quiet(LdapCodec);

impl Decoder for Quiet {
    type Item = LdapMsg;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<LdapMsg>> {
        let silence = tracing::subscriber::NoSubscriber::default();
        tracing::subscriber::with_default(silence, || self.0.decode(buffer))
    }
}

impl Encoder<LdapMsg> for Quiet {
    type Error = io::Error;

    fn encode(&mut self, message: LdapMsg, buffer: &mut BytesMut) -> io::Result<()> {
        self.0.encode(message, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_postgresql_writes_them() {
        for (dn, expected) in [
            ("cn=app,dc=entra", Some("app")),
            ("cn=a,dc=entra,dc=entra", Some("a,dc=entra")),
            ("cn=O'Brien, J=x,dc=entra", Some("O'Brien, J=x")),
            ("cn=,dc=entra", None),
            ("cn=app", None),
            ("", None),
        ] {
            assert_eq!(role(dn), expected, "{dn}");
        }
    }
}

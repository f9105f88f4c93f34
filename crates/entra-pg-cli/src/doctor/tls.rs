//! The TLS handshake, as a driver makes it; nothing is sent after it.

use std::{io, sync::Arc, time::SystemTime};

use entra_pg_core::{Host, Target, connect::chain};
use rustls::{CertificateError, ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    certificate::{self, Certificate},
    clock::SET_THE_CLOCK,
    network::Place,
    report::{CheckResult, Finding, Outcome},
};

/// <https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST>
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Why the TLS handshake failed.
#[derive(Debug)]
enum Refusal {
    /// The server does not offer TLS.
    Declined,
    /// It does not speak PostgreSQL's protocol.
    NotPostgres,
    Broken(io::Error),
    TimedOut,
    /// The certificate, or the protocol.
    Rustls(rustls::Error),
}

/// With each host, as each has its own certificate.
pub(super) async fn shake_hands(target: &Target, places: &[Place]) -> CheckResult<()> {
    let (mut summaries, mut notes) = (Vec::new(), Vec::new());
    for place in places {
        let (summary, note) = shake_hands_with(target, place).await?;
        summaries.push(summary);
        notes.extend(note);
    }
    if summaries.len() > 1 {
        for (place, summary) in places.iter().zip(&mut summaries) {
            *summary = format!("{}: {summary}", place.host.name());
        }
    }
    let summary = summaries.join("; ");
    Ok(((), Outcome::Passed { summary, notes }))
}

async fn shake_hands_with(
    target: &Target,
    place: &Place,
) -> Result<(String, Option<String>), Finding> {
    let config = entra_pg_rustls::client_config(target.root_certificates().to_der()?);
    match connect(target, place, config).await {
        Ok(stream) => Ok(verified(&stream)),
        Err(refusal) => {
            let seen = match &refusal {
                Refusal::Rustls(_) => read_certificate(target, place).await,
                _ => None,
            };
            Err(explain(target, &place.host, &refusal, seen.as_ref()))
        }
    }
}

/// Reads the server's certificate in a second handshake, which ends as soon as it has arrived.
async fn read_certificate(target: &Target, place: &Place) -> Option<Certificate> {
    let (config, seen) = certificate::observer(target.root_certificates()).ok()?;
    _ = connect(target, place, config).await;
    seen.take()
}

async fn connect(
    target: &Target,
    place: &Place,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Refusal> {
    timeout(target.connect_timeout(), handshake(target, place, config))
        .await
        .unwrap_or(Err(Refusal::TimedOut))
}

async fn handshake(
    target: &Target,
    place: &Place,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Refusal> {
    let mut tcp = TcpStream::connect(place.address)
        .await
        .map_err(Refusal::Broken)?;
    let config = if target.uses_direct_tls() {
        entra_pg_rustls::with_alpn(&config)
    } else {
        request_tls(&mut tcp).await?;
        config
    };
    let name = ServerName::try_from(place.host.name().to_owned())
        .map_err(|error| Refusal::Broken(io::Error::other(error)))?;
    let stream = TlsConnector::from(config)
        .connect(name, tcp)
        .await
        .map_err(refusal)?;
    let agreed = stream.get_ref().1.alpn_protocol();
    if target.uses_direct_tls() && agreed != Some(entra_pg_rustls::ALPN) {
        return Err(Refusal::NotPostgres);
    }
    Ok(stream)
}

async fn request_tls(tcp: &mut TcpStream) -> Result<(), Refusal> {
    tcp.write_all(&SSL_REQUEST).await.map_err(Refusal::Broken)?;
    match tcp.read_u8().await.map_err(Refusal::Broken)? {
        b'S' => Ok(()),
        b'N' => Err(Refusal::Declined),
        _ => Err(Refusal::NotPostgres),
    }
}

fn refusal(error: io::Error) -> Refusal {
    let rustls = error
        .get_ref()
        .and_then(|source| source.downcast_ref::<rustls::Error>());
    match rustls {
        Some(rustls) => Refusal::Rustls(rustls.clone()),
        None => Refusal::Broken(error),
    }
}

/// Its summary, and a note on what may become a problem.
fn verified(stream: &TlsStream<TcpStream>) -> (String, Option<String>) {
    let (_, session) = stream.get_ref();
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS 1.2",
    };
    let leaf = session
        .peer_certificates()
        .and_then(|chain| Certificate::read(chain.first()?));
    match leaf {
        Some(leaf) => (
            format!(
                "{version}, certificate verified: issued by {}, expires {}",
                leaf.issuer,
                leaf.expires_on()
            ),
            leaf.note(SystemTime::now()),
        ),
        None => (format!("{version}, certificate verified"), None),
    }
}

fn explain(target: &Target, host: &Host, refusal: &Refusal, seen: Option<&Certificate>) -> Finding {
    match refusal {
        Refusal::Declined => Finding::new(
            "the server offers no TLS, and no token is sent without it",
            "this is not an Azure server: check the host and the port",
        ),
        Refusal::NotPostgres => Finding::new(
            "the server does not speak PostgreSQL's protocol",
            "check the host and the port",
        ),
        Refusal::TimedOut => Finding::new(
            format!(
                "the TLS handshake timed out after {} s",
                target.connect_timeout().as_secs_f64()
            ),
            "the server, or a firewall or proxy in between, stalls: check the server's health, then those",
        ),
        Refusal::Broken(error) => Finding::new(
            format!("the connection broke during the TLS handshake: {error}"),
            "check that this is the server's port, then firewalls and proxies in between",
        ),
        Refusal::Rustls(rustls::Error::InvalidCertificate(error)) => {
            about_the_certificate(target, host, error, seen)
        }
        Refusal::Rustls(error) if target.uses_direct_tls() => Finding::new(
            format!("the TLS handshake failed: {}", chain(error)),
            "sslnegotiation=direct needs PostgreSQL 17 or later: leave it out, and PGSSLNEGOTIATION",
        ),
        Refusal::Rustls(error) => Finding::new(
            format!("the TLS handshake failed: {}", chain(error)),
            "the server and this program share no TLS version or cipher",
        ),
    }
}

fn about_the_certificate(
    target: &Target,
    host: &Host,
    error: &CertificateError,
    seen: Option<&Certificate>,
) -> Finding {
    let host = host.name();
    let issuer = seen.map_or("an unknown issuer", |leaf| leaf.issuer.as_str());
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = seen.map_or_else(String::new, |leaf| leaf.names.join(", "));
            Finding::new(
                format!("the server's certificate is for {names}, not for {host}"),
                format!(
                    "use the server's own name in the URL instead of {host}: an address or an alias cannot be verified"
                ),
            )
        }
        // A root of the same name with another key makes the signature look bad.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Finding::new(
            format!(
                "the server's certificate was issued by {issuer}, which is not trusted"
            ),
            match target.root_certificates().file() {
                Some(file) => format!(
                    "{} does not contain its root; Azure's servers need no sslrootcert: remove it from the URL, and PGSSLROOTCERT from \
                     the environment",
                    file.display()
                ),
                None => "install or update the platform's roots (Debian: ca-certificates); if a proxy in between replaces certificates, \
                     ask its administrator: it could read the token"
                    .to_owned(),
            },
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let when = seen.map_or_else(String::new, |leaf| format!(" ({})", leaf.expires_on()));
            Finding::new(
                format!("the server's certificate has expired{when}, by this machine's clock"),
                "check this machine's clock; if it is right, renew the server's certificate",
            )
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Finding::new(
                "the server's certificate is not valid yet, by this machine's clock",
                SET_THE_CLOCK,
            )
        }
        other => Finding::new(
            format!("the server's certificate, issued by {issuer}, was not accepted: {other}"),
            "check the host's name; if it is right, replace the server's certificate",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Refusal::Declined, "no TLS", "not an Azure server")]
    #[case(Refusal::NotPostgres, "does not speak PostgreSQL", "the port")]
    #[case(Refusal::TimedOut, "after 15 s", "stalls")]
    #[case(Refusal::Rustls(CertificateError::UnknownIssuer.into()), "CN=Proxy", "ca-certificates")]
    #[case(Refusal::Rustls(CertificateError::NotValidForName.into()), "for a.example, not for my.example", "own name")]
    #[case(Refusal::Rustls(CertificateError::Expired.into()), "1970-01-01", "clock")]
    #[case(Refusal::Rustls(CertificateError::NotValidYet.into()), "not valid yet", "NTP")]
    #[case(Refusal::Rustls(CertificateError::Revoked.into()), "Revoked", "replace the server's certificate")]
    #[case(
        Refusal::Rustls(rustls::Error::HandshakeNotComplete),
        "handshake",
        "share no"
    )]
    fn each_refusal_names_its_cause_and_cure(
        #[case] refusal: Refusal,
        #[case] cause: &str,
        #[case] cure: &str,
    ) {
        let target = Target::parse("postgres://app@my.example/db").expect("a URL");
        let seen = Certificate {
            issuer: "CN=Proxy".into(),
            names: vec!["a.example".into()],
            not_after: SystemTime::UNIX_EPOCH,
        };
        let finding = explain(&target, &target.hosts()[0], &refusal, Some(&seen));
        assert!(finding.cause.contains(cause), "{finding:?}");
        assert!(finding.cures[0].contains(cure), "{finding:?}");
    }
}

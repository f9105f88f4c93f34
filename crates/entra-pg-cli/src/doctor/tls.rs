//! The TLS handshake, as a driver makes it; nothing is sent after it.

use std::{sync::Arc, time::SystemTime};

use entra_pg_core::{
    Error, ErrorKind, Target,
    connect::{Attempt, Failure, Step, request_tls},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    certificate::{self, Certificate},
    network::Place,
    report::{CheckResult, Finding, Outcome},
};

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
    let attempt = Attempt::new("doctor", target);
    match handshake(target, place, config, &attempt).await {
        Ok(stream) => Ok(verified(&stream)),
        Err(failure) => {
            let error = failure.into_error("", &attempt);
            let seen = match error.kind() {
                ErrorKind::Tls => read_certificate(target, place).await,
                _ => None,
            };
            Err(explain(&error, seen.as_ref()))
        }
    }
}

/// Reads the server's certificate in a second handshake, which ends as soon as it has arrived.
async fn read_certificate(target: &Target, place: &Place) -> Option<Certificate> {
    let (config, seen) = certificate::observer(target.root_certificates()).ok()?;
    let attempt = Attempt::new("doctor", target);
    _ = handshake(target, place, config, &attempt).await;
    seen.take()
}

async fn handshake(
    target: &Target,
    place: &Place,
    config: Arc<ClientConfig>,
    attempt: &Attempt,
) -> Result<TlsStream<TcpStream>, Failure> {
    let connecting = TcpStream::connect(place.address);
    let mut tcp = attempt
        .timeout(Step::TcpConnect, connecting)
        .await?
        .map_err(|error| Failure::broken(&error))?;
    let config = if target.uses_direct_tls() {
        entra_pg_rustls::with_alpn(&config)
    } else {
        let asking = request_tls(&mut tcp);
        let asked = attempt.timeout(Step::TcpConnect, asking).await;
        // TCP has been checked before.
        if asked.is_err() {
            attempt.set_step(Step::TlsHandshake);
        }
        asked??;
        config
    };
    let name = ServerName::try_from(place.host.name().to_owned())
        .map_err(|error| Error::new(ErrorKind::Tls, error.to_string()))?;
    let shaking = TlsConnector::from(config).connect(name, tcp);
    let stream = attempt
        .timeout(Step::TlsHandshake, shaking)
        .await?
        .map_err(|error| Failure::broken(&error))?;
    let agreed = stream.get_ref().1.alpn_protocol();
    if target.uses_direct_tls() && agreed != Some(entra_pg_rustls::ALPN) {
        return Err(Failure::broken(&rustls::Error::NoApplicationProtocol));
    }
    Ok(stream)
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

/// The words of all adapters, and what only the certificate itself says.
fn explain(error: &Error, seen: Option<&Certificate>) -> Finding {
    let mut finding = Finding::from(error.clone());
    if let Some(leaf) = seen {
        let issuer = &leaf.issuer;
        finding.cause = format!("{}; issued by {issuer}", finding.cause);
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_stands_beside_the_words_of_all_adapters() {
        let error = Error::new(
            ErrorKind::Tls,
            "the server's identity could not be verified",
        );
        let seen = Certificate {
            issuer: "CN=Proxy".into(),
            not_after: SystemTime::UNIX_EPOCH,
        };
        let finding = explain(&error, Some(&seen));
        assert!(
            finding
                .cause
                .ends_with("could not be verified; issued by CN=Proxy"),
            "{finding:?}"
        );
        assert_eq!(explain(&error, None).cause, error.message());
    }
}

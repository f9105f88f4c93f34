//! The token, and whether the server can accept it.

use std::time::SystemTime;

use entra_pg_core::{Claims, Entra, Scope, Target, Token};

use super::{
    clock::{SET_THE_CLOCK, not_yet_valid},
    report::{CheckResult, Finding, Outcome},
};
use crate::{options::Server, time::between};

pub(super) async fn obtain(
    server: &Server,
    target: Option<&Target>,
    entra: &Entra,
) -> CheckResult<Token> {
    let scope = server.scope(target)?;
    let token = entra
        .token_cache(&scope)
        .get(Server::timeout(target, entra))
        .await?;
    let now = SystemTime::now();
    let notes = inspect(&token.claims(), &scope, now)?;
    let summary = format!(
        "for {}, expires in {:#}",
        scope.resource(),
        between(now, token.expires_on())
    );
    Ok((token, Outcome::Passed { summary, notes }))
}

/// Returns notes; an error if the token is not for this server, which must not see it, or has expired.
fn inspect(claims: &Claims, scope: &Scope, now: SystemTime) -> Result<Vec<String>, Finding> {
    if let Some(audience) = other_service(claims, scope) {
        return Err(Finding::new(
            format!(
                "the token is for {audience}, not for {}; it was not sent to the server",
                scope.resource()
            ),
            "the credential returned another token than was requested: check it, and the scope if you gave one",
        ));
    }
    if let Some(expired) = claims.expires_on.filter(|expiry| *expiry <= now) {
        return Err(Finding::new(
            format!("the token expired {:#} ago", between(expired, now)),
            format!(
                "{SET_THE_CLOCK}; if it is right, the credential returns old tokens: sign in again"
            ),
        ));
    }
    Ok(not_yet_valid(claims, now).into_iter().collect())
}

/// Returns an audience that is a URL, but not the requested one. Some tokens contain the service's application id instead.
fn other_service<'a>(claims: &'a Claims, scope: &Scope) -> Option<&'a str> {
    let audience = claims.audience.as_deref()?;
    let same = audience.trim_end_matches('/') == scope.resource();
    (audience.contains("://") && !same).then_some(audience)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use rstest::rstest;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn claims(audience: &str, not_before: Duration, expires_on: Duration) -> Claims {
        let mut claims = Claims::default();
        claims.audience = Some(audience.into());
        claims.not_before = Some(SystemTime::UNIX_EPOCH + not_before);
        claims.expires_on = Some(SystemTime::UNIX_EPOCH + expires_on);
        claims
    }

    const RIGHT: &str = "https://ossrdbms-aad.database.windows.net";

    #[rstest]
    #[case::good(claims(RIGHT, HOUR, 3 * HOUR), Ok(None))]
    #[case::slash(claims("https://ossrdbms-aad.database.windows.net/", HOUR, 3 * HOUR), Ok(None))]
    #[case::application_id(claims("123cd850-d9df-40bd-94d5-c9f07b7fa203", HOUR, 3 * HOUR), Ok(None))]
    #[case::opaque(Claims::default(), Ok(None))]
    #[case::behind(claims(RIGHT, 3 * HOUR, 4 * HOUR), Ok(Some("only in 1h")))]
    #[case::other_service(claims("https://vault.azure.net", HOUR, 3 * HOUR), Err("for https://vault.azure.net"))]
    #[case::expired(claims(RIGHT, HOUR, HOUR + HOUR / 2), Err("expired 30m ago"))]
    fn a_token_that_no_server_would_accept_is_reported(
        #[case] claims: Claims,
        #[case] expected: Result<Option<&str>, &str>,
    ) {
        let scope = Scope::for_host("localhost");
        let now = SystemTime::UNIX_EPOCH + 2 * HOUR;
        match (inspect(&claims, &scope, now), expected) {
            (Ok(notes), Ok(None)) => assert!(notes.is_empty(), "{notes:?}"),
            (Ok(notes), Ok(Some(part))) => assert!(notes[0].contains(part), "{notes:?}"),
            (Err(finding), Err(part)) => assert!(finding.cause.contains(part), "{finding:?}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }
}

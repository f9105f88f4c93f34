//! The token, and whether the server can take it.

use std::time::{Duration, SystemTime};

use entra_pg_core::{Claims, Entra, Scope, Target, Token};
use jiff::{SignedDuration, Timestamp};

use super::{
    patient::Found,
    report::{Finding, Outcome},
};
use crate::{options::Server, words};

/// Clocks that differ by less are taken to agree.
const TOLERANCE: Duration = Duration::from_secs(5);
const SET_THE_CLOCK: &str = "set this machine's clock (NTP)";

pub(super) async fn obtain(
    server: &Server,
    target: Option<&Target>,
    entra: &Entra,
) -> Found<Option<Token>> {
    let scope = server.scope(target)?;
    let token = entra.tokens(&scope).get(Server::patience(target)).await?;
    let now = SystemTime::now();
    let notes = inspect(&token.claims(), &scope, now)?;
    let summary = format!(
        "for {}, lives another {}",
        scope.resource(),
        words::duration(between(now, token.expires_on()))
    );
    Ok((Some(token), Outcome::Passed { summary, notes }))
}

/// What is odd about it; an error if no server would take it, or if it is not for this one to see.
fn inspect(claims: &Claims, scope: &Scope, now: SystemTime) -> Result<Vec<String>, Finding> {
    if let Some(audience) = other_service(claims, scope) {
        return Err(Finding::new(
            format!(
                "the token is for {audience}, not for {}; it was not sent to the server",
                scope.resource()
            ),
            "the credential does not give what it is asked for: check it, and the scope if you gave one",
        ));
    }
    if let Some(expired) = claims.expires_on.filter(|expiry| *expiry <= now) {
        return Err(Finding::new(
            format!(
                "the token says that it expired {} ago",
                words::duration(between(expired, now))
            ),
            format!(
                "{SET_THE_CLOCK}; if it is right, the credential gives old tokens: sign in anew"
            ),
        ));
    }
    Ok(not_yet_valid(claims, now).into_iter().collect())
}

/// An audience that is a URL and not the one asked for. Some tokens hold the service's application id in its place.
fn other_service<'a>(claims: &'a Claims, scope: &Scope) -> Option<&'a str> {
    let audience = claims.audience.as_deref()?;
    let same = audience.trim_end_matches('/') == scope.resource();
    (audience.contains("://") && !same).then_some(audience)
}

/// The sign of a clock that is behind: Entra's tokens are valid from the moment they are made, or before.
pub(super) fn not_yet_valid(claims: &Claims, now: SystemTime) -> Option<String> {
    let from = claims.not_before.filter(|from| *from > now + TOLERANCE)?;
    Some(format!(
        "the token becomes valid only in {}: this machine's clock is behind, or the token endpoint's is ahead",
        words::duration(between(now, from))
    ))
}

pub(super) fn between(from: SystemTime, until: SystemTime) -> SignedDuration {
    let timestamp = |time| Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    timestamp(until).duration_since(timestamp(from))
}

#[cfg(test)]
mod tests {
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
    #[case::behind(claims(RIGHT, 3 * HOUR, 4 * HOUR), Ok(Some("only in 1 h")))]
    #[case::other_service(claims("https://vault.azure.net", HOUR, 3 * HOUR), Err("for https://vault.azure.net"))]
    #[case::expired(claims(RIGHT, HOUR, HOUR + HOUR / 2), Err("expired 30 min ago"))]
    fn a_token_that_no_server_would_take_is_told(
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

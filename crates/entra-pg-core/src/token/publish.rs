//! Which answers of the endpoint are published. Pure decisions.

use std::{fmt::Display, time::Duration};

use azure_core::credentials::AccessToken;
use zeroize::Zeroizing;

use super::{
    access_token::Token,
    clock::{Moment, Validity, since},
    policy::{Random, RefreshPolicy},
};
use crate::{Error, ErrorKind};

/// Two expiry times of the same token that differ by less are the same.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// A usable token from the endpoint.
pub(super) struct Fetched {
    secret: Zeroizing<String>,
    validity: Validity,
}

impl Fetched {
    /// Reads the answer of `now` to a request that was sent at `started`. A token that no server can accept is an error.
    pub(super) fn read(
        answer: &AccessToken,
        started: Moment,
        now: Moment,
        credential: &dyn Display,
        policy: &RefreshPolicy,
        random: Random,
    ) -> Result<Self, Error> {
        let secret = Zeroizing::new(answer.token.secret().to_owned());
        if secret.trim().is_empty() {
            return Err(empty(credential));
        }
        if let Some(part) = foreign_part(&secret) {
            return Err(no_token(credential, part));
        }
        let expires_on = answer.expires_on.into();
        let margin = policy.refresh_margin(since(expires_on, started.wall), random);
        let validity = Validity::new(expires_on, started, margin);
        if validity.remaining(now).is_zero() {
            return Err(expired(credential, since(now.wall, expires_on)));
        }
        Ok(Self { secret, validity })
    }

    /// The generation under which it replaces the token that is held; `None` to keep that one. `forced` says that the server
    /// has refused it.
    pub(super) fn replaces(&self, held: &Token, forced: bool, now: Moment) -> Option<u64> {
        let (new, left) = (self.validity.remaining(now), held.remaining(now));
        if held.secret() == *self.secret {
            // The same token again. Its expiry may have been misjudged while a clock was wrong.
            (left.is_zero() || new > left + CLOCK_TOLERANCE).then_some(held.generation())
        } else {
            (new > left || forced).then_some(held.generation() + 1)
        }
    }

    pub(super) fn into_token(self, generation: u64) -> Token {
        Token::new(self.secret, self.validity, generation)
    }
}

fn empty(credential: &dyn Display) -> Error {
    Error::new(
        ErrorKind::UnusableToken,
        format!("{credential} returned an empty token"),
    )
    .with_hint("the endpoint has a bug; contact its operator")
}

/// What is in no bearer token. A NUL would end the password early, and a line break a line of a file or a header.
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
fn foreign_part(secret: &str) -> Option<&'static str> {
    let foreign = secret.chars().find(|c| !c.is_ascii_graphic())?;
    Some(match foreign {
        '\0' => "a NUL character",
        '\r' | '\n' => "a line break",
        ' ' | '\t' => "a blank",
        c if c.is_control() => "a control character",
        _ => "a character that is not ASCII",
    })
}

fn no_token(credential: &dyn Display, part: &str) -> Error {
    Error::new(
        ErrorKind::UnusableToken,
        format!("{credential} returned a token that holds {part}"),
    )
    .with_hint("no token of Microsoft Entra does: what gives it must return the token alone, without quotes or other texts")
}

fn expired(credential: &dyn Display, ago: Duration) -> Error {
    Error::new(
        ErrorKind::UnusableToken,
        format!(
            "{credential} returned a token that expired {} s ago",
            ago.as_secs()
        ),
    )
    .with_hint("the clocks of this machine and of the token endpoint disagree: set this machine's clock (NTP)")
    .with_transient(true)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::token::clock::Clock;

    #[rstest]
    #[case::in_time(10, 20, None)]
    #[case::expired_when_it_was_sent(0, 0, Some("expired"))]
    #[case::expired_on_its_way(20, 10, Some("expired"))]
    fn a_token_that_is_dead_on_arrival_is_an_error(
        #[case] took: u64,
        #[case] lifetime: u64,
        #[case] message: Option<&str>,
    ) {
        let started = Clock::default().now();
        let expires_on = started.wall + Duration::from_secs(lifetime);
        let answer = AccessToken::new("secret", expires_on.into());
        let now = started.after(Duration::from_secs(took));
        let policy = RefreshPolicy::default();
        let read = Fetched::read(&answer, started, now, &"it", &policy, 0.0);
        let error = read.err().map(|error| error.to_string());
        assert_eq!(error.is_some(), message.is_some(), "{error:?}");
        assert!(
            error
                .unwrap_or_default()
                .contains(message.unwrap_or_default())
        );
    }

    #[rstest]
    #[case("a.b.c", None)]
    #[case("a-b_c~d+e/f=", None)]
    #[case("a.b\0.c", Some("holds a NUL character"))]
    #[case("a.b.c\n", Some("holds a line break"))]
    #[case("a.b.c\r\nX: y", Some("holds a line break"))]
    #[case("a.b .c", Some("holds a blank"))]
    #[case("\ta.b.c", Some("holds a blank"))]
    #[case("a.b.\u{1b}[31mc", Some("holds a control character"))]
    #[case("a.b.\u{7f}", Some("holds a control character"))]
    #[case("a.b.\u{85}", Some("holds a control character"))]
    #[case("a.b.\u{a0}c", Some("not ASCII"))]
    #[case("a.b.\u{202e}c", Some("not ASCII"))]
    #[case(" \n", Some("an empty token"))]
    fn what_is_in_no_token_is_refused_on_arrival(
        #[case] secret: &str,
        #[case] message: Option<&str>,
    ) {
        let now = Clock::default().now();
        let answer = AccessToken::new(
            secret.to_owned(),
            (now.wall + Duration::from_secs(60)).into(),
        );
        let policy = RefreshPolicy::default();
        let read = Fetched::read(&answer, now, now, &"it", &policy, 0.0);
        let error = read.err().map(|error| error.to_string());
        assert_eq!(error.is_some(), message.is_some(), "{error:?}");
        let error = error.unwrap_or_default();
        assert!(error.contains(message.unwrap_or_default()), "{error}");
        assert!(!error.contains("a.b"), "{error}");
    }

    /// The held token is `held`, of generation 7; both lifetimes are in seconds from now.
    #[rstest]
    #[case::the_same_again("held", 100, 100, false, None)]
    #[case::the_same_but_for_rounding("held", 100, 101, false, None)]
    #[case::the_same_whose_end_was_misjudged("held", 100, 102, false, Some(7))]
    #[case::the_same_whose_end_was_misjudged_to_have_been("held", 0, 1, false, Some(7))]
    #[case::the_same_after_a_rejection("held", 100, 100, true, None)]
    #[case::one_that_lives_longer("new", 100, 101, false, Some(8))]
    #[case::one_that_lives_as_long("new", 100, 100, false, None)]
    #[case::one_that_dies_sooner("new", 100, 99, false, None)]
    #[case::one_that_dies_sooner_after_a_rejection("new", 100, 99, true, Some(8))]
    fn only_a_better_token_is_published(
        #[case] secret: &str,
        #[case] left: u64,
        #[case] new: u64,
        #[case] forced: bool,
        #[case] generation: Option<u64>,
    ) {
        let now = Clock::default().now();
        let lives = |seconds| {
            let expires_on = now.wall + Duration::from_secs(seconds);
            Validity::new(expires_on, now, Duration::ZERO)
        };
        let held = Token::new(Zeroizing::new("held".to_owned()), lives(left), 7);
        let fetched = Fetched {
            secret: Zeroizing::new(secret.to_owned()),
            validity: lives(new),
        };
        assert_eq!(fetched.replaces(&held, forced, now), generation);
    }
}

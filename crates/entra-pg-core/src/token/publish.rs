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
    /// Reads the answer of `now` to a request that was sent at `started`. An empty or expired token is an error.
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

fn expired(credential: &dyn Display, ago: Duration) -> Error {
    Error::new(
        ErrorKind::UnusableToken,
        format!(
            "{credential} returned a token that expired {} s ago",
            ago.as_secs()
        ),
    )
    .with_hint("the clocks of this machine and of the token endpoint disagree: set this machine's clock (NTP)")
    .transient(true)
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

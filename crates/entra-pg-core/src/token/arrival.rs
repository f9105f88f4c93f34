//! What came back from the endpoint: is it a token, and is it to replace the one that is held?

use std::{sync::Arc, time::Duration};

use azure_core::credentials::AccessToken;
use zeroize::Zeroizing;

use super::{
    Issued, Token,
    cache::Inner,
    clock::{Moment, Validity, since},
    ledger::Ledger,
};
use crate::{Error, ErrorKind};

/// Two readings of a token's end that differ by less are the same.
const CLOCKS_AGREE: Duration = Duration::from_secs(1);

/// The generation under which a token is to be published in place of `held`; `None` to keep that one.
fn replacing(
    held: &Issued,
    secret: &str,
    validity: &Validity,
    forced: bool,
    now: Moment,
) -> Option<u64> {
    let (new, left) = (validity.remaining(now), held.validity.remaining(now));
    if *held.secret == secret {
        // The same token again. Its end may have been misjudged while a clock was wrong.
        (left.is_zero() || new > left + CLOCKS_AGREE).then_some(held.generation)
    } else {
        (new > left || forced).then_some(held.generation + 1)
    }
}

impl Inner {
    /// Publishes what came back, unless it is what is already held.
    pub(super) fn accept(
        &self,
        ledger: &mut Ledger,
        access: &AccessToken,
        requested: Moment,
        now: Moment,
    ) -> Result<Token, Error> {
        let secret = Zeroizing::new(access.token.secret().to_owned());
        let expires_on = access.expires_on.into();
        let remaining = since(expires_on, requested.wall);
        if secret.trim().is_empty() {
            return Err(Error::new(
                ErrorKind::UnusableToken,
                format!("{} returned an empty token", self.credential),
            )
            .with_hint("the endpoint is at fault; ask whoever runs it"));
        }
        if remaining.is_zero() {
            return Err(self.expired_on_arrival(since(requested.wall, expires_on)));
        }
        let margin = self.policy.refresh_margin(remaining, fastrand::f64());
        let validity = Validity::new(expires_on, requested, margin);
        let generation = match self.current.load_full() {
            Some(held) => {
                let forced = ledger.forced_for == Some(held.generation);
                match replacing(&held, &secret, &validity, forced, now) {
                    Some(generation) => generation,
                    None => return Ok(Token(held)),
                }
            }
            None => 1,
        };
        ledger.last_refresh = Some(now.wall);
        let token = Token::new(secret, validity, generation);
        self.current.store(Some(Arc::clone(&token.0)));
        Ok(token)
    }

    fn expired_on_arrival(&self, ago: Duration) -> Error {
        Error::new(
            ErrorKind::UnusableToken,
            format!(
                "{} returned a token that expired {} s ago",
                self.credential,
                ago.as_secs()
            ),
        )
        .with_hint("the clocks of this machine and of the token endpoint disagree: set this machine's clock (NTP)")
        .transient(true)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::token::clock::Clock;

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
    fn what_is_held_gives_way_only_to_what_is_better(
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
        let held = Issued {
            secret: Zeroizing::new("held".to_owned()),
            validity: lives(left),
            generation: 7,
        };
        assert_eq!(
            replacing(&held, secret, &lives(new), forced, now),
            generation
        );
    }
}

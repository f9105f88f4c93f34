//! When to request a token. Pure decisions: no clock is read and nothing is sent here.

use std::time::Duration;

use super::clock::{Moment, Validity};
use crate::{Error, ErrorKind, credential::Limits};

/// The times at which the cache requests a new token, and how long it waits for one.
///
/// A token is *fresh* until [`refresh_before`](Self::refresh_before). Then its refresh is *advisory*: callers get the token
/// at once, and one request is sent. In its last moments the refresh is *mandatory*: callers wait for it, briefly.
///
/// The durations are scaled down for tokens that live shorter than real ones, so the defaults also suit an emulator's tokens
/// of seconds. To change some, start from the default:
///
/// ```
/// use std::time::Duration;
/// use entra_pg_core::RefreshPolicy;
///
/// let mut policy = RefreshPolicy::default();
/// policy.fetch_timeout = Duration::from_secs(20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshPolicy {
    /// A refresh is due when less than this remains. Default 300 s; never more than half of what the token had when it
    /// arrived. A jitter of up to a fifth makes it later.
    pub refresh_before: Duration,
    /// A caller waits for the refresh when less than this remains. Default 30 s, or the caller's own timeout if that is
    /// longer; never more than a quarter of the time that `refresh_before` comes to.
    pub mandatory_refresh_before: Duration,
    /// How long such a caller waits before it gets the token that is still valid. Default 5 s; never more than half of what
    /// remains.
    pub mandatory_refresh_wait: Duration,
    /// The timeout of one request for a token. Default 75 s, since a credential of the Azure SDK may retry for 72 s. A request
    /// that we send ourselves, over HTTP, is given 30 s at most.
    pub fetch_timeout: Duration,
    /// After this, a request that has not answered is joined by a second one, if a caller has no valid token; the first
    /// answer counts. Default 3 s, at least 1 s; `az` and `azd` are given 10 s at least. [`Duration::MAX`] sends no second
    /// request. There are never more than two: the second is given
    /// three times as long, and is then replaced, while the first keeps its `fetch_timeout`.
    pub hedge_after: Duration,
    /// The pause after a failed request while a token is valid. Default 30 s ± 10 %; never more than a tenth of what remains.
    /// The endpoint's `Retry-After` makes it longer.
    pub retry_interval: Duration,
    /// The first pause of the exponential backoff while no token is valid. Default 1 s.
    pub initial_backoff: Duration,
    /// The longest pause of the backoff. Default 10 s. The endpoint's `Retry-After` makes a pause longer, up to this.
    pub max_backoff: Duration,
    /// The pause after the endpoint returned the same token, or one that is about to expire. Default 10 s; never more than a
    /// quarter of what remains.
    pub unchanged_token_interval: Duration,
    /// The time between two requests that rejections by a server may force for one login whose tokens are refused again and
    /// again, after the first two. Default 10 s, the longest pause of the backoff: as after any other fault, a login is well one
    /// such pause after its cause has gone. Requests that fail do not count, nor those whose token is accepted.
    pub rejection_interval: Duration,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            refresh_before: Duration::from_secs(300),
            mandatory_refresh_before: Duration::from_secs(30),
            mandatory_refresh_wait: Duration::from_secs(5),
            fetch_timeout: Duration::from_secs(75),
            hedge_after: Duration::from_secs(3),
            retry_interval: Duration::from_secs(30),
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(10),
            unchanged_token_interval: Duration::from_secs(10),
            rejection_interval: Duration::from_secs(10),
        }
    }
}

/// A lower bound for every wait before a request, so that no arithmetic on small numbers becomes a hot loop.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// A second request any sooner would be a second one for every request, and its successors a flood.
const SHORTEST_HEDGE: Duration = Duration::from_secs(1);

/// How much life is left in the current token, in the words of the state table in `docs/architecture.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Advisory,
    Mandatory,
    Expired,
}

/// A random number in `0.0..=1.0`, handed in so that decisions stay pure.
pub(crate) type Random = f64;

impl RefreshPolicy {
    /// How long before its expiry a token that has `remaining` on arrival is to be replaced. The jitter, up to a fifth,
    /// makes it later and never earlier: before 300 s to expiry a managed identity endpoint would only repeat itself.
    pub(crate) fn refresh_margin(&self, remaining: Duration, random: Random) -> Duration {
        let margin = self.refresh_before.min(remaining / 2);
        margin.saturating_sub((margin / 5).mul_f64(random.clamp(0.0, 1.0)))
    }

    /// How fresh a token is for a caller with this timeout.
    pub(crate) fn freshness(
        &self,
        validity: &Validity,
        now: Moment,
        timeout: Duration,
    ) -> Freshness {
        let remaining = validity.remaining(now);
        let margin = validity.refresh_margin();
        let mandatory = self.mandatory_refresh_before.max(timeout).min(margin / 4);
        if remaining.is_zero() {
            Freshness::Expired
        } else if remaining <= mandatory {
            Freshness::Mandatory
        } else if remaining <= margin {
            Freshness::Advisory
        } else {
            Freshness::Fresh
        }
    }

    /// The pause after an attempt that failed.
    ///
    /// `remaining` is what the held token has left (zero: there is none), `failures` counts the failures in a row,
    /// this one included.
    pub(crate) fn pause_after_failure(
        &self,
        remaining: Duration,
        failures: u32,
        retry_after: Option<Duration>,
        random: Random,
    ) -> Duration {
        let random = random.clamp(0.0, 1.0);
        if remaining.is_zero() {
            let doubled = 1 << failures.saturating_sub(1).min(16);
            let step = self.initial_backoff.saturating_mul(doubled);
            let step = step.min(self.max_backoff);
            // No more than one step, so that an endpoint that is well again is noticed whatever it asked for.
            let asked = retry_after.unwrap_or_default().min(self.max_backoff);
            step.mul_f64(random).max(asked).max(SHORTEST_WAIT)
        } else {
            let interval = self.retry_interval.min(remaining / 10);
            let jittered = interval.mul_f64(0.9 + 0.2 * random);
            // Half, so that an endpoint cannot demand all the time that is left.
            let asked = retry_after.unwrap_or_default().min(remaining / 2);
            jittered.max(asked).max(SHORTEST_WAIT)
        }
    }

    /// How long a request may take, by a credential with these limits.
    pub(crate) fn limits(&self, credential: Limits) -> Limits {
        Limits {
            hedge_after: self
                .hedge_after
                .max(credential.hedge_after)
                .max(SHORTEST_HEDGE),
            timeout: self.fetch_timeout.min(credential.timeout),
        }
    }

    /// The pause after an attempt that brought a token with `remaining` left.
    pub(crate) fn pause_after_success(&self, remaining: Duration) -> Duration {
        self.unchanged_token_interval
            .min(remaining / 4)
            .max(SHORTEST_WAIT)
    }
}

/// Whether a request that failed so is sent again for a caller without a token, as long as it has time left.
pub(crate) fn is_retried(error: &Error) -> bool {
    error.kind() == ErrorKind::TokenRequest && error.is_transient()
}

/// How many tokens that a login has forced may be refused to it again: two at once, then one per interval.
#[derive(Debug)]
pub(crate) struct RejectionBudget {
    left: u32,
    refilled: Moment,
}

impl RejectionBudget {
    const BURST: u32 = 2;

    pub(crate) fn new(now: Moment) -> Self {
        Self {
            left: Self::BURST,
            refilled: now,
        }
    }

    /// Whether another may be forced now.
    pub(crate) fn has_left(&mut self, now: Moment, interval: Duration) -> bool {
        let passed = now.since(self.refilled);
        let earned = passed.as_nanos() / interval.as_nanos().max(1);
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(earned).min(Self::BURST);
            self.refilled = now;
        }
        self.left > 0
    }

    pub(crate) fn take(&mut self) {
        self.left = self.left.saturating_sub(1);
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;

//! Which rejections of a server may force a request. Pure decisions.
//!
//! What counts are tokens that came and were refused again, for each login by itself: a role that does not exist is refused
//! whatever the token, and takes nothing from the others. A forced request that fails counts for nothing; the backoff spaces it.

use std::{collections::HashMap, time::Duration};

use super::{
    clock::Moment,
    policy::{RefreshPolicy, RejectionBudget},
};

/// After this, what was refused to a login is no longer held against it. It bounds the memory, too.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// A token that a server refused, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Rejected {
    pub(super) generation: u64,
    /// Role and server.
    pub(super) login: String,
}

#[derive(Default)]
pub(super) struct Rejections {
    logins: HashMap<String, Refused>,
    /// When a forced request has brought a token.
    latest: Option<Moment>,
}

/// One login, since it was last accepted.
struct Refused {
    budget: RejectionBudget,
    /// The generation for which a forced request brought the same token again.
    repeated: Option<u64>,
    latest: Moment,
}

impl Rejections {
    /// How long until this rejection may force a request; `None` if a request would not help, or too many have not.
    pub(super) fn pause(
        &mut self,
        rejected: &Rejected,
        policy: &RefreshPolicy,
        now: Moment,
    ) -> Option<Duration> {
        self.logins
            .retain(|_, refused| now.since(refused.latest) < FORGOTTEN_AFTER);
        if self.has_repeated_within(rejected.generation, policy.rejection_interval, now) {
            return None;
        }
        if let Some(refused) = self.logins.get_mut(&rejected.login) {
            let repeated = refused.repeated == Some(rejected.generation);
            if repeated || !refused.budget.has_left(now, policy.rejection_interval) {
                return None;
            }
        }
        // However many logins there are.
        let since = self.latest.map(|latest| now.since(latest));
        let pause = since.map(|since| policy.initial_backoff.saturating_sub(since));
        Some(pause.unwrap_or_default())
    }

    /// Whether the endpoint has lately returned this token to another login: it would do so again.
    fn has_repeated_within(&self, generation: u64, interval: Duration, now: Moment) -> bool {
        let lately = |refused: &&Refused| now.since(refused.latest) < interval;
        let mut refused = self.logins.values().filter(lately);
        refused.any(|refused| refused.repeated == Some(generation))
    }

    /// Notes that a request which this rejection has forced brought the token of `generation`.
    pub(super) fn brought(&mut self, rejected: Rejected, generation: u64, now: Moment) {
        let repeated = (generation <= rejected.generation).then_some(rejected.generation);
        let refused = self.logins.entry(rejected.login).or_insert(Refused {
            budget: RejectionBudget::new(now),
            repeated: None,
            latest: now,
        });
        refused.budget.take();
        refused.repeated = repeated;
        refused.latest = now;
        self.latest = Some(now);
    }

    /// Notes that a server has accepted a token from this login.
    pub(super) fn accepted(&mut self, login: &str) {
        self.logins.remove(login);
    }

    /// Whether a server has refused the token of this generation, and the endpoint has returned it again.
    pub(super) fn has_repeated(&self, generation: u64) -> bool {
        let mut logins = self.logins.values();
        logins.any(|refused| refused.repeated == Some(generation))
    }
}

#[cfg(test)]
#[path = "rejections_tests.rs"]
mod tests;

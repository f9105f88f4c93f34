//! When to ask for a token. Pure decisions: no clock is read and nothing is sent here.

use std::time::Duration;

use super::clock::{Moment, Validity};

/// When the cache asks for a new token, and how long it waits for one.
///
/// Every duration is scaled down for tokens that live shorter than real ones do, so that the defaults also work with an
/// emulator's tokens of seconds. To change some, start from the default:
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
    /// Refresh when less than this remains. Default 300 s; never more than half of what the token had on arrival.
    pub refresh_before: Duration,
    /// In the last moments before expiry a caller waits for the refresh that is under way. Default 30 s, or the caller's
    /// own connect deadline if that is longer; never more than a quarter of the refresh margin.
    pub floor: Duration,
    /// How long such a caller waits before it is given the token that still lives. Default 5 s; never more than half
    /// of what remains.
    pub floor_wait: Duration,
    /// After which one request for a token is given up. Default 75 s: the metadata service of a virtual machine is
    /// retried for 72 s by the Azure SDK.
    pub fetch_timeout: Duration,
    /// Between two attempts while a token lives. Default 30 s ± 10 %; never more than a tenth of what remains.
    pub retry_interval: Duration,
    /// The first and the longest step of the exponential backoff while no token lives. Default 1 s and 10 s.
    pub backoff: (Duration, Duration),
    /// Before asking again when the endpoint returned the same token, or one that is about to expire. Default 10 s;
    /// never more than a quarter of what remains.
    pub repeat_interval: Duration,
    /// Between two requests that a server's rejection may force, after a first two. Default 30 s.
    pub rejection_interval: Duration,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            refresh_before: Duration::from_secs(300),
            floor: Duration::from_secs(30),
            floor_wait: Duration::from_secs(5),
            fetch_timeout: Duration::from_secs(75),
            retry_interval: Duration::from_secs(30),
            backoff: (Duration::from_secs(1), Duration::from_secs(10)),
            repeat_interval: Duration::from_secs(10),
            rejection_interval: Duration::from_secs(30),
        }
    }
}

/// A lower bound for every wait before a request, so that no arithmetic on small numbers becomes a hot loop.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// The longest that an endpoint's Retry-After is believed while no token lives.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How much life is left in the current token, in the words of the state table in `docs/architecture.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    Stale,
    Floor,
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

    pub(crate) fn freshness(
        &self,
        validity: &Validity,
        now: Moment,
        connect_deadline: Duration,
    ) -> Freshness {
        let remaining = validity.remaining(now);
        let margin = validity.refresh_margin();
        if remaining.is_zero() {
            Freshness::Expired
        } else if remaining <= self.floor.max(connect_deadline).min(margin / 4) {
            Freshness::Floor
        } else if remaining <= margin {
            Freshness::Stale
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
            let (first, longest) = self.backoff;
            let step = first
                .saturating_mul(1 << failures.saturating_sub(1).min(16))
                .min(longest);
            let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
            step.mul_f64(random).max(asked).max(SHORTEST_WAIT)
        } else {
            let interval = self.retry_interval.min(remaining / 10);
            let jittered = interval.mul_f64(0.9 + 0.2 * random);
            // Half, so that an endpoint cannot ask for all the time that is left.
            let asked = retry_after.unwrap_or_default().min(remaining / 2);
            jittered.max(asked).max(SHORTEST_WAIT)
        }
    }

    /// The pause after an attempt that brought a token with `remaining` left.
    pub(crate) fn pause_after_success(&self, remaining: Duration) -> Duration {
        self.repeat_interval.min(remaining / 4).max(SHORTEST_WAIT)
    }
}

/// How many requests a server's rejections may force: two at once, then one per interval.
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

    pub(crate) fn take(&mut self, now: Moment, interval: Duration) -> bool {
        let passed = now
            .monotonic
            .saturating_duration_since(self.refilled.monotonic);
        let earned = passed.as_nanos() / interval.as_nanos().max(1);
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            self.left = self.left.saturating_add(earned).min(Self::BURST);
            self.refilled = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::clock::Clock;
    use rstest::rstest;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[rstest]
    #[case::a_day(s(86_400), 0.0, s(300))]
    #[case::an_hour(s(3_600), 0.0, s(300))]
    #[case::an_hour_jittered(s(3_600), 1.0, s(240))]
    #[case::ten_minutes(s(600), 0.0, s(300))]
    #[case::five_minutes(s(300), 0.0, s(150))]
    #[case::a_test_token(s(4), 0.0, s(2))]
    #[case::nothing(s(0), 1.0, s(0))]
    fn refresh_is_never_asked_for_before_an_endpoint_would_answer_anew(
        #[case] remaining: Duration,
        #[case] random: Random,
        #[case] margin: Duration,
    ) {
        assert_eq!(
            RefreshPolicy::default().refresh_margin(remaining, random),
            margin
        );
    }

    #[rstest]
    #[case::fresh(s(3_600), s(0), s(15), Freshness::Fresh)]
    #[case::last_fresh_moment(s(3_600), s(3_299), s(15), Freshness::Fresh)]
    #[case::stale(s(3_600), s(3_300), s(15), Freshness::Stale)]
    #[case::floor(s(3_600), s(3_570), s(15), Freshness::Floor)]
    #[case::floor_of_a_patient_caller(s(3_600), s(3_545), s(60), Freshness::Floor)]
    #[case::expired(s(3_600), s(3_600), s(15), Freshness::Expired)]
    #[case::long_expired(s(3_600), s(9_999), s(15), Freshness::Expired)]
    #[case::a_test_token_is_not_all_floor(s(8), s(4), s(15), Freshness::Stale)]
    #[case::a_test_token_in_its_floor(s(8), s(7), s(15), Freshness::Floor)]
    fn freshness_follows_the_table(
        #[case] lifetime: Duration,
        #[case] age: Duration,
        #[case] deadline: Duration,
        #[case] expected: Freshness,
    ) {
        let policy = RefreshPolicy::default();
        let start = Clock::default().now();
        let validity = Validity::new(
            start.wall + lifetime,
            start,
            policy.refresh_margin(lifetime, 0.0),
        );
        assert_eq!(
            policy.freshness(&validity, start.after(age), deadline),
            expected
        );
    }

    #[rstest]
    #[case::token_lives(s(300), 1, None, 0.5, s(30))]
    #[case::token_lives_and_jitter(s(300), 9, None, 1.0, s(33))]
    #[case::token_nearly_gone(s(20), 1, None, 0.5, s(2))]
    #[case::retry_after(s(300), 1, Some(s(120)), 0.5, s(120))]
    #[case::retry_after_beyond_expiry(s(300), 1, Some(s(900)), 0.5, s(150))]
    #[case::no_token_first(s(0), 1, None, 1.0, s(1))]
    #[case::no_token_third(s(0), 3, None, 1.0, s(4))]
    #[case::no_token_longest(s(0), 5, None, 1.0, s(10))]
    #[case::no_token_for_ever(s(0), u32::MAX, None, 1.0, s(10))]
    #[case::no_token_full_jitter(s(0), 5, None, 0.0, SHORTEST_WAIT)]
    #[case::no_token_retry_after(s(0), 1, Some(s(900)), 0.0, LONGEST_RETRY_AFTER)]
    fn failures_are_not_retried_at_once(
        #[case] remaining: Duration,
        #[case] failures: u32,
        #[case] retry_after: Option<Duration>,
        #[case] random: Random,
        #[case] expected: Duration,
    ) {
        let pause =
            RefreshPolicy::default().pause_after_failure(remaining, failures, retry_after, random);
        assert_eq!(pause.as_millis(), expected.as_millis());
    }

    #[rstest]
    #[case(s(3_600), s(10))]
    #[case(s(8), s(2))]
    #[case(s(0), SHORTEST_WAIT)]
    fn a_repeated_token_makes_no_hot_loop(#[case] remaining: Duration, #[case] expected: Duration) {
        assert_eq!(
            RefreshPolicy::default().pause_after_success(remaining),
            expected
        );
    }

    #[test]
    fn rejections_cannot_become_a_storm_of_requests() {
        let start = Clock::default().now();
        let mut budget = RejectionBudget::new(start);
        let mut take = |seconds| budget.take(start.after(s(seconds)), s(30));
        assert_eq!(
            [
                take(0),
                take(0),
                take(0),
                take(29),
                take(30),
                take(31),
                take(3_600),
                take(3_600),
                take(3_600)
            ],
            [true, true, false, false, true, false, true, true, false]
        );
    }

    /// Lives through a lifetime of random failures, and counts.
    fn simulate(lifetime: u64, randoms: &[f64], retry_after: Option<u64>) -> (u32, bool) {
        let policy = RefreshPolicy::default();
        let begin = Clock::default().now();
        let lifetime = s(lifetime);
        let validity = Validity::new(
            begin.wall + lifetime,
            begin,
            policy.refresh_margin(lifetime, randoms[0]),
        );
        let (mut age, mut requests, mut withheld) = (Duration::ZERO, 0, false);
        for random in randoms.iter().cycle() {
            let now = begin.after(age);
            let remaining = validity.remaining(now);
            let freshness = policy.freshness(&validity, now, s(15));
            withheld |= (freshness == Freshness::Expired) != remaining.is_zero();
            if remaining.is_zero() {
                break;
            }
            age += if freshness == Freshness::Fresh {
                remaining
                    .saturating_sub(validity.refresh_margin())
                    .max(SHORTEST_WAIT)
            } else {
                requests += 1;
                policy.pause_after_failure(remaining, requests, retry_after.map(s), *random)
            };
        }
        (requests, withheld)
    }

    proptest::proptest! {
        #[test]
        fn whatever_fails_a_living_token_is_not_withheld_and_requests_are_bounded(
            lifetime in 1_u64..=90_000,
            randoms in proptest::collection::vec(0.0..=1.0, 1..20),
            retry_after in proptest::option::of(0_u64..=3_600),
        ) {
            let (requests, withheld) = simulate(lifetime, &randoms, retry_after);
            proptest::prop_assert!(!withheld);
            // 300 s at a tenth of what remains each, down to the shortest wait: about 90 steps.
            proptest::prop_assert!(requests <= 120, "{requests}");
        }

        #[test]
        fn no_pause_is_shorter_than_the_shortest(
            remaining in 0_u64..=90_000,
            failures in proptest::num::u32::ANY,
            retry_after in proptest::option::of(proptest::num::u64::ANY),
            random in 0.0..=1.0,
        ) {
            let policy = RefreshPolicy::default();
            let pause = policy.pause_after_failure(s(remaining), failures, retry_after.map(s), random);
            proptest::prop_assert!(pause >= SHORTEST_WAIT);
            proptest::prop_assert!(pause <= s(remaining).max(LONGEST_RETRY_AFTER));
        }
    }
}

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
fn a_refresh_is_not_due_before_an_endpoint_returns_a_new_token(
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
#[case::advisory(s(3_600), s(3_300), s(15), Freshness::Advisory)]
#[case::mandatory(s(3_600), s(3_570), s(15), Freshness::Mandatory)]
#[case::mandatory_for_a_long_timeout(s(3_600), s(3_545), s(60), Freshness::Mandatory)]
#[case::expired(s(3_600), s(3_600), s(15), Freshness::Expired)]
#[case::long_expired(s(3_600), s(9_999), s(15), Freshness::Expired)]
#[case::a_test_token_is_not_all_mandatory(s(8), s(4), s(15), Freshness::Advisory)]
#[case::a_test_token_about_to_expire(s(8), s(7), s(15), Freshness::Mandatory)]
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
#[case::no_token_retry_after(s(0), 1, Some(s(7)), 0.0, s(7))]
#[case::no_token_retry_after_an_hour(s(0), 1, Some(s(3_600)), 0.0, s(10))]
#[case::no_token_retry_after_for_ever(s(0), 1, Some(Duration::MAX), 0.0, s(10))]
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
    let mut take = |seconds| {
        let allowed = budget.has_left(start.after(s(seconds)), s(30));
        budget.take();
        allowed
    };
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
        proptest::prop_assert!(pause <= s(remaining).max(policy.max_backoff));
    }
}

#[rstest]
#[case::zero(Duration::ZERO, s(1))]
#[case::default(s(3), s(3))]
#[case::never(Duration::MAX, Duration::MAX)]
fn no_second_request_comes_at_once(#[case] hedge_after: Duration, #[case] expected: Duration) {
    let policy = RefreshPolicy {
        hedge_after,
        ..Default::default()
    };
    let of_credential = Limits {
        hedge_after: Duration::ZERO,
        timeout: Duration::MAX,
    };
    assert_eq!(policy.limits(of_credential).hedge_after, expected);
}

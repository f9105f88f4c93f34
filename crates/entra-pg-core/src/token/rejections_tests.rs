use super::*;
use crate::token::clock::Clock;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rejected(login: &str, generation: u64) -> Rejected {
    Rejected {
        generation,
        login: login.to_owned(),
    }
}

/// A login that is refused every token, as often as it may force one: after how many seconds it does.
fn forced_by(login: &str, rejections: &mut Rejections, begin: Moment, seconds: u64) -> Vec<u64> {
    let policy = RefreshPolicy::default();
    let mut generation = 1;
    let mut forced = Vec::new();
    for second in 0..seconds {
        let now = begin.after(s(second));
        let refused = rejected(login, generation);
        if rejections.pause(&refused, &policy, now) == Some(Duration::ZERO) {
            forced.push(second);
            generation += 1;
            rejections.brought(refused, generation, now);
        }
    }
    forced
}

#[test]
fn a_login_that_is_always_refused_forces_two_requests_and_then_one_in_ten_seconds() {
    let mut rejections = Rejections::default();
    let begin = Clock::default().now();
    let forced = forced_by("nobody@here", &mut rejections, begin, 40);
    assert_eq!(forced, [0, 1, 10, 20, 30]);
}

#[test]
fn a_login_that_is_always_refused_takes_nothing_from_another() {
    let (mut rejections, policy) = (Rejections::default(), RefreshPolicy::default());
    let begin = Clock::default().now();
    forced_by("nobody@here", &mut rejections, begin, 3);
    let now = begin.after(s(3));
    assert_eq!(
        rejections.pause(&rejected("nobody@here", 3), &policy, now),
        None
    );
    assert_eq!(
        rejections.pause(&rejected("app@here", 3), &policy, now),
        Some(Duration::ZERO)
    );
}

#[test]
fn a_token_that_was_accepted_is_not_held_against_the_next_revocation() {
    let (mut rejections, policy) = (Rejections::default(), RefreshPolicy::default());
    let begin = Clock::default().now();
    for generation in 1..20 {
        let now = begin.after(s(2 * generation));
        let refused = rejected("app@here", generation);
        assert_eq!(
            rejections.pause(&refused, &policy, now),
            Some(Duration::ZERO)
        );
        rejections.brought(refused, generation + 1, now);
        rejections.accepted("app@here");
    }
}

#[test]
fn any_number_of_logins_forces_one_request_a_second_and_is_forgotten() {
    let (mut rejections, policy) = (Rejections::default(), RefreshPolicy::default());
    let begin = Clock::default().now();
    let mut forced = 0;
    for number in 0..20_000 {
        let now = begin.after(Duration::from_millis(100 * number));
        let refused = rejected(&format!("guess-{number}@here"), number);
        if rejections.pause(&refused, &policy, now) == Some(Duration::ZERO) {
            forced += 1;
            rejections.brought(refused, number + 1, now);
        }
    }
    assert_eq!(forced, 2_000);
    assert!(
        rejections.logins.len() <= 601,
        "{}",
        rejections.logins.len()
    );
}

#[test]
fn a_token_that_came_back_the_same_is_not_requested_again_for_that_login_alone() {
    let (mut rejections, policy) = (Rejections::default(), RefreshPolicy::default());
    let begin = Clock::default().now();
    rejections.brought(rejected("app@here", 5), 5, begin);
    assert!(rejections.has_repeated(5));
    let now = begin.after(s(300));
    assert_eq!(
        rejections.pause(&rejected("app@here", 5), &policy, now),
        None
    );
    let others = [rejected("app@here", 6), rejected("other@here", 5)];
    for other in others {
        assert_eq!(rejections.pause(&other, &policy, now), Some(Duration::ZERO));
    }
    let later = begin.after(FORGOTTEN_AFTER);
    assert_eq!(
        rejections.pause(&rejected("app@here", 5), &policy, later),
        Some(Duration::ZERO)
    );
}

#[test]
fn an_endpoint_that_repeats_a_token_is_not_asked_again_for_each_login() {
    let (mut rejections, policy) = (Rejections::default(), RefreshPolicy::default());
    let begin = Clock::default().now();
    rejections.brought(rejected("nobody@here", 5), 5, begin);
    let pause = |rejections: &mut Rejections, seconds| {
        rejections.pause(&rejected("app@here", 5), &policy, begin.after(s(seconds)))
    };
    assert_eq!(pause(&mut rejections, 2), None);
    assert_eq!(pause(&mut rejections, 9), None);
    assert_eq!(pause(&mut rejections, 10), Some(Duration::ZERO));
}

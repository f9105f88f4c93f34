//! Every scenario, through all interleavings with few preemptions, and through many more by chance.
//!
//! `just interleavings` looks further, and prints how far.

mod bounded;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use interleaved_core::scenarios;
use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

use bounded::Bounded;

/// How far to look.
struct Reach {
    preemptions: usize,
    one_by_one: usize,
    by_chance: usize,
}

fn reach() -> Reach {
    if std::env::var_os("ENTRA_PG_INTERLEAVINGS").is_some() {
        Reach {
            preemptions: 1,
            one_by_one: 1_000_000,
            by_chance: 100_000,
        }
    } else {
        Reach {
            preemptions: 1,
            one_by_one: 5_000,
            by_chance: 1_000,
        }
    }
}

/// Returns how many interleavings there were.
fn run(
    scheduler: impl Scheduler + Send + 'static,
    scenario: impl Fn() + Send + Sync + 'static,
) -> usize {
    let mut config = Config::new();
    config.stack_size = 0x4_0000;
    Runner::new(scheduler, config).run(scenario)
}

/// One by one those with few preemptions, then by chance.
fn explore(name: &str, scenario: impl Fn() + Clone + Send + Sync + 'static) {
    let Reach {
        preemptions,
        one_by_one,
        by_chance,
    } = reach();
    let complete = Arc::new(AtomicBool::new(false));
    let bounded = Bounded::new(preemptions, one_by_one, Arc::clone(&complete));
    let tried = run(bounded, scenario.clone());
    let all = if complete.load(Ordering::SeqCst) {
        "all"
    } else {
        "the first"
    };
    println!("{name}: {all} {tried} interleavings with at most {preemptions} preemption");
    explore_by_chance(name, by_chance, scenario);
}

/// With as many preemptions as there may be, and with few at the worst places.
fn explore_by_chance(
    name: &str,
    executions: usize,
    scenario: impl Fn() + Clone + Send + Sync + 'static,
) {
    let seed = 20;
    let random = run(
        RandomScheduler::new_from_seed(seed, executions),
        scenario.clone(),
    );
    let priorities = run(PctScheduler::new_from_seed(seed, 3, executions), scenario);
    println!("{name}: {random} at random, {priorities} by random priorities");
}

macro_rules! explored {
    ($($name:ident $(($number:literal))?)*) => {$(
        #[test]
        fn $name() {
            explore(stringify!($name), || scenarios::$name($($number)?));
        }
    )*};
}

explored! {
    cold_callers(2)
    cold_callers_of_an_endpoint_that_refuses(2)
    cold_callers_of_an_endpoint_that_is_late(2)
    cold_callers_that_run_out_of_time
    a_credential_that_panics
    a_caller_that_goes_away
    a_request_that_is_lost
    a_request_that_never_starts
    a_rejection_and_a_refresh
    a_rejection_and_a_refresh_that_fails
    rejections_of_one_token(2)
    rejections_while_the_endpoint_fails
    a_rejection_and_a_request_that_hangs
    rejections_of_two_logins
    a_forced_request_that_is_lost
    the_last_handle_goes
    a_hanging_request_and_the_last_handle
    background_refresh
    an_endpoint_that_hangs
    a_request_that_hangs_and_a_second_one
    a_request_that_is_slow_and_a_second_one
    an_overdue_request
    an_expiry_in_between
}

#[test]
fn many_cold_callers() {
    explore_by_chance("many cold callers", reach().by_chance, || {
        scenarios::cold_callers(12);
    });
}

#[test]
fn many_rejections() {
    explore_by_chance("many rejections", reach().by_chance, || {
        scenarios::rejections_of_one_token(8);
    });
}

//! Every scenario, through all interleavings with few preemptions, and through many more by chance.
//!
//! `just interleavings` looks further, and prints how far.

mod bounded;

use interleaved_core::scenarios;
use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler, Scheduler},
};

use bounded::Bounded;

/// How far to look.
struct Reach {
    preemptions: usize,
    by_chance: usize,
}

fn reach() -> Reach {
    if std::env::var_os("ENTRA_PG_INTERLEAVINGS").is_some() {
        Reach { preemptions: 3, by_chance: 100_000 }
    } else {
        Reach { preemptions: 2, by_chance: 500 }
    }
}

fn run(name: &str, how: &str, scheduler: impl Scheduler + Send + 'static, scenario: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 0x4_0000;
    let executions = Runner::new(scheduler, config).run(scenario);
    println!("{name}: {executions} interleavings, {how}");
}

/// All with few preemptions, then by chance with as many as there may be, and with few at the worst places.
fn explore(name: &str, scenario: impl Fn() + Clone + Send + Sync + 'static) {
    let Reach { preemptions, by_chance } = reach();
    let all = format!("all with at most {preemptions} preemptions");
    run(name, &all, Bounded::new(preemptions), scenario.clone());
    by_chance_only(name, by_chance, scenario);
}

fn by_chance_only(name: &str, executions: usize, scenario: impl Fn() + Clone + Send + Sync + 'static) {
    let seed = 20;
    run(name, "random", RandomScheduler::new_from_seed(seed, executions), scenario.clone());
    run(name, "random priorities", PctScheduler::new_from_seed(seed, 3, executions), scenario);
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
    cold_callers_of_an_endpoint_that_fails(2)
    a_credential_that_panics
    a_caller_that_goes_away
    a_request_that_is_lost
    a_request_that_never_starts
    a_rejection_and_a_refresh
    a_rejection_and_a_refresh_that_fails
    rejections_of_one_token(2)
    rejections_while_the_endpoint_fails
    a_forced_request_that_is_lost
    the_last_handle_goes
    keeping_warm
    an_endpoint_that_hangs
    a_request_that_is_stuck
    an_expiry_in_between
}

#[test]
fn many_cold_callers() {
    by_chance_only("many cold callers", reach().by_chance, || scenarios::cold_callers(12));
}

#[test]
fn many_rejections() {
    by_chance_only("many rejections", reach().by_chance, || scenarios::rejections_of_one_token(8));
}

//! What a token costs. Each group has a baseline, `a pasted token`: the same driver with a token that lives for an hour, given
//! once. Everything else is reported as a ratio to it.

mod connect;
mod pools;
mod query;
mod ratio;
mod token;

use std::time::{Duration, SystemTime};

use criterion::Criterion;
use tokio::runtime::{Builder, Runtime};

fn main() {
    let started = SystemTime::now();
    let mut criterion = Criterion::default()
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let runtime = runtime();
    token::measure(&mut criterion, &runtime);
    connect::measure(&mut criterion, &runtime);
    query::measure(&mut criterion, &runtime);
    ratio::print(started);
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

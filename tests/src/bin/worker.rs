//! A small application over one adapter, in its own process, so that it can be frozen and its descriptors counted.
//!
//! `entra-pg-worker operate ADAPTER` opens one connection after another until its standard input ends, and writes a line of
//! JSON for each. `entra-pg-worker leaks ADAPTER` creates and drops pools in every way and prints what is left of them.

use std::{
    fs,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use entra_pg_core::{Entra, Scope, Target};
use entra_pg_tests::{
    adapter_fixture::{operation, retire},
    adapters::{Adapter, NamedAdapter, TestPool, named},
    fixtures::eventually,
};
use serde_json::json;
use tokio::{
    io::AsyncReadExt,
    runtime::{Handle, Runtime},
    time::{Instant, sleep, timeout},
};

const POOLS: usize = 20;
const LOAD: usize = 16;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (command, name) = (arguments.next(), arguments.next().unwrap_or_default());
    let adapter = named(&name);
    match command.as_deref() {
        Some("operate") => {
            end_with_the_test();
            runtime().block_on(operate(adapter.adapter));
        }
        Some("leaks") => leaks(adapter),
        _ => panic!("entra-pg-worker operate|leaks ADAPTER"),
    }
}

/// A test that is killed sees to nothing, and a process that is frozen does not notice the end of its input.
fn end_with_the_test() {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).expect("a signal");
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// The URL of the environment, with a timeout longer than any freeze: a connect that is under way when the process is frozen goes on.
fn url() -> String {
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL");
    format!("{url}?connect_timeout=60")
}

async fn open(adapter: &dyn Adapter, entra: &Entra) -> Box<dyn TestPool> {
    let url = url();
    let target = Target::parse(&url).expect("a URL");
    adapter.open(&url, target, entra).await.expect("connects")
}

async fn operate(adapter: &dyn Adapter) {
    let entra = Entra::from_env().expect("a credential");
    let opened = open(adapter, &entra).await;
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    let work = async {
        loop {
            let (at, started) = (unix_ms(SystemTime::now()), Instant::now());
            let result = operation(&*opened).await;
            let took = started.elapsed();
            let error = result.as_ref().err().cloned();
            let token = tokens.cached();
            println!(
                "{}",
                json!({
                    "at_ms": at, "took_ms": took.as_millis() as u64, "error": error,
                    "generation": token.as_ref().map(|token| token.generation()),
                    "expires_ms": token.map(|token| unix_ms(token.expires_on())),
                })
            );
            if let Ok(held) = result {
                retire(held).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let (mut input, mut ignored) = (tokio::io::stdin(), Vec::new());
    tokio::select! {
        () = work => {}
        _ = input.read_to_end(&mut ignored) => {}
    }
    opened.close().await;
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}

fn leaks(
    NamedAdapter {
        per_connection,
        adapter,
        ..
    }: NamedAdapter,
) {
    // A rotation keeps its pool, and so the pool's own task, until it is closed or the runtime ends: as documented.
    let allowed = |pools: usize| if per_connection { 0 } else { 2 * pools };
    // Whatever a process has once, it has from now on.
    in_a_runtime(adapter, 1, allowed(1));
    let before = descriptors();
    let left = in_a_runtime(adapter, POOLS, allowed(POOLS));
    assert!(
        left <= allowed(POOLS),
        "{left} tasks are left of {POOLS} pools"
    );
    let after = descriptors();
    assert!(
        after <= before,
        "{before} descriptors before, {after} after"
    );
    println!(
        "{}",
        json!({ "tasks_until_the_runtime_ends": left, "descriptors": after })
    );
}

/// Makes pools and drops them unclosed, and closes one under load. Returns how many tasks are left of the pools.
fn in_a_runtime(adapter: &'static dyn Adapter, pools: usize, allowed: usize) -> usize {
    let runtime = runtime();
    runtime.block_on(async {
        let entra = Entra::from_env().expect("a credential");
        let tokens = entra.token_cache(&Scope::for_host("localhost"));
        tokens.get(Duration::from_secs(60)).await.expect("a token");
        let before = tasks();
        closed_under_load(adapter, &entra).await;
        for _ in 0..pools {
            let pool = open(adapter, &entra).await;
            let held = [operation(&*pool).await, operation(&*pool).await];
            assert!(held.iter().all(Result::is_ok));
            drop(pool);
            drop(held);
        }
        settled(before + allowed).await;
        tasks().saturating_sub(before)
    })
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits until there are no more than these. bb8's own task looks every 30 s whether its pool is still there.
async fn settled(expected: usize) {
    let mut last = (tasks(), Instant::now());
    while last.0 > expected && last.1.elapsed() < Duration::from_secs(40) {
        sleep(Duration::from_millis(100)).await;
        if tasks() != last.0 {
            last = (tasks(), Instant::now());
        }
    }
}

async fn closed_under_load(adapter: &'static dyn Adapter, entra: &Entra) {
    let pool: Arc<dyn TestPool> = open(adapter, entra).await.into();
    let load: Vec<_> = (0..LOAD)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move {
                let end = Instant::now() + Duration::from_millis(1_500);
                while Instant::now() < end && operation(&*pool).await.is_ok() {}
            })
        })
        .collect();
    sleep(Duration::from_millis(500)).await;
    let closing = timeout(Duration::from_secs(60), pool.shut()).await;
    closing.expect("closing a pool under load ends");
    for task in load {
        let ended = timeout(Duration::from_secs(60), task).await;
        ended.expect("its users get an error").expect("no panic");
    }
    eventually("it has one owner", async || Arc::strong_count(&pool) == 1).await;
}

/// How many files and sockets this process has open.
fn descriptors() -> usize {
    fs::read_dir("/dev/fd").map_or(0, Iterator::count)
}

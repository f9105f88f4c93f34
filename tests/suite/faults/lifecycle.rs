//! Pools and runtimes that come and go.

use std::{process::Stdio, time::Duration};

use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_tests::{adapter_fixture::AdapterFixture, record::Measured, scenarios::FaultScenario};
use futures::future::join_all;
use tokio::{
    process::Command,
    runtime::Runtime,
    time::{Instant, sleep, timeout},
};

use super::{BETWEEN_OPERATIONS, fetches_per_connection};
use crate::{
    adapters::{ALL, NamedAdapter},
    fixtures::{connections, eventually, shared},
};

#[tokio::test(flavor = "multi_thread")]
async fn pools_that_are_dropped_or_closed_under_load_leave_nothing_behind() {
    let emulator = shared();
    join_all(ALL.map(|adapter| leaks(emulator, adapter))).await;
}

/// In a separate process, with its own descriptors and directory for temporary files.
async fn leaks(emulator: &Emulator, NamedAdapter { name, .. }: NamedAdapter) {
    let files = tempfile::tempdir().expect("a directory");
    let application = name.replace(' ', "-") + "-leaks";
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-pg-worker"));
    emulator.configure_command(command.as_std_mut(), CredentialSource::ManagedIdentity);
    let started = Instant::now();
    let output = command
        .args(["leaks", name])
        .env("TMPDIR", files.path())
        .env("PGAPPNAME", &application)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(240), output).await;
    let output = output
        .unwrap_or_else(|_| panic!("{name} hangs"))
        .expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !stderr.contains("panicked"),
        "{name}: {stderr}"
    );
    let left: Vec<_> = files
        .path()
        .read_dir()
        .expect("a directory")
        .flatten()
        .collect();
    assert!(left.is_empty(), "{name}: {left:?}");
    eventually("no connection is left", async || {
        connections(emulator, &application).await == 0
    })
    .await;
    let note = if fetches_per_connection(name) {
        "nothing left"
    } else {
        "nothing left; unclosed pools stay until the runtime ends, as documented"
    };
    record(name, "leaks", 1, started, note);
}

fn record(name: &str, case: &str, token_requests: u64, started: Instant, note: &str) {
    Measured {
        row: FaultScenario::Lifecycle,
        adapter: name.to_owned(),
        case: case.to_owned(),
        operations: 1,
        failed: 0,
        token_requests,
        longest: started.elapsed(),
        note: note.to_owned(),
    }
    .record();
}

fn emulator(lifetime: Duration) -> (Runtime, Emulator) {
    let runtime = Runtime::new().expect("a runtime");
    let starting = Emulator::builder()
        .role("app")
        .token_lifetime(lifetime)
        .start();
    let emulator = runtime.block_on(starting).expect("starts");
    (runtime, emulator)
}

#[test]
fn a_runtime_that_ends_while_refreshing_strands_no_other() {
    let (own, emulator) = emulator(Duration::from_secs(24));
    let open = |adapter: NamedAdapter| {
        let mut fixture = AdapterFixture::new(&emulator, adapter);
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(fixture.open()).expect(fixture.name);
        (fixture, runtime)
    };
    let mut fixtures: Vec<_> = std::thread::scope(|scope| {
        let opening = ALL.map(|adapter| scope.spawn(move || open(adapter)));
        opening
            .map(|thread| thread.join().expect("no panic"))
            .into()
    });
    emulator.control().set_latency(Duration::from_secs(3_600));
    own.block_on(async {
        for (fixture, runtime) in &fixtures {
            eventually("a refresh is under way", async || {
                let _guard = runtime.enter();
                fixture.tokens().cached();
                fixture.status().refreshing
            })
            .await;
        }
    });
    for (fixture, runtime) in &mut fixtures {
        fixture.drop_unclosed();
        let ended = std::mem::replace(runtime, Runtime::new().expect("a runtime"));
        ended.shutdown_timeout(Duration::from_secs(30));
    }
    emulator.control().set_latency(Duration::ZERO);
    for (mut fixture, runtime) in fixtures {
        let (name, started) = (fixture.name, Instant::now());
        runtime.block_on(async {
            let opened = timeout(Duration::from_secs(60), fixture.open()).await;
            opened.expect("no hang").expect(name);
            fixture.operate().await.expect(name);
            fixture.operate().await.expect(name);
        });
        let requests = fixture.requests_since();
        // The first, the lost one, and at most one for it.
        assert!((2..=3).contains(&requests), "{name}: {requests} requests");
        record(name, "runtime ends", requests, started, "");
        runtime.block_on(fixture.close());
    }
    own.block_on(emulator.stop()).expect("stops");
}

#[test]
fn two_runtimes_share_a_cache_and_one_outlives_the_other() {
    let lifetime = Duration::from_secs(16);
    let (own, emulator) = emulator(lifetime);
    std::thread::scope(|scope| {
        for adapter in ALL {
            let emulator = &emulator;
            scope.spawn(move || share(emulator, adapter, lifetime));
        }
    });
    own.block_on(emulator.stop()).expect("stops");
}

fn share(emulator: &Emulator, adapter: NamedAdapter, lifetime: Duration) {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime")
    };
    let (first, second) = (runtime(), runtime());
    let mut one = AdapterFixture::new(emulator, adapter);
    let mut two = AdapterFixture::with(emulator, adapter, one.entra.clone(), one.requests.clone());
    first.block_on(one.open()).expect(one.name);
    second.block_on(two.open()).expect(two.name);
    let started = Instant::now();
    let work = async |fixture: &mut AdapterFixture, until: Duration| {
        while started.elapsed() < until {
            let _ = fixture.operate().await;
            sleep(BETWEEN_OPERATIONS).await;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            first.block_on(work(&mut one, lifetime));
            one.assert_flawless();
            one.drop_unclosed();
            first.shutdown_timeout(Duration::from_secs(30));
        });
        scope.spawn(|| second.block_on(work(&mut two, lifetime * 2)));
    });
    two.assert_flawless();
    let (name, requests) = (two.name, two.requests_since());
    // About one in half a lifetime, and one more if one was lost with its runtime.
    assert!((3..=9).contains(&requests), "{name}: {requests} requests");
    two.record(FaultScenario::Lifecycle, "two runtimes", "");
    second.block_on(two.close());
}

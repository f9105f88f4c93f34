use std::{sync::Arc, time::Duration};

use entra_pg_core::Entra;
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, Requests, operation},
    scenarios::FaultScenario,
};
use futures::future::join_all;
use tokio::{
    sync::{Mutex, OnceCell, Semaphore},
    time::Instant,
};

use super::{each, start, stop};
use crate::{adapters::ALL, fixtures::no_second_request};

const TASKS: usize = 1_000;
const POOL: u32 = 100;
/// For a hundred connections that all open at once, on a machine that is busy with other things.
const DEADLINE: u32 = 100;
/// Long enough for all to have asked before the answer comes.
const LATENCY: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks_at_a_cold_start_make_one_request() {
    let emulator = start(Duration::from_secs(3_600)).await;
    let control = emulator.control();
    control.set_latency(LATENCY);
    // The server gives up a login after 30 s, in which a busy machine may not get through a hundred.
    for sql in [
        &format!("ALTER SYSTEM SET authentication_timeout = {DEADLINE}"),
        "SELECT pg_reload_conf()",
    ] {
        control.execute(sql).await.expect("the server has it");
    }
    // One after another: the server has room for 200 connections.
    for adapter in ALL {
        let fixture = AdapterFixture::new(&emulator, adapter).within(DEADLINE);
        let (name, requests) = (fixture.name, fixture.requests.clone());
        let app = Arc::new(App {
            cell: OnceCell::new(),
            room: Semaphore::new(POOL as usize),
        });
        let first = Arc::new(Mutex::new(Some(fixture)));
        let started = Instant::now();
        let tasks = (0..TASKS).map(|_| tokio::spawn(serve(Arc::clone(&app), Arc::clone(&first))));
        let ended = join_all(tasks).await;
        let mut longest = Duration::ZERO;
        for result in ended {
            let took = result.expect("no panic");
            longest = longest.max(took.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        assert_eq!(requests.count(), 1, "{name}");
        assert!(started.elapsed() < Duration::from_secs(300), "{name}");
        let app = Arc::into_inner(app).expect("all tasks have ended");
        let mut fixture = app.cell.into_inner().expect("it was opened");
        fixture.stats.operations = TASKS as u64;
        fixture.stats.longest = longest;
        fixture.record(FaultScenario::ColdStart, "cold start", "");
        fixture.close().await;
    }
    stop(emulator).await;
}

/// An application that opens its pool when it is first needed.
struct App {
    cell: OnceCell<AdapterFixture>,
    /// For the adapter without a pool.
    room: Semaphore,
}

async fn serve(
    app: Arc<App>,
    first: Arc<Mutex<Option<AdapterFixture>>>,
) -> Result<Duration, String> {
    let started = Instant::now();
    let open = || async {
        let mut fixture = first.lock().await.take().ok_or("it did not open")?;
        fixture
            .open_sized(POOL)
            .await
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(fixture)
    };
    let _room = app.room.acquire().await.expect("never closed");
    let fixture = app.cell.get_or_try_init(open).await?;
    drop(operation(fixture.opened()).await?);
    Ok(started.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pools_of_a_process_start_with_one_request() {
    let emulator = start(Duration::from_secs(3_600)).await;
    emulator.control().set_latency(LATENCY);
    let requests = Requests::default();
    let entra = Entra::builder()
        .credential(requests.credential(&emulator))
        .refresh_policy(no_second_request())
        .build()
        .expect("a provided credential is not refused");
    let pools = [ALL, ALL, ALL].concat();
    let fixtures = pools
        .into_iter()
        .map(|adapter| AdapterFixture::with(&emulator, adapter, entra.clone(), requests.clone()))
        .collect();
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        fixture.open().await.expect(fixture.name);
        fixture
    })
    .await;
    assert_eq!(requests.count(), 1, "for {} pools", fixtures.len());
    super::close_all(fixtures).await;
    stop(emulator).await;
}

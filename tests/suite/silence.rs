//! Connections that die silently: the relay forgets them, and nobody is told. How long a query and a pool wait is counted, by a
//! clock that the kernel drives, so it cannot be paused; the limits are far from both what must hold and what Linux would do alone.

use std::{
    future::{pending, ready},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{RecyclingMethod, bb8},
};
use entra_pg_core::Target;
use entra_pg_sea_orm::sea_orm::ConnectOptions;
use entra_pg_sqlx::{
    EntraOptions, Strategy,
    sqlx::{self, Connection, PgPool, Row, postgres::PgPoolOptions},
};
use entra_pg_tests::{
    adapters::{NamedAdapter, TestConnection, TestPool, named, per_connection},
    relay::{Relay, RelayMode},
};
use entra_pg_tokio_postgres::{Connector, deadpool_postgres};
use futures::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use crate::fixtures::{connections, entra, eventually, shared, unique};

/// Less than the shortest time that Linux would need: the default of `keepalives_idle`, which is the sum of none of these tests.
const BOUND: Duration = Duration::from_secs(30);

async fn relay() -> Relay {
    let server = ([127, 0, 0, 1], shared().port()).into();
    Relay::start(RelayMode::Forward(server)).await
}

fn url(relay: &Relay, application: &str, parameters: &str) -> String {
    let (port, ca) = (relay.port(), shared().ca_file().display());
    format!(
        "postgres://app@localhost:{port}/postgres?sslrootcert={ca}&application_name={application}&{parameters}"
    )
}

async fn open(adapter: NamedAdapter, url: &str) -> Box<dyn TestPool> {
    let target = Target::parse(url).expect("a URL");
    let opened = adapter.adapter.open(url, target, &entra(shared())).await;
    opened.unwrap_or_else(|error| panic!("{}: {error}", adapter.name))
}

/// Does the same with each, each in its own task.
async fn each<F>(adapters: impl IntoIterator<Item = NamedAdapter>, test: impl Fn(NamedAdapter) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = adapters
        .into_iter()
        .map(|adapter| tokio::spawn(test(adapter)));
    for ended in join_all(tasks).await {
        ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

/// The error of a query whose server is gone, and how long it took.
async fn silence(name: &str, connection: &mut dyn TestConnection, sql: &str) -> Duration {
    let started = Instant::now();
    let answer = timeout(BOUND, connection.query(sql)).await;
    let answer = answer.unwrap_or_else(|_| panic!("{name}: a query waits longer than {BOUND:?}"));
    assert!(answer.is_err(), "{name}: {answer:?}");
    started.elapsed()
}

/// Everything was acknowledged, so only keepalive can notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_under_way_ends_when_its_server_is_gone() {
    each(per_connection(), async |adapter: NamedAdapter| {
        let (relay, application) = (relay().await, unique("under-way"));
        let parameters =
            "keepalives_idle=1&keepalives_interval=1&keepalives_count=2&tcp_user_timeout=0";
        let pool = open(adapter, &url(&relay, &application, parameters)).await;
        let mut connection = pool.acquire().await.expect(adapter.name);
        let running = "SELECT pg_sleep(600)::text";
        let forget = async {
            eventually("the query runs", || async { asleep(&application).await }).await;
            relay.forget().await;
        };
        let (waited, ()) = tokio::join!(silence(adapter.name, &mut *connection, running), forget);
        assert!(
            waited >= Duration::from_secs(1),
            "{}: {waited:?}",
            adapter.name
        );
    })
    .await;
}

async fn asleep(application: &str) -> bool {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}' AND wait_event = 'PgSleep'"
    );
    let count = shared().control().execute(&sql).await;
    count.expect("the server answers").trim() == "1"
}

/// What was sent stays unacknowledged, so only `TCP_USER_TIMEOUT` can notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_nobody_acknowledges_ends() {
    each(per_connection(), async |adapter: NamedAdapter| {
        let relay = relay().await;
        let parameters = "keepalives=0&tcp_user_timeout=2000";
        let pool = open(adapter, &url(&relay, &unique("unsent"), parameters)).await;
        let mut connection = pool.acquire().await.expect(adapter.name);
        connection.query("SELECT 'in'").await.expect(adapter.name);
        relay.forget().await;
        silence(adapter.name, &mut *connection, "SELECT 'in'").await;
    })
    .await;
}

/// Long before the kernel notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_replaces_dead_connections_when_they_are_taken() {
    let pools = per_connection().filter(|adapter| adapter.name.contains(" on "));
    each(pools, async |adapter: NamedAdapter| {
        let (relay, application) = (relay().await, unique("idle"));
        let pool = open(adapter, &url(&relay, &application, "")).await;
        let held = join_all((0..4).map(|_| pool.acquire())).await;
        let held: Vec<_> = held.into_iter().map(|c| c.expect(adapter.name)).collect();
        drop(held);
        // deadpool's are not checked while the pool is busy.
        sleep(Duration::from_millis(1_100)).await;
        relay.forget().await;
        let started = Instant::now();
        let mut connection = pool.acquire().await.expect(adapter.name);
        let waited = started.elapsed();
        let answer = connection.query("SELECT 'in'").await;
        assert_eq!(answer.as_deref(), Ok("in"), "{}", adapter.name);
        assert!(waited < BOUND, "{}: {waited:?}", adapter.name);
        assert!(connections(shared(), &application).await > 0);
    })
    .await;
}

/// diesel-async's other ways to check are a user's own, and can hang just as well.
#[tokio::test(flavor = "multi_thread")]
async fn every_check_of_diesels_has_a_limit() {
    let calls = AtomicU32::new(0);
    // The second check is the one of the dead connection.
    let hangs = RecyclingMethod::CustomFunction(Box::new(move |_: &mut AsyncPgConnection| {
        if calls.fetch_add(1, Ordering::SeqCst) == 1 {
            Box::pin(pending())
        } else {
            Box::pin(ready(Ok(())))
        }
    }));
    let query = RecyclingMethod::CustomQuery("SELECT 2".into());
    for (name, method, replaced) in [
        ("function", hangs, true),
        ("query", query, true),
        ("fast", RecyclingMethod::Fast, false),
    ] {
        let (relay, entra) = (relay().await, entra(shared()));
        let connector = Connector::builder(url(&relay, &unique("checks"), ""), &entra)
            .liveness_timeout(Duration::from_millis(500))
            .build()
            .expect("a target");
        let manager = entra_pg_diesel_async::manager_with(connector, method);
        let pool = bb8::Pool::builder().max_size(1).build(manager).await;
        let pool = pool.expect("a pool");
        drop(pool.get().await.expect("a connection"));
        relay.forget().await;
        let mut connection = pool.get().await.expect("a connection");
        let answer = timeout(
            Duration::from_secs(10),
            connection.batch_execute("SELECT 'in'"),
        );
        let works = matches!(answer.await, Ok(Ok(())));
        assert_eq!(works, replaced, "{name}");
    }
}

/// bb8 keeps a connection whose check was still running when the pool's own timeout ended it.
#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_shorter_than_the_check_does_not_keep_a_dead_connection_in_bb8() {
    let (relay, entra) = (relay().await, entra(shared()));
    let connector = Connector::new(url(&relay, &unique("brief"), ""), &entra).expect("a target");
    let pool = entra_pg_tokio_postgres::bb8::Pool::builder()
        .max_size(1)
        .connection_timeout(Duration::from_secs(3))
        .build(connector);
    let pool = pool.await.expect("a pool");
    drop(pool.get().await.expect("a connection"));
    relay.forget().await;
    assert!(pool.get().await.is_err(), "the first check is abandoned");
    let client = pool.get().await.expect("another connection");
    let answer = client.batch_execute("SELECT 'in'").await;
    answer.expect("it works");
}

/// deadpool-postgres would wait for its check as long as the system does.
#[tokio::test(flavor = "multi_thread")]
async fn every_check_of_deadpool_postgres_has_a_limit() {
    use deadpool_postgres::RecyclingMethod::{Clean, Custom, Fast, Verified};
    for (method, replaced) in [
        (Verified, true),
        (Clean, true),
        (Custom("SELECT 2".into()), true),
        (Fast, false),
    ] {
        let (relay, entra) = (relay().await, entra(shared()));
        let connector = Connector::builder(url(&relay, &unique("checks"), ""), &entra)
            .liveness_timeout(Duration::from_millis(500))
            .build()
            .expect("a target");
        let name = format!("{method:?}");
        let config = deadpool_postgres::ManagerConfig {
            recycling_method: method,
        };
        let pool = connector
            .deadpool_postgres_builder(config)
            .max_size(1)
            .build();
        let pool = pool.expect("a pool");
        for _ in 0..2 {
            // The second time it is checked, and the check lets it pass.
            let client = pool.get().await.expect("a connection");
            client.batch_execute("SELECT 1").await.expect("it works");
        }
        relay.forget().await;
        let client = pool.get().await.expect("a connection");
        let answer = timeout(Duration::from_secs(10), client.batch_execute("SELECT 'in'"));
        let works = matches!(answer.await, Ok(Ok(())));
        assert_eq!(works, replaced, "{name}");
    }
}

/// sqlx's own check has no limit but `acquire_timeout`. This is the guide's recipe. It needs the proxy: over TLS, sqlx 0.9.0 waits
/// for the server before it drops a connection.
fn checked(options: PgPoolOptions) -> PgPoolOptions {
    options
        .max_connections(1)
        .acquire_timeout(BOUND)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move {
                match timeout(Duration::from_secs(2), connection.ping()).await {
                    Ok(pinged) => pinged.map(|()| true),
                    Err(_) => Err(sqlx::Error::PoolTimedOut),
                }
            })
        })
}

async fn replaces_a_dead_connection(relay: &Relay, pool: &PgPool) {
    // sqlx checks a connection that is given back, too, and without a limit.
    eventually("the connection is back", || async { pool.num_idle() == 1 }).await;
    relay.forget().await;
    let row = sqlx::query("SELECT 'in'").fetch_one(pool).await;
    assert_eq!(row.expect("a row").get::<&str, _>(0), "in");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlx_pool_replaces_dead_connections_with_a_check_of_the_users_own() {
    let (relay, entra) = (relay().await, entra(shared()));
    let url = url(&relay, &unique("own-check"), "");
    let per_connection = EntraOptions::new().strategy(Strategy::PerConnection);
    let options = checked(PgPoolOptions::new());
    let pool = entra_pg_sqlx::connect_with(options, url, &entra, per_connection).await;
    replaces_a_dead_connection(&relay, &pool.expect("connects")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sea_orm_pool_does_so_too() {
    let (relay, entra) = (relay().await, entra(shared()));
    let mut options = ConnectOptions::new(url(&relay, &unique("own-check"), ""));
    options.map_sqlx_postgres_pool_opts(checked);
    let per_connection = entra_pg_sea_orm::EntraOptions::new().strategy(Strategy::PerConnection);
    let db = entra_pg_sea_orm::connect_with(options, &entra, per_connection).await;
    let db = db.expect("connects");
    replaces_a_dead_connection(&relay, db.get_postgres_connection_pool()).await;
}

/// What the table of parameters says. Otherwise the guide could promise more.
#[tokio::test(flavor = "multi_thread")]
async fn with_rotation_the_drivers_sockets_are_as_the_system_makes_them() {
    let relay = relay().await;
    let parameters = "keepalives_idle=1&keepalives_interval=1&keepalives_count=1";
    let pool = open(named("sqlx"), &url(&relay, &unique("rotation"), parameters)).await;
    let mut connection = pool.acquire().await.expect("a connection");
    relay.forget().await;
    let waiting = timeout(Duration::from_secs(6), connection.query("SELECT 'in'")).await;
    assert!(
        waiting.is_err(),
        "sqlx has learnt it: say so in the guide: {waiting:?}"
    );
}

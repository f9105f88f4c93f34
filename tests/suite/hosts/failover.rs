//! The recipes of the guide "Failover, replicas and virtual endpoints".

use std::time::Duration;

use entra_pg_core::{Entra, Target};
use entra_pg_emulator::Emulator;
use entra_pg_sqlx::{
    EntraOptions, connect_with,
    sqlx::{self, PgPool, postgres::PgPoolOptions},
};
use entra_pg_tests::{
    adapters::{ALL, NamedAdapter, PROXY, TestPool},
    fixtures::{entra, eventually},
    relay::{Relay, RelayMode},
    standby::Standby,
};
use futures::future::join_all;

use super::{subjects, url};

/// Writes, and is a query for those who only send such.
const WRITE: &str = "SELECT place_order()";
const PORT: &str = "SELECT inet_server_port()::text";

/// A primary, a replica, and a table to write to.
async fn servers() -> (Emulator, Standby) {
    let emulator = Emulator::start().await.expect("starts");
    for sql in [
        "CREATE TABLE orders (number int4)",
        "GRANT ALL ON orders TO app",
        "CREATE FUNCTION place_order() RETURNS text LANGUAGE sql AS 'INSERT INTO orders VALUES (1) RETURNING number::text'",
    ] {
        emulator
            .control()
            .execute(sql)
            .await
            .expect("the superuser may");
    }
    let replica = Standby::of(&emulator).await;
    (emulator, replica)
}

/// The replica is promoted. The old primary goes on, and accepts no writes, as Azure's does.
async fn fail_over(emulator: &Emulator, replica: &Standby) {
    for sql in [
        "ALTER SYSTEM SET default_transaction_read_only = on",
        "SELECT pg_reload_conf()",
    ] {
        emulator
            .control()
            .execute(sql)
            .await
            .expect("the superuser may");
    }
    replica.promote();
    // A server reloads in its own time.
    let sql = "SHOW default_transaction_read_only";
    eventually("it is read-only", async || {
        emulator.control().execute(sql).await.expect("answers") == "on"
    })
    .await;
}

async fn write(pool: &dyn TestPool) -> Result<String, String> {
    pool.acquire().await?.query(WRITE).await
}

async fn open(
    subjects: impl Iterator<Item = NamedAdapter>,
    url: &str,
    entra: &Entra,
) -> Vec<(&'static str, Box<dyn TestPool>)> {
    let pools = subjects.map(async |subject| {
        let target = Target::parse(url).expect("a URL");
        let opened = subject.adapter.open(url, target, entra).await;
        let pool = opened.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
        (subject.name, pool)
    });
    join_all(pools).await
}

/// The name is a virtual endpoint's: first it leads to one server, then to the other.
#[tokio::test(flavor = "multi_thread")]
async fn open_connections_stay_on_the_old_primary_and_new_ones_follow_the_name() {
    let (emulator, replica) = servers().await;
    let endpoint = Relay::start(RelayMode::Forward(([127, 0, 0, 1], emulator.port()).into())).await;
    let url = &url(&emulator, &format!("localhost:{}", endpoint.port()), "");
    let entra = &entra(&emulator);
    let pools = open(ALL.into_iter().chain([PROXY]), url, entra).await;
    for (name, pool) in &pools {
        write(&**pool).await.expect(name);
    }
    fail_over(&emulator, &replica).await;
    endpoint.set(RelayMode::Forward(([127, 0, 0, 1], replica.port()).into()));
    for (name, pool) in &pools {
        // Two open a connection for each use.
        if !["tokio-postgres", "proxy"].contains(name) {
            let error = write(&**pool).await.expect_err(name);
            assert!(error.contains("read-only transaction"), "{name}: {error}");
        }
    }
    emulator
        .control()
        .terminate_connections()
        .await
        .expect("ends them");
    for (name, pool) in &pools {
        eventually(name, async || write(&**pool).await.is_ok()).await;
        let mut held = pool.acquire().await.expect(name);
        assert_eq!(
            held.query(PORT).await,
            Ok(replica.port().to_string()),
            "{name}"
        );
    }
    for (_, pool) in pools {
        pool.close().await;
    }
    drop(replica);
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_names_new_connections_find_the_new_primary() {
    let (emulator, replica) = servers().await;
    let hosts = format!("localhost:{},localhost:{}", emulator.port(), replica.port());
    let url = &url(&emulator, &hosts, "&target_session_attrs=read-write");
    let entra = &entra(&emulator);
    let pools = open(subjects(), url, entra).await;
    fail_over(&emulator, &replica).await;
    emulator
        .control()
        .terminate_connections()
        .await
        .expect("ends them");
    for (name, pool) in &pools {
        eventually(name, async || write(&**pool).await.is_ok()).await;
    }
    for (_, pool) in pools {
        pool.close().await;
    }
    drop(replica);
    emulator.stop().await.expect("stops");
}

/// With rotation, too: the servers do nothing, the pool does.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_leaves_the_old_primary_by_max_lifetime_or_by_closing_a_read_only_connection() {
    let (emulator, replica) = servers().await;
    let endpoint = Relay::start(RelayMode::Forward(([127, 0, 0, 1], emulator.port()).into())).await;
    let url = url(&emulator, &format!("localhost:{}", endpoint.port()), "");
    let entra = entra(&emulator);
    let open = async |options: PgPoolOptions| {
        let target = Target::parse(&url).expect("a URL");
        let pool = connect_with(options, target, &entra, EntraOptions::new()).await;
        let pool = pool.expect("connects");
        insert(&pool).await.expect("a primary");
        pool
    };
    let short = open(PgPoolOptions::new().max_lifetime(Duration::from_millis(200))).await;
    let closing = open(PgPoolOptions::new().max_connections(1)).await;
    fail_over(&emulator, &replica).await;
    endpoint.set(RelayMode::Forward(([127, 0, 0, 1], replica.port()).into()));
    eventually(
        "it is promoted, and the old connection has ended",
        async || insert(&short).await.is_ok(),
    )
    .await;
    let mut connection = closing.acquire().await.expect("the old one");
    let error = sqlx::query(WRITE).execute(&mut *connection).await;
    let error = error.expect_err("it is read-only");
    assert!(is_read_only(&error), "{error}");
    connection.close().await.expect("closes");
    insert(&closing).await.expect("a new one");
    short.close().await;
    closing.close().await;
    drop(replica);
    emulator.stop().await.expect("stops");
}

async fn insert(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(WRITE).execute(pool).await.map(drop)
}

fn is_read_only(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .as_deref()
        == Some("25006")
}

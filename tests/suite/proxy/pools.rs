//! Pools whose connections pass through the proxy: what their users set survives, and nothing outlives them.

use std::time::Duration;

use entra_pg_core::{ErrorKind, Target};
use entra_pg_sea_orm::sea_orm::{ConnectOptions, ConnectionTrait, DbBackend, Statement};
use entra_pg_sqlx::{
    EntraOptions, Strategy,
    sqlx::{
        self, Connection, PgConnection, PgPool, Row,
        postgres::{PgListener, PgPoolOptions},
    },
};
use tokio::{net::TcpListener, runtime::Handle};

use crate::fixtures::{connections, entra, eventually, shared, target, unique, url};

fn per_connection() -> EntraOptions {
    EntraOptions::new().strategy(Strategy::PerConnection)
}

async fn pool(name: &str) -> PgPool {
    let pool_options = PgPoolOptions::new().max_connections(3);
    let (target, entra) = (target(shared(), name), entra(shared()));
    entra_pg_sqlx::connect_with(pool_options, target, &entra, per_connection())
        .await
        .expect("connects")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_dropped_takes_everything_with_it() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (before, name) = (tasks(), unique("dropped"));
    let pool = pool(&name).await;
    let options = pool.connect_options();
    let socket = options.get_socket().expect("a socket").clone();
    assert!(socket.exists());
    drop(pool);
    eventually("the socket is gone", || async { !socket.exists() }).await;
    eventually("no connection is left", || async {
        connections(shared(), &name).await == 0
    })
    .await;
    eventually("no task is left", || async { tasks() == before }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_taken_out_of_its_pool_lives_on() {
    let pool = pool(&unique("detached")).await;
    let mut connection = pool.acquire().await.expect("a connection").detach();
    pool.close().await;
    let row = sqlx::query("SELECT 1").fetch_one(&mut connection).await;
    assert_eq!(row.expect("a row").get::<i32, _>(0), 1);
    connection.close().await.expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pools_options_hold_no_token_and_lead_to_the_server() {
    let pool = pool(&unique("options")).await;
    let options = pool.connect_options();
    assert!(!format!("{options:?}").contains("eyJ"));
    let mut connection = PgConnection::connect_with(&options)
        .await
        .expect("connects");
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let row = sqlx::query(encrypted).fetch_one(&mut connection).await;
    assert!(row.expect("a row").get::<bool, _>(0));
    connection.close().await.expect("closes");
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlx_users_own_options_survive() {
    let (emulator, name) = (shared(), unique("own"));
    // The URL's port is wrong; the closure's counts.
    let url = url(emulator, &name).replace(&emulator.port().to_string(), "1");
    let (target, port) = (Target::parse(&url).expect("a URL"), emulator.port());
    let entra = entra(emulator);
    let pool_options = PgPoolOptions::new()
        .max_connections(3)
        .max_lifetime(Duration::from_secs(99));
    let options = per_connection().configure(move |options| {
        options
            .port(port)
            .statement_cache_capacity(7)
            .options([("lock_timeout", "1234ms")])
    });
    let pool = entra_pg_sqlx::connect_with(pool_options, target, &entra, options)
        .await
        .expect("connects");
    let row =
        sqlx::query("SELECT current_setting('lock_timeout'), current_setting('application_name')")
            .fetch_one(&pool)
            .await
            .expect("a row");
    assert_eq!(
        (row.get::<&str, _>(0), row.get::<&str, _>(1)),
        ("1234ms", name.as_str())
    );
    assert!(format!("{:?}", pool.connect_options()).contains("statement_cache_capacity: 7"));
    assert_eq!(
        pool.options().get_max_lifetime(),
        Some(Duration::from_secs(99))
    );
    pool.close().await;

    let elsewhere = per_connection().configure(|options| options.host("evil.example"));
    let target = self::target(emulator, "x");
    let error = entra_pg_sqlx::connect_with(PgPoolOptions::new(), target, &entra, elsewhere)
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidTarget);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sea_orm_users_own_options_and_closure_survive() {
    let mut options = ConnectOptions::new(url(shared(), "from-url"));
    options
        .max_connections(3)
        .connect_lazy(true)
        .set_application_name("from-options")
        .map_sqlx_postgres_opts(|options| options.options([("lock_timeout", "1234ms")]));
    let entra = entra(shared());
    let per_connection = entra_pg_sea_orm::EntraOptions::new().strategy(Strategy::PerConnection);
    let db = entra_pg_sea_orm::connect_with(options, &entra, per_connection)
        .await
        .expect("connects");
    assert_eq!(
        connections(shared(), "from-options").await,
        0,
        "it stays lazy"
    );
    for (setting, expected) in [
        ("application_name", "from-options"),
        ("lock_timeout", "1234ms"),
    ] {
        let sql = format!("SELECT current_setting('{setting}')");
        let row = db
            .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
            .await;
        let value: String = row
            .expect("an answer")
            .expect("a row")
            .try_get_by_index(0)
            .expect("a text");
        assert_eq!(value, expected);
    }
    assert_eq!(
        db.get_postgres_connection_pool()
            .options()
            .get_max_connections(),
        3
    );
    db.close().await.expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_what_another_session_says() {
    let pool = pool(&unique("listen")).await;
    let channel = unique("pool-news");
    let mut listener = PgListener::connect_with(&pool).await.expect("connects");
    listener.listen(&channel).await.expect("listens");
    sqlx::query("SELECT pg_notify($1, 'tea')")
        .bind(&channel)
        .execute(&pool)
        .await
        .expect("notified");
    let received = tokio::time::timeout(Duration::from_secs(60), listener.recv()).await;
    assert_eq!(
        received
            .expect("in time")
            .expect("a notification")
            .payload(),
        "tea"
    );
    drop(listener);
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_gives_up_early_still_says_where_it_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("postgres://app@localhost:{port}/postgres?connect_timeout=600");
    let entra = entra(shared());
    let pool_options = PgPoolOptions::new().acquire_timeout(Duration::from_secs(1));
    let error = entra_pg_sqlx::connect_with(pool_options, url, &entra, per_connection())
        .await
        .expect_err("no server answers");
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
    assert!(error.to_string().contains("the TCP connection"), "{error}");
}

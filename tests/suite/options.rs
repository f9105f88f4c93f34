//! What users set on their own pool and connect options is still there afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use entra_pg_core::{ErrorKind, Target};
use entra_pg_sea_orm::sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement,
};
use entra_pg_sqlx::{
    EntraOptions,
    sqlx::{
        self, Connection, Row,
        postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
    },
};
use entra_pg_tokio_postgres::{
    Connector,
    tokio_postgres::{Config, config::SslMode},
};

use crate::fixtures::{entra, shared, short_lived, target, unique, url};

async fn sea_orm_setting(db: &DatabaseConnection, setting: &str) -> String {
    let sql = format!("SELECT current_setting('{setting}')");
    let row = db
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await;
    row.expect("an answer")
        .expect("a row")
        .try_get_by_index(0)
        .expect("a text")
}

#[tokio::test(flavor = "multi_thread")]
async fn sea_orms_own_options_and_closures_survive() {
    let emulator = shared();
    let (closure_runs, callback_ran) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut options = ConnectOptions::new(url(emulator, "from-url"));
    let (runs, ran) = (closure_runs.clone(), callback_ran.clone());
    options
        .max_connections(3)
        .min_connections(2)
        .idle_timeout(Duration::from_secs(77))
        .statement_timeout(Duration::from_millis(4_321))
        .set_application_name("from-options")
        .set_schema_search_path("pg_catalog")
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(move |opts| {
            runs.fetch_add(1, Ordering::SeqCst);
            opts.statement_cache_capacity(7)
                .options([("lock_timeout", "1234ms")])
        })
        .map_sqlx_postgres_pool_opts(|pool| pool.max_lifetime(Duration::from_secs(99)))
        .after_connect(move |db| {
            let ran = ran.clone();
            Box::pin(async move {
                db.execute_unprepared("SELECT 1").await?;
                ran.store(true, Ordering::SeqCst);
                Ok(())
            })
        });
    let db = entra_pg_sea_orm::connect(options, &entra(emulator))
        .await
        .expect("connects");

    for (setting, expected) in [
        ("application_name", "from-options"),
        ("statement_timeout", "4321ms"),
        ("lock_timeout", "1234ms"),
        ("search_path", "pg_catalog"),
    ] {
        assert_eq!(sea_orm_setting(&db, setting).await, expected, "{setting}");
    }
    let pool = db.get_postgres_connection_pool();
    assert_eq!(pool.options().get_max_connections(), 3);
    assert_eq!(pool.options().get_min_connections(), 2);
    assert_eq!(
        pool.options().get_idle_timeout(),
        Some(Duration::from_secs(77))
    );
    assert_eq!(
        pool.options().get_max_lifetime(),
        Some(Duration::from_secs(99))
    );
    let debug = format!("{:?}", pool.connect_options());
    assert!(
        debug.contains("statement_cache_capacity: 7"),
        "the closure's effect"
    );
    assert!(
        debug.contains("statements_level: Off"),
        "sqlx_logging(false)"
    );
    assert_eq!(
        closure_runs.load(Ordering::SeqCst),
        1,
        "the closure ran once"
    );
    assert!(
        callback_ran.load(Ordering::SeqCst),
        "after_connect ran, logged in"
    );
    db.close().await.expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_sea_orm_connection_stays_lazy() {
    let (emulator, name) = (shared(), unique("lazy"));
    let mut options = ConnectOptions::new(url(emulator, &name));
    options.connect_lazy(true);
    let db = entra_pg_sea_orm::connect(options, &entra(emulator))
        .await
        .expect("connects");
    assert_eq!(crate::fixtures::connections(emulator, &name).await, 0);
    assert_eq!(sea_orm_setting(&db, "application_name").await, name);
    db.close().await.expect("closes");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_survive_the_rotation_of_a_token() {
    let (emulator, name) = (short_lived(), unique("rotated"));
    let own = |options: PgConnectOptions| {
        options
            .statement_cache_capacity(7)
            .options([("lock_timeout", "1234ms")])
    };
    let pool = entra_pg_sqlx::connect_with(
        PgPoolOptions::new().max_connections(2),
        target(emulator, &name),
        &entra(emulator),
        EntraOptions::new().configure(own),
    )
    .await
    .expect("connects");
    let password = |pool: &sqlx::PgPool| format!("{:?}", pool.connect_options());
    let first = password(&pool);
    crate::fixtures::eventually("the token is rotated", || async {
        password(&pool) != first
    })
    .await;
    let held = pool.acquire().await.expect("the old connection");
    let mut new = pool.acquire().await.expect("a new connection");
    let row =
        sqlx::query("SELECT current_setting('lock_timeout'), current_setting('application_name')")
            .fetch_one(&mut *new)
            .await
            .expect("an answer");
    assert_eq!(
        (row.get::<&str, _>(0), row.get::<&str, _>(1)),
        ("1234ms", name.as_str())
    );
    let options = pool.connect_options();
    assert_eq!(
        (options.get_host(), options.get_port()),
        ("localhost", emulator.port())
    );
    assert!(format!("{options:?}").contains("statement_cache_capacity: 7"));
    assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    drop((held, new));
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_given_to_options_that_were_replaced() {
    let emulator = shared();
    let pool = entra_pg_sqlx::connect(
        PgPoolOptions::new(),
        target(emulator, "replaced"),
        &entra(emulator),
    )
    .await
    .expect("connects");
    let options = pool.connect_options().as_ref().clone();
    let kept = options
        .password("an old token")
        .ssl_mode(PgSslMode::Disable)
        .statement_cache_capacity(7);
    pool.set_connect_options(kept);
    crate::fixtures::eventually("it can be connected again", || async {
        let options = pool.connect_options().as_ref().clone();
        sqlx::PgConnection::connect_with(&options).await.is_ok()
    })
    .await;
    let options = pool.connect_options();
    assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
    assert!(format!("{options:?}").contains("statement_cache_capacity: 7"));
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_answers_is_not_blamed_for_a_callback_that_hangs() {
    let emulator = shared();
    let options = PgPoolOptions::new()
        .acquire_timeout(Duration::from_secs(1))
        .after_connect(|_, _| Box::pin(std::future::pending()));
    let error = entra_pg_sqlx::connect(options, target(emulator, "hangs"), &entra(emulator))
        .await
        .expect_err("it never gets ready");
    assert_eq!(error.kind(), ErrorKind::ConnectTimeout);
    assert!(error.to_string().contains("the server answers"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_cannot_be_switched_off_by_a_closure() {
    let emulator = shared();
    let plain = |options: PgConnectOptions| options.ssl_mode(PgSslMode::Disable);
    let connect = async |options| {
        let (target, entra) = (target(emulator, "closure"), entra(emulator));
        entra_pg_sqlx::connect_with(PgPoolOptions::new(), target, &entra, options).await
    };
    let pool = connect(EntraOptions::new().configure(plain))
        .await
        .expect("connects");
    assert!(matches!(
        pool.connect_options().get_ssl_mode(),
        PgSslMode::VerifyFull
    ));
    pool.close().await;

    let socket = |options: PgConnectOptions| options.socket("/var/run/postgresql");
    let error = connect(EntraOptions::new().configure(socket))
        .await
        .expect_err("a socket has no certificate");
    assert_eq!(error.kind(), ErrorKind::InvalidTarget);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tokio_postgres_configuration_survives_and_cannot_lead_elsewhere() {
    let emulator = shared();
    let connector = Connector::builder(target(emulator, "config"), &entra(emulator))
        .configure(|config| {
            config
                .options("-c lock_timeout=1234ms")
                .ssl_mode(SslMode::Disable);
        })
        .build()
        .expect("a connector");
    let client = connector.connect_and_spawn().await.expect("connects");
    let row = client
        .query_one("SELECT current_setting('lock_timeout'), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[])
        .await
        .expect("an answer");
    assert_eq!(
        (row.get::<_, &str>(0), row.get::<_, bool>(1)),
        ("1234ms", true)
    );

    let added: fn(&mut Config) = |config| {
        config.host("evil.example");
    };
    let replaced: fn(&mut Config) =
        |config| *config = "host=evil.example".parse().expect("a configuration");
    let by_address: fn(&mut Config) = |config| {
        config.hostaddr("192.0.2.1".parse().expect("an address"));
    };
    let by_address_alone: fn(&mut Config) = |config| {
        *config = Config::new();
        config.hostaddr("192.0.2.1".parse().expect("an address"));
    };
    let nowhere: fn(&mut Config) = |config| *config = Config::new();
    for change in [added, replaced, by_address, by_address_alone, nowhere] {
        let elsewhere = Connector::builder(target(emulator, "config"), &entra(emulator))
            .configure(change)
            .build();
        let error = elsewhere
            .expect("a connector")
            .connect()
            .await
            .map(drop)
            .expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidTarget);
    }
}

/// sqlx takes the value of PGSSLROOTCERT for the name of a file.
#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_roots_win_over_what_sqlx_makes_of_the_variable() {
    let emulator = shared();
    for name in ["system", ""] {
        let url = format!("{}?sslrootcert={name}&connect_timeout=5", emulator.url());
        let as_variable = EntraOptions::new().configure(move |options| options.ssl_root_cert(name));
        let (pool_options, entra) = (PgPoolOptions::new(), entra(emulator));
        let connecting =
            entra_pg_sqlx::connect_with(pool_options, url.as_str(), &entra, as_variable);
        let error = connecting.await.expect_err("refused");
        // The emulator's own authority is in no platform's store; a file of that name would be an I/O error.
        assert_eq!(error.kind(), ErrorKind::Tls, "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_entry_point_takes_a_url_with_a_password() {
    let emulator = shared();
    let entra = entra(emulator);
    let url = url(emulator, "password").replace("app@", "app:hunter2@");
    let url = url.as_str();
    let with_target = entra_pg_sea_orm::EntraOptions::new().target(target(emulator, "password"));
    let errors = [
        entra_pg_sqlx::connect(PgPoolOptions::new(), url, &entra)
            .await
            .map(drop),
        entra_pg_sea_orm::connect(ConnectOptions::new(url), &entra)
            .await
            .map(drop),
        // A target does not stand in for the check of the URL.
        entra_pg_sea_orm::connect_with(ConnectOptions::new(url), &entra, with_target)
            .await
            .map(drop),
        entra_pg_tokio_postgres::connect_and_spawn(url, &entra)
            .await
            .map(drop),
        Connector::new(url, &entra).map(drop),
        entra_pg_diesel_async::manager(url, &entra).map(drop),
        entra_pg_diesel_async::connect(url, &entra).await.map(drop),
    ];
    for error in errors {
        let error = error.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::PasswordInUrl);
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_not_follow_options_to_another_host() {
    let emulator = shared();
    let entra = entra(emulator);
    let elsewhere = |options: PgConnectOptions| options.host("evil.example");
    let by_closure = entra_pg_sqlx::connect_with(
        PgPoolOptions::new(),
        target(emulator, "elsewhere"),
        &entra,
        EntraOptions::new().configure(elsewhere),
    )
    .await
    .map(drop);
    // The policy of a loopback target must not reach another host.
    let loopback = Target::parse("postgres://app@localhost/db")
        .and_then(Target::dangerously_without_tls)
        .expect("a target");
    let by_target = entra_pg_sea_orm::connect_with(
        ConnectOptions::new("postgres://app@evil.example/db"),
        &entra,
        entra_pg_sea_orm::EntraOptions::new().target(loopback),
    );
    let by_target = by_target.await.map(drop);
    let blamed = by_target.as_ref().expect_err("refused").to_string();
    assert!(blamed.contains("EntraOptions::target"), "{blamed}");
    let mut options = ConnectOptions::new(url(emulator, "elsewhere"));
    options.map_sqlx_postgres_opts(|options| options.host("evil.example"));
    let by_map = entra_pg_sea_orm::connect(options, &entra);
    for result in [by_closure, by_target, by_map.await.map(drop)] {
        assert_eq!(
            result.expect_err("refused").kind(),
            ErrorKind::InvalidTarget
        );
    }
    let tokens = entra.token_cache(target(emulator, "elsewhere").scope());
    assert!(
        tokens.cached().is_none(),
        "a token is requested for options that are refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_own_port_and_root_certificate_survive() {
    let emulator = shared();
    // The URL names neither; without them the connect could only fail.
    let bare = Target::parse("postgres://app@localhost:1/postgres").expect("a URL");
    let (port, ca) = (emulator.port(), emulator.ca_file().to_owned());
    let own = ca.clone();
    let own = EntraOptions::new().configure(move |options| options.port(port).ssl_root_cert(&own));
    let pool = entra_pg_sqlx::connect_with(PgPoolOptions::new(), &bare, &entra(emulator), own)
        .await
        .expect("connects");
    pool.close().await;

    let mut options = ConnectOptions::new("postgres://app@localhost:1/postgres");
    options.map_sqlx_postgres_opts(move |options| options.port(port).ssl_root_cert(&ca));
    let db = entra_pg_sea_orm::connect(options, &entra(emulator))
        .await
        .expect("connects");
    db.close().await.expect("closes");
}

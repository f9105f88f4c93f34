//! Connects with every adapter and prints everything it can: every crate's logs at TRACE, `Debug` of every public type, every
//! error in full, panics with live values in scope. The suite searches the output for secrets.
//!
//! `LEAK_PROBE_SCOPE` asks for tokens of another service, `LEAK_PROBE_TIMEOUT` is how many seconds its pools wait for a
//! connection (30), `LEAK_PROBE_PLANT` prints a token on purpose.

use std::{error::Error as StdError, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use diesel_async::{AsyncPgConnection, pooled_connection::bb8};
use entra_pg_core::{
    Entra, Error, ErrorKind, Login, ManagedIdentity, RefreshPolicy, Rejection, RootCertificates,
    Scope, Target,
    azure_core::{
        self,
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    },
    connect::{Attempt, Failure, ServerAddress, ServerState, Share},
};
use entra_pg_proxy::Proxy;
use entra_pg_sqlx::{Strategy, adapter::OpenFailure};
use entra_pg_tokio_postgres::{Connector, deadpool_postgres::ManagerConfig};
use tracing_subscriber::{EnvFilter, fmt};

#[tokio::main]
async fn main() -> Result<(), Error> {
    fmt()
        .with_env_filter(EnvFilter::new("trace"))
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    print("EntraBuilder", &Entra::builder().vars(std::env::vars()));
    let entra = Entra::from_env()?;
    print("Entra", &entra);
    match target() {
        Ok(target) => {
            print("Target", &target);
            proxy(&target, &entra);
            print("Strategy", &Strategy::PerConnection);
            tokio::join!(
                core(&target, &entra),
                sqlx(&target, &entra),
                sqlx_08(&target, &entra),
                sea_orm(&target, &entra),
                sea_orm_11(&target, &entra),
                tokio_postgres(&target, &entra),
                tokio_postgres_pools(&target, &entra),
                diesel(&target, &entra),
                panics(&target),
            );
        }
        Err(error) => print_error("target", &error),
    }
    print("Status", &entra.status());
    println!("done");
    Ok(())
}

fn pool_timeout() -> Duration {
    let seconds = std::env::var("LEAK_PROBE_TIMEOUT").ok();
    Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(30))
}

fn url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_default()
}

fn target() -> Result<Target, Error> {
    let target = Target::parse(&url())?;
    Ok(match std::env::var("LEAK_PROBE_SCOPE") {
        Ok(scope) => target.with_scope(Scope::new(&scope)?),
        Err(_) => target,
    })
}

async fn core(target: &Target, entra: &Entra) {
    let database = match entra.login_provider(target) {
        Ok(database) => database,
        Err(error) => return print_error("database", &error),
    };
    match database.login().await {
        Ok(login) => all_of_a_login(login, database.attempt("leak-probe")).await,
        Err(error) => print_error("login", &error),
    }
    print("LoginProvider", &database);
    print("TokenCache", database.token_cache());
    print("TokenUpdates", &database.token_cache().subscribe());
    print("Host", &target.hosts()[0]);
    print("Keepalive", &target.keepalive());
    print("TargetSessionAttrs", &target.target_session_attrs());
    print("LoadBalanceHosts", &target.load_balance_hosts());
    print("Share", &Share::of(target.connect_timeout(), 2));
    print("ServerState", &ServerState::of_row("true", "on"));
    let print_address = async |server: ServerAddress, _: Attempt| {
        print("ServerAddress", &server);
        Ok(())
    };
    let attempt = database.attempt("leak-probe");
    print("reach", &database.reach(&attempt, print_address).await);
    print("Parameter", &Target::PARAMETERS[0]);
    print("Scope", target.scope());
    print("RootCertificates", target.root_certificates());
    if let RootCertificates::Custom(roots) = target.root_certificates() {
        print("CustomRoots", roots);
    }
    print("RefreshPolicy", &RefreshPolicy::default());
    print("ManagedIdentity", &ManagedIdentity::default());
    for kind in ErrorKind::ALL {
        print("ErrorKind", kind);
        print("Phase", &kind.phase());
    }
}

async fn all_of_a_login(login: Login, attempt: Attempt) {
    print("Login", &login);
    print("Token", login.token());
    print("Claims", &login.token().claims());
    // A server's message may quote it.
    let quoted = format!("cannot use {}, sorry", login.token().secret());
    print("Rejection", &Rejection::Other);
    let failure = Failure::refused("28P01", &quoted).with_driver_error(std::io::Error::other("no"));
    print("Failure", &failure);
    print("Attempt", &attempt);
    print("Step", &attempt.step());
    print_error("Error", &failure.into_error("app", &attempt));
    let opened = OpenFailure::from(Error::new(ErrorKind::Connect, &quoted));
    print("OpenFailure", &opened);
    print_error(
        "Error",
        &Error::new(ErrorKind::Connect, &quoted).with_hint(&quoted),
    );
    if std::env::var_os("LEAK_PROBE_PLANT").is_some() {
        println!("planted: {}", login.token().secret());
    }
    let panicked = tokio::spawn(async move {
        let token = login.token().clone();
        assert!(token.secret().is_empty(), "with {login:?} in scope");
    });
    print("panic", &panicked.await);
}

/// Holds a secret, and panics.
#[derive(Debug)]
struct Panicking;

#[async_trait]
impl TokenCredential for Panicking {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let secret = std::env::var("IDENTITY_HEADER").unwrap_or_default();
        assert!(secret.len() > 1_000, "the secret is too short");
        unreachable!("it is")
    }
}

async fn panics(target: &Target) {
    let entra = Entra::new(Arc::new(Panicking));
    match entra_pg_tokio_postgres::connect_and_spawn(target, &entra).await {
        Ok(_) => println!("a panicking credential connects"),
        Err(error) => print_error("panicking credential", &error),
    }
    print("Status", &entra.status());
}

fn proxy(target: &Target, entra: &Entra) {
    let builder = match entra.login_provider(target) {
        Ok(database) => Proxy::builder(database),
        Err(error) => return print_error("proxy", &error),
    };
    print("ProxyBuilder", &builder);
    match builder.bind_private() {
        Ok(proxy) => {
            print("Proxy", &proxy);
            print("Address", proxy.address());
        }
        Err(error) => print_error("proxy", &error),
    }
}

/// Each version by both strategies.
macro_rules! sqlx {
    ($name:ident, $entra_pg_sqlx:ident) => {
        async fn $name(target: &Target, entra: &Entra) {
            use $entra_pg_sqlx::{
                EntraOptions, Strategy, connect_with, rotate, sqlx::postgres::PgPoolOptions,
            };

            let connect = async |strategy| {
                let pool_options = PgPoolOptions::new().acquire_timeout(pool_timeout());
                let options = EntraOptions::new().strategy(strategy);
                print("EntraOptions", &options);
                match connect_with(pool_options, target, entra, options).await {
                    Ok(pool) => {
                        print("PgPool", &pool);
                        if let Ok(database) = entra.login_provider(target)
                            && let Ok(login) = database.login().await
                        {
                            match rotate(&pool, &database, &login) {
                                Ok(rotation) => print("Rotation", &rotation),
                                Err(error) => print_error("rotate", &error),
                            }
                        }
                        pool.close().await;
                    }
                    Err(error) => print_error("sqlx", &error),
                }
            };
            tokio::join!(connect(Strategy::Rotate), connect(Strategy::PerConnection));
        }
    };
}

sqlx!(sqlx, entra_pg_sqlx);
sqlx!(sqlx_08, entra_pg_sqlx_08);

/// Each version by both strategies.
macro_rules! sea_orm {
    ($name:ident, $entra_pg_sea_orm:ident) => {
        async fn $name(target: &Target, entra: &Entra) {
            use $entra_pg_sea_orm::{
                EntraOptions, Strategy, connect_with, sea_orm::ConnectOptions,
            };

            let connect = async |strategy| {
                let mut options = ConnectOptions::new(url());
                options.acquire_timeout(pool_timeout());
                let entra_options = EntraOptions::new()
                    .strategy(strategy)
                    .target(target.clone());
                print("sea_orm::EntraOptions", &entra_options);
                match connect_with(options, entra, entra_options).await {
                    Ok(db) => {
                        print("DatabaseConnection", &db);
                        let _ = db.close().await;
                    }
                    Err(error) => print_error("SeaORM", &error),
                }
            };
            tokio::join!(connect(Strategy::Rotate), connect(Strategy::PerConnection));
        }
    };
}

sea_orm!(sea_orm, entra_pg_sea_orm);
sea_orm!(sea_orm_11, entra_pg_sea_orm_11);

async fn tokio_postgres(target: &Target, entra: &Entra) {
    let connector = match Connector::new(target, entra) {
        Ok(connector) => connector,
        Err(error) => return print_error("connector", &error),
    };
    match connector.connect_and_spawn().await {
        Ok(client) => {
            print("Client", &client.simple_query("SELECT current_user").await);
        }
        Err(error) => print_error("tokio-postgres", &error),
    }
    print("Connector", &connector);
    print("ConnectorBuilder", &Connector::builder(target, entra));
    print("last error", &connector.last_error());
}

async fn tokio_postgres_pools(target: &Target, entra: &Entra) {
    let Ok(connector) = Connector::new(target, entra) else {
        return println!("no connector");
    };
    let bb8 = entra_pg_tokio_postgres::bb8::Pool::builder()
        .connection_timeout(pool_timeout())
        .retry_connection(false)
        .build_unchecked(connector.clone());
    match bb8.get().await {
        Ok(_connection) => print("bb8", &bb8),
        Err(error) => print_error("bb8", &error),
    }
    let pool = connector.deadpool_postgres_builder(ManagerConfig::default());
    match pool.build() {
        Ok(pool) => match pool.get().await {
            Ok(connection) => {
                print("deadpool-postgres", &pool);
                print("deadpool-postgres client", &connection);
            }
            Err(error) => print_error("deadpool-postgres", &error),
        },
        Err(error) => print_error("deadpool-postgres", &error),
    }
    let pool = entra_pg_tokio_postgres::deadpool::managed::Pool::<Connector>::builder(connector);
    match pool.build() {
        Ok(pool) => match pool.get().await {
            Ok(_connection) => print("deadpool", &pool),
            Err(error) => print_error("deadpool", &error),
        },
        Err(error) => print_error("deadpool", &error),
    }
}

async fn diesel(target: &Target, entra: &Entra) {
    let manager = match entra_pg_diesel_async::manager(target, entra) {
        Ok(manager) => manager,
        Err(error) => return print_error("manager", &error),
    };
    print("manager", &manager);
    let pool: bb8::Pool<AsyncPgConnection> = bb8::Pool::builder()
        .connection_timeout(pool_timeout())
        .retry_connection(false)
        .build_unchecked(manager);
    match pool.get().await {
        Ok(_connection) => print("diesel pool", &pool),
        Err(error) => print_error("diesel", &error),
    }
    if let Err(error) = entra_pg_diesel_async::connect(target, entra).await {
        print_error("diesel", &error);
    }
}

fn print(what: &str, value: &impl Debug) {
    println!("{what}: {value:?}\n{what}: {value:#?}");
}

fn print_error(what: &str, error: &(dyn StdError + 'static)) {
    println!("{what}: {error}\n{what}: {error:?}\n{what}: {error:#?}");
    if let Some(source) = error.source() {
        print_error(what, source);
    }
}

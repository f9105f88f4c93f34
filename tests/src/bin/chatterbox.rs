//! Connects with every adapter and says all there is to say: every crate's logs at TRACE, `Debug` of every public type, every
//! error in full, panics with live values in scope. The suite searches what it says for secrets.
//!
//! `CHATTERBOX_SCOPE` asks for tokens of another service, `CHATTERBOX_PATIENCE` is how many seconds its pools wait for a
//! connection (30), `CHATTERBOX_PLANT` says a token on purpose.

use std::{error::Error as StdError, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use diesel_async::{AsyncPgConnection, pooled_connection::bb8};
use entra_pg_core::{
    Builder, Entra, Error, ErrorKind, Login, ManagedIdentity, RefreshPolicy, Rejection, Scope,
    Target,
    azure_core::{
        self,
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    },
    connect::{Attempt, Failure},
};
use entra_pg_proxy::Proxy;
use entra_pg_sqlx::{EntraOptions, OpenError, Strategy, sqlx::postgres::PgPoolOptions};
use entra_pg_tokio_postgres::Connector;
use tracing_subscriber::{EnvFilter, fmt};

#[tokio::main]
async fn main() -> Result<(), Error> {
    fmt()
        .with_env_filter(EnvFilter::new("trace"))
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    say("Builder", &Builder::from_env());
    let entra = Entra::from_env()?;
    say("Entra", &entra);
    match target() {
        Ok(target) => {
            say("Target", &target);
            proxy(&target, &entra);
            let (rotate, per_connection) = (Strategy::Rotate, Strategy::PerConnection);
            say("Strategy", &per_connection);
            tokio::join!(
                core(&target, &entra),
                sqlx(&target, &entra, rotate),
                sqlx(&target, &entra, per_connection),
                sea_orm(&target, &entra, rotate),
                sea_orm(&target, &entra, per_connection),
                tokio_postgres(&target, &entra),
                tokio_postgres_pools(&target, &entra),
                diesel(&target, &entra),
                panics(&target),
            );
        }
        Err(error) => complain("target", &error),
    }
    say("Status", &entra.status());
    println!("done");
    Ok(())
}

fn patience() -> Duration {
    let seconds = std::env::var("CHATTERBOX_PATIENCE").ok();
    Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(30))
}

fn url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_default()
}

fn target() -> Result<Target, Error> {
    let target = Target::parse(&url())?;
    Ok(match std::env::var("CHATTERBOX_SCOPE") {
        Ok(scope) => target.with_scope(Scope::new(&scope)?),
        Err(_) => target,
    })
}

async fn core(target: &Target, entra: &Entra) {
    let database = match entra.login_provider(target) {
        Ok(database) => database,
        Err(error) => return complain("database", &error),
    };
    match database.login().await {
        Ok(login) => all_of_a_login(login, database.attempt("chatterbox")).await,
        Err(error) => complain("login", &error),
    }
    say("LoginProvider", &database);
    say("TokenCache", database.token_cache());
    say("Scope", target.scope());
    say("RootCertificates", target.root_certificates());
    say("RefreshPolicy", &RefreshPolicy::default());
    say("ManagedIdentity", &ManagedIdentity::default());
    for kind in ErrorKind::ALL {
        say("ErrorKind", kind);
        say("Phase", &kind.phase());
    }
}

async fn all_of_a_login(login: Login, attempt: Attempt) {
    say("Login", &login);
    say("Token", login.token());
    say("Claims", &login.token().claims());
    // Somebody else's message may quote it.
    let quoted = format!("cannot use {}, sorry", login.token().secret());
    say("Rejection", &Rejection::Other);
    let failure = Failure::refused("28P01", &quoted).with_driver_error(std::io::Error::other("no"));
    say("Failure", &failure);
    say("Attempt", &attempt);
    say("Step", &attempt.step());
    complain("Error", &failure.into_error("app", &attempt));
    let opened = OpenError::from(Error::new(ErrorKind::Connect, &quoted));
    say("OpenError", &opened);
    complain(
        "Error",
        &Error::new(ErrorKind::Connect, &quoted).with_hint(&quoted),
    );
    if std::env::var_os("CHATTERBOX_PLANT").is_some() {
        println!("planted: {}", login.token().secret());
    }
    let panicked = tokio::spawn(async move {
        let token = login.token().clone();
        assert!(token.secret().is_empty(), "with {login:?} in scope");
    });
    say("panic", &panicked.await);
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
    match entra_pg_tokio_postgres::connect(target, &entra).await {
        Ok(_) => println!("a panicking credential connects"),
        Err(error) => complain("panicking credential", &error),
    }
    say("Status", &entra.status());
}

fn proxy(target: &Target, entra: &Entra) {
    let builder = match entra.login_provider(target) {
        Ok(database) => Proxy::builder(database),
        Err(error) => return complain("proxy", &error),
    };
    say("proxy::Builder", &builder);
    match builder.bind_private() {
        Ok(proxy) => {
            say("Proxy", &proxy);
            say("Address", proxy.address());
        }
        Err(error) => complain("proxy", &error),
    }
}

async fn sqlx(target: &Target, entra: &Entra, strategy: Strategy) {
    let pool_options = PgPoolOptions::new().acquire_timeout(patience());
    let options = EntraOptions::new().strategy(strategy);
    say("EntraOptions", &options);
    match entra_pg_sqlx::connect_with(pool_options, target, entra, options).await {
        Ok(pool) => {
            say("PgPool", &pool);
            if let Ok(database) = entra.login_provider(target)
                && let Ok(login) = database.login().await
            {
                say("Rotation", &entra_pg_sqlx::rotate(&pool, &database, &login));
            }
            pool.close().await;
        }
        Err(error) => complain("sqlx", &error),
    }
}

async fn sea_orm(target: &Target, entra: &Entra, strategy: Strategy) {
    let mut options = entra_pg_sea_orm::sea_orm::ConnectOptions::new(url());
    options.acquire_timeout(patience());
    let entra_options = entra_pg_sea_orm::EntraOptions::new()
        .strategy(strategy)
        .target(target.clone());
    say("sea_orm::EntraOptions", &entra_options);
    match entra_pg_sea_orm::connect_with(options, entra, entra_options).await {
        Ok(db) => {
            say("DatabaseConnection", &db);
            let _ = db.close().await;
        }
        Err(error) => complain("SeaORM", &error),
    }
}

async fn tokio_postgres(target: &Target, entra: &Entra) {
    let connector = match Connector::new(target, entra) {
        Ok(connector) => connector,
        Err(error) => return complain("connector", &error),
    };
    match connector.connect_and_spawn().await {
        Ok(client) => {
            say("Client", &client.simple_query("SELECT current_user").await);
        }
        Err(error) => complain("tokio-postgres", &error),
    }
    say("Connector", &connector);
    say("ConnectorBuilder", &Connector::builder(target, entra));
    say("last error", &connector.last_error());
}

async fn tokio_postgres_pools(target: &Target, entra: &Entra) {
    let Ok(connector) = Connector::new(target, entra) else {
        return println!("no connector");
    };
    let bb8 = entra_pg_tokio_postgres::bb8::Pool::builder()
        .connection_timeout(patience())
        .retry_connection(false)
        .build_unchecked(connector.clone());
    match bb8.get().await {
        Ok(_connection) => say("bb8", &bb8),
        Err(error) => complain("bb8", &error),
    }
    let pool = entra_pg_tokio_postgres::deadpool::managed::Pool::<Connector>::builder(connector);
    match pool.build() {
        Ok(pool) => match pool.get().await {
            Ok(_connection) => say("deadpool", &pool),
            Err(error) => complain("deadpool", &error),
        },
        Err(error) => complain("deadpool", &error),
    }
}

async fn diesel(target: &Target, entra: &Entra) {
    let manager = match entra_pg_diesel_async::manager(target, entra) {
        Ok(manager) => manager,
        Err(error) => return complain("manager", &error),
    };
    say("manager", &manager);
    let pool: bb8::Pool<AsyncPgConnection> = bb8::Pool::builder()
        .connection_timeout(patience())
        .retry_connection(false)
        .build_unchecked(manager);
    match pool.get().await {
        Ok(_connection) => say("diesel pool", &pool),
        Err(error) => complain("diesel", &error),
    }
    if let Err(error) = entra_pg_diesel_async::connect(target, entra).await {
        complain("diesel", &error);
    }
}

fn say(what: &str, value: &impl Debug) {
    println!("{what}: {value:?}\n{what}: {value:#?}");
}

fn complain(what: &str, error: &(dyn StdError + 'static)) {
    println!("{what}: {error}\n{what}: {error:?}\n{what}: {error:#?}");
    if let Some(source) = error.source() {
        complain(what, source);
    }
}

//! Connects with every adapter and says all there is to say: every crate's logs at TRACE, `Debug` of every public type, every
//! error in full. The suite searches what it says for secrets.

use std::{error::Error as StdError, fmt::Debug};

use diesel_async::{AsyncPgConnection, pooled_connection::bb8};
use entra_pg_core::{Entra, Error, IntoTarget, Target};
use entra_pg_proxy::Proxy;
use entra_pg_sqlx::{ConnectEntra, Strategy, sqlx::postgres::PgPoolOptions};
use entra_pg_tokio_postgres::Connector;
use tracing_subscriber::{EnvFilter, fmt};

#[tokio::main]
async fn main() -> Result<(), Error> {
    fmt()
        .with_env_filter(EnvFilter::new("trace"))
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let url = std::env::var("DATABASE_URL").unwrap_or_default();
    let entra = Entra::from_env()?;
    say("entra", &entra);
    say("status", &entra.status());
    match Target::parse(&url) {
        Ok(target) => say("target", &target),
        Err(error) => complain("target", &error),
    }
    core(&url, &entra).await;
    proxy(&url, &entra);
    for strategy in [Strategy::Rotate(&entra), Strategy::PerConnection(&entra)] {
        say("strategy", &strategy);
        sqlx(&url, strategy).await;
        sea_orm(&url, strategy).await;
    }
    tokio_postgres(&url, &entra).await;
    diesel(&url, &entra).await;
    say("status", &entra.status());
    println!("done");
    Ok(())
}

async fn core(url: &str, entra: &Entra) {
    let database = match entra.database(url) {
        Ok(database) => database,
        Err(error) => return complain("database", &error),
    };
    match database.login().await {
        Ok(login) => {
            say("login", &login);
            say("token", login.token());
            say("claims", &login.token().claims());
        }
        Err(error) => complain("login", &error),
    }
    say("database", &database);
    say("tokens", database.tokens());
}

fn proxy(url: &str, entra: &Entra) {
    let builder = match entra.database(url) {
        Ok(database) => Proxy::builder(database),
        Err(error) => return complain("proxy", &error),
    };
    say("builder", &builder);
    match builder.listen_private() {
        Ok(proxy) => say("proxy", &proxy),
        Err(error) => complain("proxy", &error),
    }
}

async fn sqlx(url: &str, strategy: Strategy<'_>) {
    match PgPoolOptions::new()
        .acquire_timeout(LIMIT)
        .connect_entra(url, strategy)
        .await
    {
        Ok(pool) => {
            say("pool", &pool);
            pool.close().await;
        }
        Err(error) => complain("sqlx", &error),
    }
}

async fn sea_orm(url: &str, strategy: Strategy<'_>) {
    let mut options = entra_pg_sea_orm::sea_orm::ConnectOptions::new(url);
    options.acquire_timeout(LIMIT);
    match entra_pg_sea_orm::connect(options, strategy).await {
        Ok(db) => {
            say("db", &db);
            let _ = db.close().await;
        }
        Err(error) => complain("SeaORM", &error),
    }
}

async fn tokio_postgres(url: &str, entra: &Entra) {
    let connector = match url
        .into_target()
        .and_then(|target| Connector::new(target, entra))
    {
        Ok(connector) => connector,
        Err(error) => return complain("connector", &error),
    };
    match connector.connect_and_spawn().await {
        Ok(client) => say("rows", &client.simple_query("SELECT current_user").await),
        Err(error) => complain("tokio-postgres", &error),
    }
    say("connector", &connector);
    say("last error", &connector.last_error());
}

async fn diesel(url: &str, entra: &Entra) {
    let manager = match entra_pg_diesel_async::manager(url, entra) {
        Ok(manager) => manager,
        Err(error) => return complain("manager", &error),
    };
    say("manager", &manager);
    let pool: bb8::Pool<AsyncPgConnection> = bb8::Pool::builder()
        .connection_timeout(LIMIT)
        .retry_connection(false)
        .build_unchecked(manager);
    match pool.get().await {
        Ok(_connection) => say("diesel pool", &pool),
        Err(error) => complain("diesel", &error),
    }
}

const LIMIT: std::time::Duration = std::time::Duration::from_secs(5);

fn say(what: &str, value: &impl Debug) {
    println!("{what}: {value:?}\n{what}: {value:#?}");
}

fn complain(what: &str, error: &(dyn StdError + 'static)) {
    println!("{what}: {error}\n{what}: {error:?}\n{what}: {error:#?}");
    if let Some(source) = error.source() {
        complain(what, source);
    }
}

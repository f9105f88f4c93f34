//! What each adapter says for itself to take part in the conformance suite. A new adapter adds itself here.

use std::time::Duration;

use async_trait::async_trait;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use entra_pg_core::{Entra, Error, Target};
use entra_pg_diesel_async::diesel_async;
use entra_pg_sea_orm::sea_orm::{
    self, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait,
};
use entra_pg_sqlx::{
    ConnectEntra, Strategy,
    sqlx::{self, PgPool, Postgres, Row, pool::PoolConnection, postgres::PgPoolOptions},
};
use entra_pg_tokio_postgres::{Connector, bb8, tokio_postgres};

/// Generous: it bounds a test that would hang.
pub const POOL_SIZE: u32 = 8;

/// Every adapter. A new one adds itself here, and to `conformance`.
pub const ALL: [(&str, &dyn Adapter); 9] = [
    ("sqlx", &Sqlx),
    ("SeaORM", &SeaOrm),
    ("tokio-postgres", &TokioPostgres),
    ("tokio-postgres on bb8", &TokioPostgresBb8),
    ("tokio-postgres on deadpool", &TokioPostgresDeadpool),
    ("diesel-async on bb8", &DieselBb8),
    ("diesel-async on deadpool", &DieselOverDeadpool),
    ("sqlx per connection", &SqlxPerConnection),
    ("SeaORM per connection", &SeaOrmPerConnection),
];

/// Those that fetch a token whenever a connection opens.
pub const PER_CONNECTION: [(&str, &dyn Adapter); 7] =
    [ALL[2], ALL[3], ALL[4], ALL[5], ALL[6], ALL[7], ALL[8]];

/// Opens whatever it is that the adapter gives its users, with room for [`POOL_SIZE`] connections.
#[async_trait]
pub trait Adapter: Send + Sync {
    async fn open(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
    ) -> Result<Box<dyn Opened>, Error>;
}

#[async_trait]
pub trait Opened: Send + Sync {
    /// A connection that nobody else uses; a new physical one if all others are held.
    async fn hold(&self) -> Result<Box<dyn Held>, String>;
    /// As the adapter's documentation says to.
    async fn close(self: Box<Self>);
}

#[async_trait]
pub trait Held: Send {
    /// The first column of the first row, a text.
    async fn ask(&mut self, sql: &str) -> Result<String, String>;
}

fn text(error: impl std::error::Error + 'static) -> String {
    entra_pg_core::chain(&error)
}

// ------------------------------------------------------------------------------------------------------------------ sqlx

pub struct Sqlx;

#[async_trait]
impl Adapter for Sqlx {
    async fn open(&self, _: &str, target: Target, entra: &Entra) -> Result<Box<dyn Opened>, Error> {
        open_sqlx(target, Strategy::Rotate(entra)).await
    }
}

pub struct SqlxPerConnection;

#[async_trait]
impl Adapter for SqlxPerConnection {
    async fn open(&self, _: &str, target: Target, entra: &Entra) -> Result<Box<dyn Opened>, Error> {
        open_sqlx(target, Strategy::PerConnection(entra)).await
    }
}

async fn open_sqlx(target: Target, strategy: Strategy<'_>) -> Result<Box<dyn Opened>, Error> {
    let pool = PgPoolOptions::new()
        .max_connections(POOL_SIZE)
        .connect_entra(target, strategy)
        .await?;
    Ok(Box::new(pool))
}

#[async_trait]
impl Opened for PgPool {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.acquire().await.map_err(text)?))
    }

    async fn close(self: Box<Self>) {
        PgPool::close(&self).await;
    }
}

#[async_trait]
impl Held for PoolConnection<Postgres> {
    async fn ask(&mut self, sql: &str) -> Result<String, String> {
        let row = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut **self)
            .await
            .map_err(text)?;
        row.try_get(0).map_err(text)
    }
}

// --------------------------------------------------------------------------------------------------------------- SeaORM

pub struct SeaOrm;

#[async_trait]
impl Adapter for SeaOrm {
    async fn open(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
    ) -> Result<Box<dyn Opened>, Error> {
        open_sea_orm(url, target, Strategy::Rotate(entra)).await
    }
}

pub struct SeaOrmPerConnection;

#[async_trait]
impl Adapter for SeaOrmPerConnection {
    async fn open(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
    ) -> Result<Box<dyn Opened>, Error> {
        open_sea_orm(url, target, Strategy::PerConnection(entra)).await
    }
}

async fn open_sea_orm(
    url: &str,
    target: Target,
    strategy: Strategy<'_>,
) -> Result<Box<dyn Opened>, Error> {
    let mut options = sea_orm::ConnectOptions::new(url);
    options
        .max_connections(POOL_SIZE)
        .acquire_timeout(Duration::from_secs(10));
    let db = entra_pg_sea_orm::connect_with(options, strategy, |_| Ok(target)).await?;
    Ok(Box::new(db))
}

#[async_trait]
impl Opened for DatabaseConnection {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.begin().await.map_err(text)?))
    }

    async fn close(self: Box<Self>) {
        DatabaseConnection::close(*self).await.expect("closes");
    }
}

#[async_trait]
impl Held for DatabaseTransaction {
    async fn ask(&mut self, sql: &str) -> Result<String, String> {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = self
            .query_one_raw(statement)
            .await
            .map_err(text)?
            .ok_or("no row")?;
        row.try_get_by_index(0).map_err(text)
    }
}

// ------------------------------------------------------------------------------------------------------- tokio-postgres

/// One connection at a time, without a pool.
pub struct TokioPostgres;

#[async_trait]
impl Adapter for TokioPostgres {
    async fn open(&self, _: &str, target: Target, entra: &Entra) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        drop(connector.connect_and_spawn().await?);
        Ok(Box::new(connector))
    }
}

#[async_trait]
impl Opened for Connector {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.connect_and_spawn().await.map_err(text)?))
    }

    async fn close(self: Box<Self>) {}
}

#[async_trait]
impl Held for tokio_postgres::Client {
    async fn ask(&mut self, sql: &str) -> Result<String, String> {
        let row = self.query_one(sql, &[]).await.map_err(text)?;
        row.try_get(0).map_err(text)
    }
}

pub struct TokioPostgresBb8;

#[async_trait]
impl Adapter for TokioPostgresBb8 {
    async fn open(&self, _: &str, target: Target, entra: &Entra) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let pool = bb8::Pool::builder()
            .max_size(POOL_SIZE)
            .connection_timeout(Duration::from_secs(20))
            .build_unchecked(connector.clone());
        checked(pool.get().await.map(drop), &connector)?;
        Ok(Box::new(pool))
    }
}

/// What the README of the adapter says to do about a pool that only says that time is up.
fn checked<E>(first: Result<(), E>, connector: &Connector) -> Result<(), Error> {
    match first {
        Ok(()) => Ok(()),
        Err(_) => Err(connector.last_error().expect("the connector knows why")),
    }
}

#[async_trait]
impl Opened for bb8::Pool<Connector> {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(Bb8Client(self.get_owned().await.map_err(text)?)))
    }

    async fn close(self: Box<Self>) {}
}

struct Bb8Client(bb8::PooledConnection<'static, Connector>);

#[async_trait]
impl Held for Bb8Client {
    async fn ask(&mut self, sql: &str) -> Result<String, String> {
        Held::ask(&mut *self.0, sql).await
    }
}

pub struct TokioPostgresDeadpool;

#[async_trait]
impl Adapter for TokioPostgresDeadpool {
    async fn open(&self, _: &str, target: Target, entra: &Entra) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let pool = deadpool::managed::Pool::<Connector>::builder(connector.clone())
            .max_size(POOL_SIZE as usize)
            .build()
            .expect("no timeouts are set, so no runtime is needed");
        checked(pool.get().await.map(drop), &connector)?;
        Ok(Box::new(pool))
    }
}

#[async_trait]
impl Opened for deadpool::managed::Pool<Connector> {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(DeadpoolClient(self.get().await.map_err(text)?)))
    }

    async fn close(self: Box<Self>) {
        deadpool::managed::Pool::close(&self);
    }
}

struct DeadpoolClient(deadpool::managed::Object<Connector>);

#[async_trait]
impl Held for DeadpoolClient {
    async fn ask(&mut self, sql: &str) -> Result<String, String> {
        Held::ask(&mut *self.0, sql).await
    }
}

// --------------------------------------------------------------------------------------------------------- diesel-async

pub struct DieselBb8;

#[async_trait]
impl Adapter for DieselBb8 {
    async fn open(&self, _: &str, target: Target, entra: &Entra) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let pool: DieselBb8Pool = bb8::Pool::builder()
            .max_size(POOL_SIZE)
            .connection_timeout(Duration::from_secs(20))
            .build_unchecked(entra_pg_diesel_async::manager_with(
                connector.clone(),
                Default::default(),
            ));
        checked(pool.get().await.map(drop), &connector)?;
        Ok(Box::new(pool))
    }
}

type DieselBb8Pool = diesel_async::pooled_connection::bb8::Pool<AsyncPgConnection>;
type DieselBb8Connection =
    diesel_async::pooled_connection::bb8::PooledConnection<'static, AsyncPgConnection>;
type DieselDeadpool = diesel_async::pooled_connection::deadpool::Pool<AsyncPgConnection>;
type DieselDeadpoolConnection =
    diesel_async::pooled_connection::deadpool::Object<AsyncPgConnection>;

#[async_trait]
impl Opened for DieselBb8Pool {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.get_owned().await.map_err(text)?))
    }

    async fn close(self: Box<Self>) {}
}

#[async_trait]
impl Held for DieselBb8Connection {
    async fn ask(&mut self, sql: &str) -> Result<String, String> {
        ask_diesel(self, sql).await
    }
}

pub struct DieselOverDeadpool;

#[async_trait]
impl Adapter for DieselOverDeadpool {
    async fn open(&self, _: &str, target: Target, entra: &Entra) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let manager = entra_pg_diesel_async::manager_with(connector.clone(), Default::default());
        let pool = DieselDeadpool::builder(manager)
            .max_size(POOL_SIZE as usize)
            .build()
            .expect("no timeouts are set, so no runtime is needed");
        checked(pool.get().await.map(drop), &connector)?;
        Ok(Box::new(pool))
    }
}

#[async_trait]
impl Opened for DieselDeadpool {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.get().await.map_err(text)?))
    }

    async fn close(self: Box<Self>) {
        DieselDeadpool::close(&self);
    }
}

#[async_trait]
impl Held for DieselDeadpoolConnection {
    async fn ask(&mut self, sql: &str) -> Result<String, String> {
        ask_diesel(self, sql).await
    }
}

#[derive(diesel::QueryableByName)]
struct Answer {
    #[diesel(sql_type = diesel::sql_types::Text)]
    answer: String,
}

async fn ask_diesel(connection: &mut AsyncPgConnection, sql: &str) -> Result<String, String> {
    diesel::sql_query(format!(
        "SELECT answer::text FROM ({sql}) AS asked (answer)"
    ))
    .get_result::<Answer>(connection)
    .await
    .map(|row| row.answer)
    .map_err(text)
}

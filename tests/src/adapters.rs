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
    EntraOptions, Strategy,
    sqlx::{self, PgPool, Postgres, Row, pool::PoolConnection, postgres::PgPoolOptions},
};
use entra_pg_tokio_postgres::{Connector, bb8, tokio_postgres};

/// How many connections a pool may have, unless a test says otherwise.
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

/// How long a pool lets its user wait: so many seconds, and not less than one for each connection that it may have to open.
fn patience(seconds: u32, size: u32) -> Duration {
    Duration::from_secs(seconds.max(size).into())
}

/// Opens whatever it is that the adapter gives its users.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// With room for `size` connections.
    async fn open_sized(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error>;

    /// With room for [`POOL_SIZE`] connections.
    async fn open(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
    ) -> Result<Box<dyn Opened>, Error> {
        self.open_sized(url, target, entra, POOL_SIZE).await
    }
}

#[async_trait]
pub trait Opened: Send + Sync {
    /// A connection that nobody else uses; a new physical one if all others are held.
    async fn hold(&self) -> Result<Box<dyn Held>, String>;
    /// Closes it while others may still be using it; nothing, where the pool knows no such thing and is only dropped.
    async fn shut(&self) {}

    /// As the adapter's documentation says to.
    async fn close(self: Box<Self>) {
        self.shut().await;
    }
}

#[async_trait]
pub trait Held: Send {
    /// The first column of the first row, a text.
    async fn ask(&mut self, sql: &str) -> Result<String, String>;
}

fn text(error: impl std::error::Error + 'static) -> String {
    entra_pg_core::connect::chain(&error)
}

// ------------------------------------------------------------------------------------------------------------------ sqlx

pub struct Sqlx;

#[async_trait]
impl Adapter for Sqlx {
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        open_sqlx(target, entra, Strategy::Rotate, size).await
    }
}

pub struct SqlxPerConnection;

#[async_trait]
impl Adapter for SqlxPerConnection {
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        open_sqlx(target, entra, Strategy::PerConnection, size).await
    }
}

async fn open_sqlx(
    target: Target,
    entra: &Entra,
    strategy: Strategy,
    size: u32,
) -> Result<Box<dyn Opened>, Error> {
    let pool_options = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(patience(30, size));
    let options = EntraOptions::new().strategy(strategy);
    let pool = entra_pg_sqlx::connect_with(pool_options, target, entra, options).await?;
    Ok(Box::new(pool))
}

#[async_trait]
impl Opened for PgPool {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.acquire().await.map_err(text)?))
    }

    async fn shut(&self) {
        PgPool::close(self).await;
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
    async fn open_sized(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        open_sea_orm(url, target, entra, Strategy::Rotate, size).await
    }
}

pub struct SeaOrmPerConnection;

#[async_trait]
impl Adapter for SeaOrmPerConnection {
    async fn open_sized(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        open_sea_orm(url, target, entra, Strategy::PerConnection, size).await
    }
}

async fn open_sea_orm(
    url: &str,
    target: Target,
    entra: &Entra,
    strategy: Strategy,
    size: u32,
) -> Result<Box<dyn Opened>, Error> {
    let mut options = sea_orm::ConnectOptions::new(url);
    options
        .max_connections(size)
        .acquire_timeout(patience(10, size));
    let entra_options = entra_pg_sea_orm::EntraOptions::new()
        .strategy(strategy)
        .target(target);
    let db = entra_pg_sea_orm::connect_with(options, entra, entra_options).await?;
    Ok(Box::new(db))
}

#[async_trait]
impl Opened for DatabaseConnection {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        Ok(Box::new(self.begin().await.map_err(text)?))
    }

    async fn shut(&self) {
        self.close_by_ref().await.expect("closes");
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
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        _: u32,
    ) -> Result<Box<dyn Opened>, Error> {
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
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(patience(20, size))
            .build_unchecked(connector.clone());
        checked(pool.get().await.map(drop), &connector)?;
        Ok(Box::new(WithCause { pool, connector }))
    }
}

/// What the README of the adapter says to do about a pool that only says that time is up.
fn checked<E>(first: Result<(), E>, connector: &Connector) -> Result<(), Error> {
    match first {
        Ok(()) => Ok(()),
        Err(_) => Err(connector.last_error().expect("the connector knows why")),
    }
}

/// A bb8 pool, which only says that time is up, and the connector, which knows why.
struct WithCause<P> {
    pool: P,
    connector: Connector,
}

impl<P> WithCause<P> {
    fn text(&self, error: impl std::error::Error + 'static) -> String {
        match self.connector.last_error() {
            Some(cause) => format!("{}: {cause}", text(error)),
            None => text(error),
        }
    }
}

#[async_trait]
impl Opened for WithCause<bb8::Pool<Connector>> {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        let client = self.pool.get_owned().await;
        Ok(Box::new(Bb8Client(client.map_err(|e| self.text(e))?)))
    }
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
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let pool = deadpool::managed::Pool::<Connector>::builder(connector.clone())
            .max_size(size as usize)
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

    async fn shut(&self) {
        deadpool::managed::Pool::close(self);
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
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let pool: DieselBb8Pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(patience(20, size))
            .build_unchecked(entra_pg_diesel_async::manager_with(
                connector.clone(),
                Default::default(),
            ));
        checked(pool.get().await.map(drop), &connector)?;
        Ok(Box::new(WithCause { pool, connector }))
    }
}

type DieselBb8Pool = diesel_async::pooled_connection::bb8::Pool<AsyncPgConnection>;
type DieselBb8Connection =
    diesel_async::pooled_connection::bb8::PooledConnection<'static, AsyncPgConnection>;
type DieselDeadpool = diesel_async::pooled_connection::deadpool::Pool<AsyncPgConnection>;
type DieselDeadpoolConnection =
    diesel_async::pooled_connection::deadpool::Object<AsyncPgConnection>;

#[async_trait]
impl Opened for WithCause<DieselBb8Pool> {
    async fn hold(&self) -> Result<Box<dyn Held>, String> {
        let connection = self.pool.get_owned().await;
        Ok(Box::new(connection.map_err(|e| self.text(e))?))
    }
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
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn Opened>, Error> {
        let connector = Connector::new(target, entra)?;
        let manager = entra_pg_diesel_async::manager_with(connector.clone(), Default::default());
        let pool = DieselDeadpool::builder(manager)
            .max_size(size as usize)
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

    async fn shut(&self) {
        DieselDeadpool::close(self);
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

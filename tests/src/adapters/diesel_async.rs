use async_trait::async_trait;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use entra_pg_core::{Entra, Error, Target};
use entra_pg_diesel_async::diesel_async;
use entra_pg_tokio_postgres::{Connector, bb8, tokio_postgres::CancelToken};

use super::adapter::{
    self, Adapter, TestConnection, TestPool, WithCause, cancelling, checked, retry_timeout, text,
};

pub struct DieselBb8;

#[async_trait]
impl Adapter for DieselBb8 {
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn TestPool>, Error> {
        let timeout = retry_timeout(&target, size);
        let connector = Connector::new(target, entra)?;
        let pool: Bb8Pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(timeout)
            .build_unchecked(entra_pg_diesel_async::manager_with(
                connector.clone(),
                Default::default(),
            ));
        checked(pool.get().await.map(drop), &connector)?;
        Ok(cancelling(
            WithCause {
                pool,
                connector: connector.clone(),
            },
            &connector,
        ))
    }
}

type Bb8Pool = diesel_async::pooled_connection::bb8::Pool<AsyncPgConnection>;
type Bb8Connection =
    diesel_async::pooled_connection::bb8::PooledConnection<'static, AsyncPgConnection>;
type DeadpoolPool = diesel_async::pooled_connection::deadpool::Pool<AsyncPgConnection>;
type DeadpoolConnection = diesel_async::pooled_connection::deadpool::Object<AsyncPgConnection>;

#[async_trait]
impl TestPool for WithCause<Bb8Pool> {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        let connection = self.pool.get_owned().await;
        Ok(Box::new(connection.map_err(|e| self.text(e))?))
    }
}

#[async_trait]
impl TestConnection for Bb8Connection {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        query_diesel(self, sql).await
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        Some(AsyncPgConnection::cancel_token(self))
    }
}

pub struct DieselDeadpool;

#[async_trait]
impl Adapter for DieselDeadpool {
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn TestPool>, Error> {
        let connector = Connector::new(target, entra)?;
        let manager = entra_pg_diesel_async::manager_with(connector.clone(), Default::default());
        adapter::deadpool(DeadpoolPool::builder(manager), size, &connector).await
    }
}

#[async_trait]
impl TestPool for DeadpoolPool {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        Ok(Box::new(self.get().await.map_err(text)?))
    }

    async fn shut(&self) {
        DeadpoolPool::close(self);
    }
}

#[async_trait]
impl TestConnection for DeadpoolConnection {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        query_diesel(self, sql).await
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        Some(AsyncPgConnection::cancel_token(self))
    }
}

#[async_trait]
impl TestConnection for AsyncPgConnection {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        query_diesel(self, sql).await
    }
}

#[derive(diesel::QueryableByName)]
struct Answer {
    #[diesel(sql_type = diesel::sql_types::Text)]
    answer: String,
}

async fn query_diesel(connection: &mut AsyncPgConnection, sql: &str) -> Result<String, String> {
    diesel::sql_query(format!(
        "SELECT answer::text FROM ({sql}) AS asked (answer)"
    ))
    .get_result::<Answer>(connection)
    .await
    .map(|row| row.answer)
    .map_err(text)
}

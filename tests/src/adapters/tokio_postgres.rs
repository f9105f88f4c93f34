use async_trait::async_trait;
use entra_pg_core::{Entra, Error, Target};
use entra_pg_tokio_postgres::{
    Connector, bb8, deadpool,
    deadpool_postgres::{self, ManagerConfig, RecyclingMethod},
    tokio_postgres::{self, CancelToken},
};

use super::adapter::{
    self, Adapter, TestConnection, TestPool, WithCause, cancelling, checked, retry_timeout, text,
};

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
    ) -> Result<Box<dyn TestPool>, Error> {
        let connector = Connector::new(target, entra)?;
        drop(connector.connect_and_spawn().await?);
        Ok(cancelling(connector.clone(), &connector))
    }
}

#[async_trait]
impl TestPool for Connector {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        Ok(Box::new(self.connect_and_spawn().await.map_err(text)?))
    }
}

#[async_trait]
impl TestConnection for tokio_postgres::Client {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        let row = self.query_one(sql, &[]).await.map_err(text)?;
        row.try_get(0).map_err(text)
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        Some(tokio_postgres::Client::cancel_token(self))
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
    ) -> Result<Box<dyn TestPool>, Error> {
        let timeout = retry_timeout(&target, size);
        let connector = Connector::new(target, entra)?;
        let pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(timeout)
            .build_unchecked(connector.clone());
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

#[async_trait]
impl TestPool for WithCause<bb8::Pool<Connector>> {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        let client = self.pool.get_owned().await;
        Ok(Box::new(Bb8Client(client.map_err(|e| self.text(e))?)))
    }
}

struct Bb8Client(bb8::PooledConnection<'static, Connector>);

#[async_trait]
impl TestConnection for Bb8Client {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        TestConnection::query(&mut *self.0, sql).await
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        Some(tokio_postgres::Client::cancel_token(&self.0))
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
    ) -> Result<Box<dyn TestPool>, Error> {
        let connector = Connector::new(target, entra)?;
        let pool = deadpool::managed::Pool::<Connector>::builder(connector.clone());
        adapter::deadpool(pool, size, &connector).await
    }
}

#[async_trait]
impl TestPool for deadpool::managed::Pool<Connector> {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        Ok(Box::new(DeadpoolClient(self.get().await.map_err(text)?)))
    }

    async fn shut(&self) {
        deadpool::managed::Pool::close(self);
    }
}

struct DeadpoolClient(deadpool::managed::Object<Connector>);

#[async_trait]
impl TestConnection for DeadpoolClient {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        TestConnection::query(&mut *self.0, sql).await
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        Some(tokio_postgres::Client::cancel_token(&self.0))
    }
}

pub struct TokioPostgresDeadpoolPostgres;

#[async_trait]
impl Adapter for TokioPostgresDeadpoolPostgres {
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn TestPool>, Error> {
        let connector = Connector::new(target, entra)?;
        let verified = ManagerConfig {
            recycling_method: RecyclingMethod::Verified,
        };
        adapter::deadpool(
            connector.deadpool_postgres_builder(verified),
            size,
            &connector,
        )
        .await
    }
}

#[async_trait]
impl TestPool for deadpool_postgres::Pool {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        Ok(Box::new(self.get().await.map_err(text)?))
    }

    async fn shut(&self) {
        deadpool_postgres::Pool::close(self);
    }
}

#[async_trait]
impl TestConnection for deadpool_postgres::Client {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        let statement = self.prepare_cached(sql).await.map_err(text)?;
        let row = self.query_one(&statement, &[]).await.map_err(text)?;
        row.try_get(0).map_err(text)
    }

    fn cancel_token(&self) -> Option<CancelToken> {
        Some(tokio_postgres::Client::cancel_token(self))
    }
}

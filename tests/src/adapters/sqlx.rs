use async_trait::async_trait;
use entra_pg_core::{Entra, Error, Target};
use entra_pg_sqlx::{
    EntraOptions, Strategy,
    sqlx::{self, PgPool, Postgres, Row, pool::PoolConnection, postgres::PgPoolOptions},
};

use super::adapter::{Adapter, TestConnection, TestPool, acquire_timeout, text};

pub struct Sqlx;

#[async_trait]
impl Adapter for Sqlx {
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn TestPool>, Error> {
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
    ) -> Result<Box<dyn TestPool>, Error> {
        open_sqlx(target, entra, Strategy::PerConnection, size).await
    }
}

async fn open_sqlx(
    target: Target,
    entra: &Entra,
    strategy: Strategy,
    size: u32,
) -> Result<Box<dyn TestPool>, Error> {
    let pool_options = PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(acquire_timeout(30, size));
    let options = EntraOptions::new().strategy(strategy);
    let pool = entra_pg_sqlx::connect_with(pool_options, target, entra, options).await?;
    Ok(Box::new(pool))
}

#[async_trait]
impl TestPool for PgPool {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        Ok(Box::new(self.acquire().await.map_err(text)?))
    }

    async fn shut(&self) {
        PgPool::close(self).await;
    }
}

#[async_trait]
impl TestConnection for PoolConnection<Postgres> {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        let row = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_one(&mut **self)
            .await
            .map_err(text)?;
        row.try_get(0).map_err(text)
    }
}

use async_trait::async_trait;
use entra_pg_core::{Entra, Error, Target};
use entra_pg_sea_orm::sea_orm::{
    self, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, Statement,
    TransactionTrait,
};
use entra_pg_sqlx::Strategy;

use super::adapter::{Adapter, TestConnection, TestPool, acquire_timeout, text};

pub struct SeaOrm;

#[async_trait]
impl Adapter for SeaOrm {
    async fn open_sized(
        &self,
        url: &str,
        target: Target,
        entra: &Entra,
        size: u32,
    ) -> Result<Box<dyn TestPool>, Error> {
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
    ) -> Result<Box<dyn TestPool>, Error> {
        open_sea_orm(url, target, entra, Strategy::PerConnection, size).await
    }
}

async fn open_sea_orm(
    url: &str,
    target: Target,
    entra: &Entra,
    strategy: Strategy,
    size: u32,
) -> Result<Box<dyn TestPool>, Error> {
    let mut options = sea_orm::ConnectOptions::new(of_first_host(url, &target));
    options
        .max_connections(size)
        .acquire_timeout(acquire_timeout(10, size));
    let entra_options = entra_pg_sea_orm::EntraOptions::new()
        .strategy(strategy)
        .target(target);
    let db = entra_pg_sea_orm::connect_with(options, entra, entra_options).await?;
    Ok(Box::new(db))
}

/// SeaORM's own parser of URLs does not know lists of ports. The target has all hosts.
fn of_first_host(url: &str, target: &Target) -> String {
    match target.hosts() {
        [_] => url.to_owned(),
        [first, ..] => format!("postgres://app@{}:{}/postgres", first.name(), first.port()),
        [] => unreachable!("a target has a host"),
    }
}

#[async_trait]
impl TestPool for DatabaseConnection {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        Ok(Box::new(self.begin().await.map_err(text)?))
    }

    async fn shut(&self) {
        self.close_by_ref().await.expect("closes");
    }
}

#[async_trait]
impl TestConnection for DatabaseTransaction {
    async fn query(&mut self, sql: &str) -> Result<String, String> {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        let row = self
            .query_one_raw(statement)
            .await
            .map_err(text)?
            .ok_or("no row")?;
        row.try_get_by_index(0).map_err(text)
    }
}

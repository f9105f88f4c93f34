//! SeaORM, in each version that has a crate.

use entra_pg_core::Target;

/// The adapters of one version. `$query_one` is that version's name for a query by a `Statement`.
macro_rules! adapters {
    ($version:ident, $entra_pg_sea_orm:ident, $query_one:ident) => {
        pub mod $version {
            use async_trait::async_trait;
            use entra_pg_core::{Entra, Error, Target};
            use $entra_pg_sea_orm::{
                EntraOptions, Strategy, connect_with,
                sea_orm::{
                    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
                    DbBackend, Statement, TransactionTrait,
                },
            };

            use crate::adapters::adapter::{
                Adapter, TestConnection, TestPool, acquire_timeout, text,
            };

            pub struct SeaOrm(Strategy);

            pub const ROTATE: SeaOrm = SeaOrm(Strategy::Rotate);
            pub const PER_CONNECTION: SeaOrm = SeaOrm(Strategy::PerConnection);

            #[async_trait]
            impl Adapter for SeaOrm {
                async fn open_sized(
                    &self,
                    url: &str,
                    target: Target,
                    entra: &Entra,
                    size: u32,
                ) -> Result<Box<dyn TestPool>, Error> {
                    let mut options = ConnectOptions::new(super::of_first_host(url, &target));
                    options
                        .max_connections(size)
                        .acquire_timeout(acquire_timeout(10, size, &target));
                    let entra_options = EntraOptions::new().strategy(self.0).target(target);
                    let db = connect_with(options, entra, entra_options).await?;
                    Ok(Box::new(db))
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
                        .$query_one(statement)
                        .await
                        .map_err(text)?
                        .ok_or("no row")?;
                    row.try_get_by_index(0).map_err(text)
                }
            }
        }
    };
}

adapters!(v2_0, entra_pg_sea_orm, query_one_raw);
adapters!(v1_1, entra_pg_sea_orm_11, query_one);

/// SeaORM's own parser of URLs does not know lists of ports. The target has all hosts.
fn of_first_host(url: &str, target: &Target) -> String {
    match target.hosts() {
        [_] => url.to_owned(),
        [first, ..] => format!("postgres://app@{}:{}/postgres", first.name(), first.port()),
        [] => unreachable!("a target has a host"),
    }
}

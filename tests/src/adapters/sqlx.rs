//! sqlx, in each version that has a crate.

/// The adapters of one version. `$sql` is how that version is told that a text is a query.
macro_rules! adapters {
    ($version:ident, $entra_pg_sqlx:ident, $sql:expr) => {
        pub mod $version {
            use async_trait::async_trait;
            use entra_pg_core::{Entra, Error, Target};
            use $entra_pg_sqlx::{
                EntraOptions, Strategy,
                sqlx::{
                    self, PgPool, Postgres, Row, pool::PoolConnection, postgres::PgPoolOptions,
                },
            };

            use crate::adapters::adapter::{
                Adapter, TestConnection, TestPool, acquire_timeout, text,
            };

            pub struct Sqlx(Strategy);

            pub const ROTATE: Sqlx = Sqlx(Strategy::Rotate);
            pub const PER_CONNECTION: Sqlx = Sqlx(Strategy::PerConnection);

            #[async_trait]
            impl Adapter for Sqlx {
                async fn open_sized(
                    &self,
                    _: &str,
                    target: Target,
                    entra: &Entra,
                    size: u32,
                ) -> Result<Box<dyn TestPool>, Error> {
                    let pool = PgPoolOptions::new()
                        .max_connections(size)
                        .acquire_timeout(acquire_timeout(30, size, &target));
                    let options = EntraOptions::new().strategy(self.0);
                    let pool = $entra_pg_sqlx::connect_with(pool, target, entra, options).await?;
                    Ok(Box::new(pool))
                }
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
                    let row = sqlx::query($sql(sql))
                        .fetch_one(&mut **self)
                        .await
                        .map_err(text)?;
                    row.try_get(0).map_err(text)
                }
            }
        }
    };
}

adapters!(
    v0_9,
    entra_pg_sqlx,
    (|sql: &str| sqlx::AssertSqlSafe(sql.to_owned()))
);
adapters!(v0_8, entra_pg_sqlx_08, std::convert::identity);

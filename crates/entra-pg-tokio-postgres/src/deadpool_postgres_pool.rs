//! The connector under a deadpool-postgres pool.

use std::{future::Future, mem, pin::Pin, sync::Arc};

use deadpool_postgres::{
    ClientWrapper, Connect, Hook, HookError, Manager, ManagerConfig, Pool, PoolBuilder,
    RecyclingMethod, Runtime,
};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};

use crate::{Connector, driver_error::driver_error};

impl Connector {
    /// Creates the builder of a `deadpool_postgres::Pool` whose connections this connector opens. Pool, `Client`, statement
    /// cache and recycling are deadpool-postgres' own. What its [`RecyclingMethod`] asks of a connection that is taken out of the
    /// pool has the [`liveness_timeout`](crate::ConnectorBuilder::liveness_timeout); one that does not respond in time is replaced.
    /// `Fast`, its default, asks nothing.
    ///
    /// Its errors are the driver's. Where a connection could not be opened, [`source`](std::error::Error::source) leads to our
    /// [`Error`](crate::Error); [`last_error`](Self::last_error) has it, too, also when the pool reports a timeout.
    ///
    /// ```no_run
    /// use entra_pg_tokio_postgres::{
    ///     Connector, Entra,
    ///     deadpool_postgres::{ManagerConfig, RecyclingMethod},
    /// };
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
    /// let connector = Connector::new(url, &Entra::from_env()?)?;
    /// let verified = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    /// let pool = connector.deadpool_postgres_builder(verified).max_size(16).build()?;
    ///
    /// match pool.get().await {
    ///     Ok(client) => {
    ///         let statement = client.prepare_cached("SELECT $1::int4").await?;
    ///         client.query_one(&statement, &[&1]).await?;
    ///     }
    ///     Err(error) => match connector.last_error() {
    ///         Some(cause) => eprintln!("{cause}"),
    ///         None => eprintln!("{error}"), // all connections are in use
    ///     },
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadpool_postgres_builder(&self, mut config: ManagerConfig) -> PoolBuilder {
        // The hook asks, since the manager would without a limit.
        let method = mem::replace(&mut config.recycling_method, RecyclingMethod::Fast);
        let manager =
            Manager::from_connect(Config::new(), ConnectByConnector(self.clone()), config);
        let builder = Pool::builder(manager).runtime(Runtime::Tokio1);
        match method.query() {
            Some(sql) => builder.pre_recycle(self.check(sql.into())),
            None => builder,
        }
    }

    fn check(&self, sql: Arc<str>) -> Hook {
        let connector = self.clone();
        Hook::async_fn(move |client: &mut ClientWrapper, _| {
            let (connector, sql) = (connector.clone(), Arc::clone(&sql));
            Box::pin(async move {
                match connector.check_liveness(client.simple_query(&sql)).await {
                    Ok(checked) => checked.map(drop).map_err(HookError::Backend),
                    Err(silent) => Err(HookError::message(silent.to_string())),
                }
            })
        })
    }
}

/// Where to connect to is the connector's to know, not the configuration's that the manager hands over.
struct ConnectByConnector(Connector);

type Opened = Result<(Client, JoinHandle<()>), Error>;

impl Connect for ConnectByConnector {
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Opened> + Send + '_>> {
        Box::pin(async {
            match self.0.connect_and_keep_task().await {
                Ok(opened) => Ok(opened),
                Err(error) => Err(driver_error(error).await),
            }
        })
    }
}

//! Opens their tests' connections with ours.

use std::sync::LazyLock;

use diesel_async::{
    AsyncPgConnection, async_connection_wrapper::AsyncConnectionWrapper,
    pooled_connection::AsyncDieselConnectionManager,
};
use entra_pg_diesel_async::{Entra, Error};
use tokio::runtime::Runtime;

fn entra() -> Entra {
    Entra::from_env().unwrap()
}

pub async fn establish(url: &str) -> Result<AsyncPgConnection, Error> {
    entra_pg_diesel_async::connect(url, &entra()).await
}

pub fn manager(url: &str) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    entra_pg_diesel_async::manager(url, &entra()).unwrap()
}

/// For tests without a runtime. The connection's task runs in this one, as long as the tests.
pub fn wrapper(url: &str) -> AsyncConnectionWrapper<AsyncPgConnection> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(establish(url)).unwrap().into()
}

//! The adapters under test, one file for each driver or ORM.

mod adapter;
mod diesel_async;
mod list;
mod proxy;
mod sea_orm;
mod sqlx;
mod tokio_postgres;

pub use adapter::{Adapter, Cancel, POOL_SIZE, TestConnection, TestPool};
pub use list::{ALL, NamedAdapter, named, per_connection};
pub use proxy::PROXY;

//! The list of adapters.

use entra_pg_core::{Entra, Target};

use super::{
    adapter::{Adapter, TestPool},
    diesel_async::{DieselBb8, DieselDeadpool},
    sea_orm, sqlx,
    tokio_postgres::{
        TokioPostgres, TokioPostgresBb8, TokioPostgresDeadpool, TokioPostgresDeadpoolPostgres,
    },
};

/// An adapter, under the name by which tests find it.
#[derive(Clone, Copy)]
pub struct NamedAdapter {
    pub name: &'static str,
    /// Whether it fetches a token whenever a connection opens. The others rotate.
    pub per_connection: bool,
    pub adapter: &'static dyn Adapter,
}

impl NamedAdapter {
    /// Opens it with room for `size` connections. Panics with its name if it cannot.
    pub async fn open(self, url: &str, entra: &Entra, size: u32) -> Box<dyn TestPool> {
        let target = Target::parse(url).expect("a URL");
        let opened = self.adapter.open_sized(url, target, entra, size).await;
        opened.unwrap_or_else(|error| panic!("{}, {url}: {error}", self.name))
    }
}

/// Every adapter. A new one adds itself here, and takes part in all suites.
///
/// Calls the macro `$then` with `$with` and the list, so that `ALL` and the tests of `conformance` come from one list. The
/// identifier is the last part of a test's name.
#[macro_export]
macro_rules! for_every_adapter {
    ($then:ident! $($with:tt)*) => {
        $then! {
            $($with)*
            sqlx("sqlx", per_connection = false, sqlx::v0_9::ROTATE);
            sqlx_per_connection("sqlx per connection", per_connection = true, sqlx::v0_9::PER_CONNECTION);
            sea_orm("SeaORM", per_connection = false, sea_orm::v2_0::ROTATE);
            sea_orm_per_connection("SeaORM per connection", per_connection = true, sea_orm::v2_0::PER_CONNECTION);
            sqlx_08("sqlx 0.8", per_connection = false, sqlx::v0_8::ROTATE);
            sqlx_08_per_connection("sqlx 0.8 per connection", per_connection = true, sqlx::v0_8::PER_CONNECTION);
            sea_orm_11("SeaORM 1.1", per_connection = false, sea_orm::v1_1::ROTATE);
            sea_orm_11_per_connection("SeaORM 1.1 per connection", per_connection = true, sea_orm::v1_1::PER_CONNECTION);
            tokio_postgres("tokio-postgres", per_connection = true, TokioPostgres);
            tokio_postgres_bb8("tokio-postgres on bb8", per_connection = true, TokioPostgresBb8);
            tokio_postgres_deadpool("tokio-postgres on deadpool", per_connection = true, TokioPostgresDeadpool);
            tokio_postgres_deadpool_postgres("tokio-postgres on deadpool-postgres", per_connection = true, TokioPostgresDeadpoolPostgres);
            diesel_bb8("diesel-async on bb8", per_connection = true, DieselBb8);
            diesel_deadpool("diesel-async on deadpool", per_connection = true, DieselDeadpool);
        }
    };
}

macro_rules! list {
    ($($test:ident($name:literal, per_connection = $per_connection:literal, $adapter:expr);)*) => {
        pub const ALL: [NamedAdapter; [$($name),*].len()] = [$(NamedAdapter {
            name: $name,
            per_connection: $per_connection,
            adapter: &$adapter,
        }),*];
    };
}

for_every_adapter!(list!);

/// The adapter of this name.
pub fn named(name: &str) -> NamedAdapter {
    let found = ALL.into_iter().find(|adapter| adapter.name == name);
    found.unwrap_or_else(|| panic!("no adapter is called {name:?}"))
}

/// Those that fetch a token whenever a connection opens.
pub fn per_connection() -> impl Iterator<Item = NamedAdapter> {
    ALL.into_iter().filter(|adapter| adapter.per_connection)
}

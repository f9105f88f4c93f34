//! The list of adapters.

use super::{
    adapter::Adapter,
    diesel_async::{DieselBb8, DieselDeadpool},
    sea_orm::{SeaOrm, SeaOrmPerConnection},
    sqlx::{Sqlx, SqlxPerConnection},
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

/// Every adapter. A new one adds itself here, and takes part in all suites.
///
/// Calls the macro `$then` with `$with` and the list, so that `ALL` and the tests of `conformance` come from one list. The
/// identifier is the last part of a test's name.
#[macro_export]
macro_rules! for_every_adapter {
    ($then:ident! $($with:tt)*) => {
        $then! {
            $($with)*
            sqlx("sqlx", per_connection = false, Sqlx);
            sqlx_per_connection("sqlx per connection", per_connection = true, SqlxPerConnection);
            sea_orm("SeaORM", per_connection = false, SeaOrm);
            sea_orm_per_connection("SeaORM per connection", per_connection = true, SeaOrmPerConnection);
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
    ($($test:ident($name:literal, per_connection = $per_connection:literal, $adapter:ident);)*) => {
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

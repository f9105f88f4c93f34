//! diesel's checks of a pool's connections, with a limit.

use std::borrow::Cow;

use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{RecycleCheckCallback, RecyclingMethod},
};
use entra_pg_tokio_postgres::Connector;

/// As `method`, but a connection that does not respond in time is not recycled.
pub(crate) fn bounded(
    connector: Connector,
    method: RecyclingMethod<AsyncPgConnection>,
) -> RecyclingMethod<AsyncPgConnection> {
    let check = match method {
        // It sends nothing.
        RecyclingMethod::Fast => return RecyclingMethod::Fast,
        RecyclingMethod::Verified => execute("SELECT 1".into()),
        RecyclingMethod::CustomQuery(sql) => execute(sql),
        RecyclingMethod::CustomFunction(check) => check,
    };
    RecyclingMethod::CustomFunction(Box::new(move |connection| {
        let (connector, checking) = (connector.clone(), check(connection));
        Box::pin(async move {
            let checked = connector.check_liveness(checking).await;
            checked.unwrap_or_else(|error| {
                let kind = DatabaseErrorKind::ClosedConnection;
                Err(Error::DatabaseError(kind, Box::new(error.to_string())))
            })
        })
    }))
}

fn execute(sql: Cow<'static, str>) -> Box<RecycleCheckCallback<AsyncPgConnection>> {
    Box::new(move |connection| {
        let sql = sql.clone();
        Box::pin(async move { connection.batch_execute(&sql).await })
    })
}

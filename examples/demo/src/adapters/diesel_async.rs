//! diesel-async: a bb8 pool whose connections grow old quickly, and a connection taken out of it and kept.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    pooled_connection::{
        RecyclingMethod,
        bb8::{Pool, PooledConnection, RunError},
    },
};
use entra_pg_diesel_async::{Connector, manager_with};

use crate::contestant::{Contestant, PATIENCE, Seen, Setting, text};

diesel::table! {
    entra_pg_demo (id) {
        id -> Int8,
        kept -> Bool,
        note -> Text,
        backend -> Int4,
        opened -> Int8,
    }
}

struct DieselAsync {
    pool: Pool<AsyncPgConnection>,
    kept: PooledConnection<'static, AsyncPgConnection>,
    connector: Connector,
}

pub(super) async fn open(url: String, setting: &Setting) -> Result<Box<dyn Contestant>, String> {
    let connector = Connector::new(url.as_str(), &setting.entra).map_err(text)?;
    let pool: Pool<AsyncPgConnection> = Pool::builder()
        .max_size(2)
        .max_lifetime(setting.connection_age)
        .reaper_rate(setting.connection_age / 4)
        .connection_timeout(PATIENCE)
        // A failed connect is to be seen, not made up for.
        .retry_connection(false)
        .build_unchecked(manager_with(connector.clone(), RecyclingMethod::default()));
    let kept = pool
        .get_owned()
        .await
        .map_err(|error| cause(error, &connector))?;
    Ok(Box::new(DieselAsync {
        pool,
        kept,
        connector,
    }))
}

#[async_trait]
impl Contestant for DieselAsync {
    async fn fresh(&mut self, note: &str) -> Result<Seen, String> {
        let mut connection = self
            .pool
            .get()
            .await
            .map_err(|error| cause(error, &self.connector))?;
        round(&mut connection, false, note).await.map_err(text)
    }

    async fn kept(&mut self, note: &str) -> Result<Seen, String> {
        round(&mut self.kept, true, note).await.map_err(text)
    }

    async fn close(self: Box<Self>) -> Result<(), String> {
        // bb8 has no close: the connections end with the last handles.
        Ok(())
    }
}

async fn round(connection: &mut AsyncPgConnection, kept: bool, note: &str) -> QueryResult<Seen> {
    let id: i64 = diesel::insert_into(entra_pg_demo::table)
        .values((entra_pg_demo::kept.eq(kept), entra_pg_demo::note.eq(note)))
        .returning(entra_pg_demo::id)
        .get_result(connection)
        .await?;
    let (note, backend, opened) = entra_pg_demo::table
        .find(id)
        .select((
            entra_pg_demo::note,
            entra_pg_demo::backend,
            entra_pg_demo::opened,
        ))
        .first(connection)
        .await?;
    Ok(Seen {
        note,
        backend,
        opened,
    })
}

/// A pool may only say that time is up; the connector knows why.
fn cause(error: RunError, connector: &Connector) -> String {
    connector.last_error().map_or_else(|| text(error), text)
}

//! A bb8 pool, and a connection taken out of it.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl, pooled_connection::bb8::Pool};

use crate::{Result, worker::Worker};

diesel::table! {
    entra_pg_demo (id) {
        id -> Int8,
        kept -> Bool,
    }
}

pub(crate) async fn run(mut worker: Worker) -> Result<()> {
    let manager = entra_pg_diesel_async::manager(worker.url.as_str(), &worker.entra)?;
    let pool = Pool::builder()
        .max_size(2)
        .max_lifetime(worker.max_lifetime)
        .reaper_rate(worker.max_lifetime / 4)
        // A failed connect counts; a second attempt must not hide it.
        .retry_connection(false)
        .build(manager)
        .await?;
    let mut kept = pool.get().await?;
    while worker.next_round().await {
        let fresh = async { insert(&mut *pool.get().await?, false).await };
        worker.run(fresh).await;
        worker.run(insert(&mut kept, true)).await;
    }
    // bb8 closes connections when their last handle is dropped.
    Ok(())
}

async fn insert(connection: &mut AsyncPgConnection, kept: bool) -> Result<usize> {
    let insert = diesel::insert_into(entra_pg_demo::table);
    let row = entra_pg_demo::kept.eq(kept);
    Ok(insert.values(row).execute(connection).await?)
}

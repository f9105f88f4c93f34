//! One small program per adapter, in the style of its ORM. Each opens a pool whose connections grow old quickly, keeps one
//! connection, and writes rows over both until the demo ends.

mod diesel_async;
mod sea_orm;
mod sqlx;
mod tokio_postgres;

use crate::{Result, worker::Worker};

/// The pool with one pasted token.
pub(crate) const CONTROL: &str = "pasted-token";
pub(crate) const NAMES: [&str; 5] = ["sea-orm", "sqlx", "diesel-async", "tokio-postgres", CONTROL];

pub(crate) async fn run(name: &str, worker: Worker) -> Result<()> {
    match name {
        "sea-orm" => sea_orm::run(worker).await,
        "sqlx" => sqlx::run(worker).await,
        "diesel-async" => diesel_async::run(worker).await,
        "tokio-postgres" => tokio_postgres::run(worker).await,
        _ => sqlx::run_with_pasted_token(worker).await,
    }
}

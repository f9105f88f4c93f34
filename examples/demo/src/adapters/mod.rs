//! One small program per adapter, in the style of its ORM. Each opens a pool whose connections grow old quickly, keeps one
//! connection, and writes rows over both until the demo ends.

pub(crate) mod diesel_async;
pub(crate) mod sea_orm;
pub(crate) mod sqlx;
pub(crate) mod tokio_postgres;

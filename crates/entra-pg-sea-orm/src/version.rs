//! What SeaORM 2.0 has and SeaORM 1.1 has not. All other sources are shared with the crate for that version.

use sea_orm::ConnectOptions;

/// Takes away what a user wants done to the pool or to its connections.
pub(crate) fn without_pool_hooks(options: &mut ConnectOptions) {
    options
        .after_connect(|_| Box::pin(async { Ok(()) }))
        .map_sqlx_postgres_pool_opts(|pool| pool);
}

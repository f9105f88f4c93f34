//! What SeaORM 1.1 lacks of what SeaORM 2.0 has. All other sources are shared with the crate for that version.

use sea_orm::ConnectOptions;

/// Does nothing: the options cannot hold any.
pub(crate) fn without_pool_hooks(_: &mut ConnectOptions) {}

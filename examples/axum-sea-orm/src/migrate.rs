//! SeaORM's migration command, logged in with a Microsoft Entra token: `axum-sea-orm-migrate status`, `up`, `down`, `fresh`.
//! For deployments that run migrations in a separate job.

use entra_pg_sea_orm::{Entra, connect};
use migration::{DbErr, Migrator, cli};
use sea_orm::ConnectOptions;

#[tokio::main]
async fn main() {
    cli::run_cli_with_connection(Migrator, async |options: ConnectOptions| {
        let entra = Entra::from_env().map_err(failed)?;
        connect(options, &entra).await.map_err(failed)
    })
    .await;
}

fn failed(error: entra_pg_sea_orm::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}

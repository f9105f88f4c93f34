//! `sea-orm-cli migrate -d examples/axum-sea-orm/migration` runs this. It connects with the URL as it is, so the URL needs a
//! password. The example's own `axum-sea-orm-migrate` logs in with a token.

use sea_orm_migration::cli;

#[tokio::main]
async fn main() {
    cli::run_cli(migration::Migrator).await;
}

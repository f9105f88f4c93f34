//! What `sea-orm-cli migrate -d examples/axum-sea-orm/migration` runs: connects with whatever URL it is given, password
//! included. The example's own `axum-sea-orm-migrate` does the same with a token.

use sea_orm_migration::cli;

#[tokio::main]
async fn main() {
    cli::run_cli(migration::Migrator).await;
}

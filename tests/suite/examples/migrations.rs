//! Migrations in code, with a token.

use std::{path::Path, process::Stdio};

use diesel_async::AsyncMigrationHarness;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use entra_pg_emulator::Emulator;

use super::program::{command, emulator};
use crate::fixtures::{entra, target};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");

async fn tables(emulator: &Emulator) -> Vec<String> {
    let sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let tables = emulator.control().execute(sql).await.expect("lists");
    tables.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn sea_orms_migration_command_logs_in_with_a_token() {
    let emulator = emulator().await;
    for (subcommand, expected) in [
        ("up", &["orders", "seaql_migrations"][..]),
        ("status", &["orders", "seaql_migrations"]),
        ("down", &["seaql_migrations"]),
    ] {
        let output = command(&emulator, "axum-sea-orm-migrate")
            .arg(subcommand)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("runs");
        assert!(output.status.success(), "{subcommand}: {output:?}");
        assert_eq!(tables(&emulator).await, expected, "{subcommand}");
    }
    emulator.stop().await.expect("stops");
}

/// A multi-threaded runtime runs it in the example.
#[tokio::test(flavor = "current_thread")]
async fn diesels_migrations_run_on_a_runtime_with_one_thread() {
    let emulator = emulator().await;
    let target = target(&emulator, "migrations");
    let connection = entra_pg_diesel_async::connect(target, &entra(&emulator)).await;
    let connection = connection.expect("connects");
    let folder = Path::new(EXAMPLES).join("axum-diesel-async/migrations");
    let migrations = FileBasedMigrations::from_path(folder).expect("migrations");
    let applied = tokio::task::spawn_blocking(move || {
        let mut harness = AsyncMigrationHarness::new(connection);
        let applied = harness
            .run_pending_migrations(migrations)
            .expect("migrates");
        applied.len()
    });
    assert_eq!(applied.await.expect("no panic"), 1);
    assert_eq!(
        tables(&emulator).await,
        ["__diesel_schema_migrations", "parcels"]
    );
    emulator.stop().await.expect("stops");
}

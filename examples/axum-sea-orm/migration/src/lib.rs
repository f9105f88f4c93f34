//! The migrations of the example `axum-sea-orm`, laid out as `sea-orm-cli migrate init` does.

pub use sea_orm_migration::prelude::*;

mod m20261124_000000_create_orders;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261124_000000_create_orders::Migration)]
    }
}

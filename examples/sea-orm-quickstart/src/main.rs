//! SeaORM with Microsoft Entra tokens. `DATABASE_URL` holds no password; the identity comes from the environment.

use entra_pg_sea_orm::Entra;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectOptions, ConnectionTrait, EntityTrait, Schema,
};

mod order {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "quickstart_orders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub article: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("entra_pg=info")
        .init();

    // README begins
    let url = std::env::var("DATABASE_URL")?; // postgres://app@myserver.postgres.database.azure.com/orders
    let entra = Entra::from_env()?; // managed identity, workload identity, az login, …

    let mut options = ConnectOptions::new(url);
    options.max_connections(10);
    let db = entra_pg_sea_orm::connect(options, &entra).await?;

    create_table(&db).await?;
    let tea = order::ActiveModel {
        article: Set("tea".into()),
        ..Default::default()
    };
    let saved = tea.insert(&db).await?;
    let found = order::Entity::find_by_id(saved.id).one(&db).await?;
    println!("saved and found: {found:?}");

    db.close().await?; // also ends the task that keeps the token fresh
    // README ends
    Ok(())
}

async fn create_table(db: &sea_orm::DatabaseConnection) -> Result<(), sea_orm::DbErr> {
    let mut table = Schema::new(db.get_database_backend()).create_table_from_entity(order::Entity);
    db.execute(table.if_not_exists()).await.map(drop)
}

//! A `DatabaseConnection`, and a transaction that stays open.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectOptions, TransactionTrait};

use crate::{Result, worker::Worker};

mod row {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel)]
    #[sea_orm(table_name = "entra_pg_demo")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i64,
        pub(super) kept: bool,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) async fn run(mut worker: Worker) -> Result<()> {
    let mut options = ConnectOptions::new(&worker.url);
    options
        .max_connections(2)
        .max_lifetime(worker.max_lifetime)
        .sqlx_logging(false);
    let db = entra_pg_sea_orm::connect(options, &worker.entra).await?;
    let kept = db.begin().await?;
    let row = |kept| row::ActiveModel {
        kept: Set(kept),
        ..Default::default()
    };
    while worker.next_round().await {
        worker.run(row(false).insert(&db)).await;
        worker.run(row(true).insert(&kept)).await;
    }
    kept.commit().await?;
    Ok(db.close().await?)
}

//! SeaORM: a `DatabaseConnection` whose connections grow old quickly, and one transaction that is kept open.

use async_trait::async_trait;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectOptions, ConnectionTrait, DatabaseConnection,
    DatabaseTransaction, DbErr, EntityTrait, TransactionTrait,
};

use crate::contestant::{Contestant, PATIENCE, Seen, Setting, text};

mod row {
    use sea_orm::entity::prelude::*;

    /// What is not set is filled in by the server.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "entra_pg_demo")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub(super) id: i64,
        pub(super) kept: bool,
        pub(super) note: String,
        pub(super) backend: i32,
        pub(super) opened: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

struct SeaOrm {
    db: DatabaseConnection,
    kept: DatabaseTransaction,
}

pub(super) async fn open(url: String, setting: &Setting) -> Result<Box<dyn Contestant>, String> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(2)
        .max_lifetime(setting.connection_age)
        .acquire_timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .sqlx_logging(false);
    let db = entra_pg_sea_orm::connect(options, &setting.entra)
        .await
        .map_err(text)?;
    let kept = db.begin().await.map_err(text)?;
    Ok(Box::new(SeaOrm { db, kept }))
}

#[async_trait]
impl Contestant for SeaOrm {
    async fn fresh(&mut self, note: &str) -> Result<Seen, String> {
        round(&self.db, false, note).await.map_err(text)
    }

    async fn kept(&mut self, note: &str) -> Result<Seen, String> {
        round(&self.kept, true, note).await.map_err(text)
    }

    async fn close(self: Box<Self>) -> Result<(), String> {
        // Only now do the server's other sessions see what was written on it.
        let committed = self.kept.commit().await.map_err(text);
        self.db.close().await.map_err(text)?;
        committed
    }
}

async fn round(db: &impl ConnectionTrait, kept: bool, note: &str) -> Result<Seen, DbErr> {
    let new = row::ActiveModel {
        kept: Set(kept),
        note: Set(note.to_owned()),
        ..Default::default()
    };
    let id = new.insert(db).await?.id;
    let found = row::Entity::find_by_id(id).one(db).await?;
    let row = found
        .ok_or_else(|| DbErr::RecordNotFound(format!("row {id} was written but is not there")))?;
    Ok(Seen {
        note: row.note,
        backend: row.backend,
        opened: row.opened,
    })
}

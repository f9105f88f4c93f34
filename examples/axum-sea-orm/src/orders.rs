//! The one resource: orders.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseConnection, EntityTrait, QueryOrder, QuerySelect,
};
use serde::Deserialize;

use crate::error::AppError;

mod order {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize)]
    #[sea_orm(table_name = "orders")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub article: String,
        pub quantity: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(Deserialize)]
pub struct NewOrder {
    article: String,
    quantity: i32,
}

pub async fn create(
    State(db): State<DatabaseConnection>,
    Json(new): Json<NewOrder>,
) -> Result<(StatusCode, Json<order::Model>), AppError> {
    if new.quantity < 1 {
        return Err(AppError::Invalid("the quantity must be positive"));
    }
    let order = order::ActiveModel {
        article: Set(new.article),
        quantity: Set(new.quantity),
        ..Default::default()
    };
    Ok((StatusCode::CREATED, Json(order.insert(&db).await?)))
}

/// The latest hundred.
pub async fn list(
    State(db): State<DatabaseConnection>,
) -> Result<Json<Vec<order::Model>>, AppError> {
    let orders = order::Entity::find()
        .order_by_desc(order::Column::Id)
        .limit(100)
        .all(&db)
        .await?;
    Ok(Json(orders))
}

pub async fn find(
    State(db): State<DatabaseConnection>,
    Path(id): Path<i32>,
) -> Result<Json<order::Model>, AppError> {
    let order = order::Entity::find_by_id(id).one(&db).await?;
    Ok(Json(order.ok_or(AppError::NotFound)?))
}

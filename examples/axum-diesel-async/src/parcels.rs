//! The one resource: parcels.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};

use crate::{Pool, error::AppError};

diesel::table! {
    parcels (id) {
        id -> Int4,
        addressee -> Text,
        grams -> Int4,
    }
}

#[derive(Queryable, Selectable, Serialize)]
#[diesel(table_name = parcels, check_for_backend(diesel::pg::Pg))]
pub struct Parcel {
    id: i32,
    addressee: String,
    grams: i32,
}

#[derive(Deserialize, Insertable)]
#[diesel(table_name = parcels)]
pub struct NewParcel {
    addressee: String,
    grams: i32,
}

pub async fn create(
    State(pool): State<Pool>,
    Json(new): Json<NewParcel>,
) -> Result<(StatusCode, Json<Parcel>), AppError> {
    if new.grams < 1 {
        return Err(AppError::Invalid("the weight must be positive"));
    }
    let parcel = diesel::insert_into(parcels::table)
        .values(new)
        .returning(Parcel::as_returning())
        .get_result(&mut pool.get().await?)
        .await?;
    Ok((StatusCode::CREATED, Json(parcel)))
}

/// The latest hundred.
pub async fn list(State(pool): State<Pool>) -> Result<Json<Vec<Parcel>>, AppError> {
    let found = parcels::table
        .order(parcels::id.desc())
        .limit(100)
        .select(Parcel::as_select())
        .load(&mut pool.get().await?)
        .await?;
    Ok(Json(found))
}

pub async fn find(State(pool): State<Pool>, Path(id): Path<i32>) -> Result<Json<Parcel>, AppError> {
    let parcel = parcels::table
        .find(id)
        .select(Parcel::as_select())
        .first(&mut pool.get().await?)
        .await
        .optional()?;
    Ok(Json(parcel.ok_or(AppError::NotFound)?))
}

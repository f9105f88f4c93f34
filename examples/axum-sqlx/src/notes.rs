//! The one resource: notes.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::error::AppError;

#[derive(Serialize, sqlx::FromRow)]
pub struct Note {
    id: i32,
    text: String,
}

#[derive(Deserialize)]
pub struct NewNote {
    text: String,
}

pub async fn create(
    State(pool): State<PgPool>,
    Json(new): Json<NewNote>,
) -> Result<(StatusCode, Json<Note>), AppError> {
    if new.text.is_empty() {
        return Err(AppError::Invalid("the text is empty"));
    }
    let note = sqlx::query_as("INSERT INTO notes (text) VALUES ($1) RETURNING id, text")
        .bind(new.text)
        .fetch_one(&pool)
        .await?;
    Ok((StatusCode::CREATED, Json(note)))
}

/// The latest hundred.
pub async fn list(State(pool): State<PgPool>) -> Result<Json<Vec<Note>>, AppError> {
    let notes = sqlx::query_as("SELECT id, text FROM notes ORDER BY id DESC LIMIT 100")
        .fetch_all(&pool)
        .await?;
    Ok(Json(notes))
}

pub async fn find(State(pool): State<PgPool>, Path(id): Path<i32>) -> Result<Json<Note>, AppError> {
    let note = sqlx::query_as("SELECT id, text FROM notes WHERE id = $1")
        .bind(id)
        .fetch_optional(&pool)
        .await?;
    Ok(Json(note.ok_or(AppError::NotFound)?))
}

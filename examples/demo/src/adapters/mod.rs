//! One contestant per adapter, each a plain program in the style of its ORM.

mod diesel_async;
mod sea_orm;
pub(crate) mod sqlx;
mod tokio_postgres;

use tokio::time::timeout;

use crate::contestant::{Contestant, PATIENCE, Setting};

/// Who takes part. The server knows each by [`application`](Adapter::application).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    SeaOrm,
    Sqlx,
    DieselAsync,
    TokioPostgres,
}

impl Adapter {
    pub(crate) const ALL: [Self; 4] = [
        Self::SeaOrm,
        Self::Sqlx,
        Self::DieselAsync,
        Self::TokioPostgres,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SeaOrm => "SeaORM",
            Self::Sqlx => "sqlx",
            Self::DieselAsync => "diesel-async, bb8",
            Self::TokioPostgres => "tokio-postgres",
        }
    }

    pub(crate) fn application(self) -> &'static str {
        match self {
            Self::SeaOrm => "demo-sea-orm",
            Self::Sqlx => "demo-sqlx",
            Self::DieselAsync => "demo-diesel-async",
            Self::TokioPostgres => "demo-tokio-postgres",
        }
    }

    /// Connects, and holds one connection from now on.
    pub(crate) async fn open(self, setting: &Setting) -> Result<Box<dyn Contestant>, String> {
        let url = setting.url_for(self.application());
        let opening = async {
            match self {
                Self::SeaOrm => self::sea_orm::open(url, setting).await,
                Self::Sqlx => self::sqlx::open(url, setting).await,
                Self::DieselAsync => self::diesel_async::open(url, setting).await,
                Self::TokioPostgres => self::tokio_postgres::open(url, setting).await,
            }
        };
        // A pool's first connection and the one that is held: two steps.
        timeout(PATIENCE * 2, opening).await.unwrap_or_else(|_| {
            Err(format!(
                "did not connect within {} s",
                (PATIENCE * 2).as_secs()
            ))
        })
    }
}

//! The control: a plain sqlx pool whose password is one token, fetched once. Everything but the token is as in the sqlx
//! contestant.

use entra_pg_sqlx::{apply_login, connect_options};
use std::time::SystemTime;

use sqlx::PgPool;
use tokio::time::timeout;

use crate::{
    adapters::sqlx::{options, round},
    contestant::{PATIENCE, Seen, Setting, text},
};

pub(crate) const NAME: &str = "sqlx, pasted token";
const APPLICATION: &str = "demo-pasted-token";

pub(crate) struct Pasted {
    pool: PgPool,
    expires_on: SystemTime,
}

/// Why a round failed, and whether that is what the demo is about: the server refused the token after it had expired.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) text: String,
    pub(crate) outlived: bool,
}

impl Pasted {
    pub(crate) async fn open(setting: &Setting) -> Result<Self, String> {
        let url = setting.url_for(APPLICATION);
        let database = setting.entra.login_provider(url.as_str()).map_err(text)?;
        let login = database.login().await.map_err(text)?;
        let pasted =
            apply_login(connect_options(database.target()), &database, &login).map_err(text)?;
        let pool = options(setting).connect_with(pasted).await.map_err(text)?;
        Ok(Self {
            pool,
            expires_on: login.token().expires_on(),
        })
    }

    pub(crate) async fn fresh(&self, note: &str) -> Result<Seen, Failure> {
        let work = async {
            let mut connection = self.pool.acquire().await?;
            round(&mut connection, false, note).await
        };
        timeout(PATIENCE * 2, work)
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
            .map_err(|error| Failure {
                outlived: is_refusal(&error) && SystemTime::now() >= self.expires_on,
                text: text(error),
            })
    }

    pub(crate) async fn close(self) {
        self.pool.close().await;
    }
}

/// `SQLSTATE` class 28: invalid authorization.
fn is_refusal(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("28"))
}

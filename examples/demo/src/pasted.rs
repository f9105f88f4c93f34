//! The control: a plain sqlx pool whose password is one token, fetched once. Everything but the token is as in the sqlx
//! contestant.

use entra_pg_sqlx::{base, seal};
use sqlx::PgPool;
use tokio::time::timeout;

use crate::{
    adapters::sqlx::{options, round},
    contestant::{PATIENCE, Seen, Setting, text},
};

pub(crate) const NAME: &str = "sqlx, pasted token";
const APPLICATION: &str = "demo-pasted-token";

pub(crate) struct Pasted(PgPool);

impl Pasted {
    pub(crate) async fn open(setting: &Setting) -> Result<Self, String> {
        let url = setting.url_for(APPLICATION);
        let database = setting.entra.database(url.as_str()).map_err(text)?;
        let login = database.login().await.map_err(text)?;
        let pasted = seal(base(database.target()), &database, &login).map_err(text)?;
        let pool = options(setting).connect_with(pasted).await.map_err(text)?;
        Ok(Self(pool))
    }

    pub(crate) async fn fresh(&self, note: &str) -> Result<Seen, String> {
        let work = async {
            let mut connection = self.0.acquire().await.map_err(text)?;
            round(&mut connection, false, note).await.map_err(text)
        };
        timeout(PATIENCE * 2, work)
            .await
            .unwrap_or_else(|_| Err("timed out".into()))
    }

    pub(crate) async fn close(self) {
        self.0.close().await;
    }
}

//! The control: the same pool, the same settings, but without an adapter. Its password is one token, pasted.

use std::time::SystemTime;

use entra_pg_core::{Database, chain};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{
    sync::watch,
    time::{interval, timeout},
};

use crate::{
    adapters::sqlx::{options, round},
    contestant::{PATIENCE, Setting, text},
    display::Display,
    score::{Failure, PACE, Score, Stage},
};

pub(crate) const NAME: &str = "pasted token";
pub(crate) const APPLICATION: &str = "demo-pasted-token";

/// A plain pool, and when its token expires.
pub(crate) struct ControlPool {
    pool: PgPool,
    expires_on: SystemTime,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) failure: Failure,
    /// Seconds after its token expired, negative if before.
    pub(crate) after_expiry: f64,
    /// The server said no to the login. Anything else would prove nothing.
    pub(crate) refused: bool,
}

impl ControlPool {
    /// Connects with the token that everybody has at the start.
    pub(crate) async fn open(setting: &Setting, database: &Database) -> Result<Self, String> {
        let login = database.login().await.map_err(text)?;
        // The root certificate comes from PGSSLROOTCERT, which sqlx reads.
        let plain: PgConnectOptions = setting.url_for(APPLICATION).parse().map_err(text)?;
        let pasted = plain
            .username(login.user())
            .password(login.token().secret())
            .ssl_mode(PgSslMode::VerifyFull);
        let pool = options(setting).connect_with(pasted).await.map_err(text)?;
        Ok(Self { pool, expires_on: login.token().expires_on() })
    }

    /// Goes on until it fails or the run is over.
    pub(crate) async fn play(self, score: Score, mut stage: watch::Receiver<Stage>, display: Display) -> Option<End> {
        let mut ticks = interval(PACE);
        let end = loop {
            tokio::select! {
                _ = stage.wait_for(|stage| stage.over) => break None,
                _ = ticks.tick() => {}
            }
            let lifetime = stage.borrow().lifetime;
            if let Err(error) = self.round(&score).await {
                break Some(self.end(lifetime, &error));
            }
        };
        if let Some(end) = &end {
            score.failed(end.failure.clone());
            display.event(&format!(
                "{NAME}: its first new connection after expiry failed, {:.1} s after: {}",
                end.after_expiry, end.failure.text
            ));
        }
        // Nothing depends on a polite goodbye.
        let _ = timeout(PATIENCE, self.pool.close()).await;
        end
    }

    async fn round(&self, score: &Score) -> Result<(), sqlx::Error> {
        let work = async {
            let mut connection = self.pool.acquire().await?;
            round(&mut connection, false, "pasted").await
        };
        let seen = timeout(PATIENCE * 2, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        score.succeeded(&seen);
        Ok(())
    }

    fn end(&self, lifetime: usize, error: &sqlx::Error) -> End {
        let after_expiry = match SystemTime::now().duration_since(self.expires_on) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        End { failure: Failure { lifetime, text: chain(error) }, after_expiry, refused: is_refusal(error) }
    }
}

/// `SQLSTATE` class 28: invalid authorization.
fn is_refusal(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code.starts_with("28"))
}

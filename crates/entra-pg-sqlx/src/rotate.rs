//! Rotation: a task that gives a pool each new token.
//!
//! Who refreshes: this task, by looking at the cache when a refresh is due and at least once a second, so that a process
//! that was frozen is behind for a moment only. What it changes: in a clone of the pool's own options, what [`apply_login`] sets, so
//! that a token never joins options that lead elsewhere. It never ends on an error; it ends when the pool is closed or its
//! guard is dropped.

use std::{sync::Arc, time::Duration};

use entra_pg_core::{Error, Login, LoginProvider, Token};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::{task::JoinHandle, time::sleep};

use crate::options::apply_login;

/// The longest time between two looks at the wall clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);

/// Keeps a pool's token fresh until it is dropped, or the pool is closed.
#[derive(Debug)]
#[must_use = "dropping the guard ends the rotation; detach() lets it run until the pool is closed"]
pub struct Rotation {
    task: Option<JoinHandle<()>>,
}

impl Rotation {
    /// Lets the rotation run until the pool is closed. It keeps the pool alive until then.
    ///
    /// ```no_run
    /// use entra_pg_sqlx::{
    ///     Error, entra_pg_core::{Login, LoginProvider}, rotate, sqlx::PgPool,
    /// };
    ///
    /// fn keep_fresh(pool: &PgPool, provider: &LoginProvider, login: &Login) -> Result<(), Error> {
    ///     rotate(pool, provider, login)?.detach();
    ///     Ok(())
    /// }
    /// ```
    pub fn detach(mut self) {
        self.task = None;
    }
}

impl Drop for Rotation {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Gives `pool` this login now, and later each new token of `provider`.
///
/// Options that are set on the pool meanwhile ([`PgPool::set_connect_options`]) are given the current token within a second,
/// and are changed as by [`apply_login`]. If they lead elsewhere, a token in them is removed within a second, and a warning is
/// logged. The pool uses them as they are until then: start from the pool's own options, and leave the host as it is. Options that
/// are set in the instant of a rotation can be lost: read [`PgPool::connect_options`] back.
///
/// # Errors
/// As [`apply_login`]. A token in options that lead elsewhere is removed.
///
/// # Panics
/// Outside of a Tokio runtime, where the pool could not have been made.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use entra_pg_sqlx::{Entra, connect_options, rotate, sqlx::postgres::PgPoolOptions};
///
/// let entra = Entra::from_env()?;
/// let provider = entra.login_provider("postgres://app@myserver.postgres.database.azure.com/orders")?;
/// let login = provider.login().await?;
/// let pool = PgPoolOptions::new().connect_lazy_with(connect_options(provider.target()));
/// let rotation = rotate(&pool, &provider, &login)?;
/// // … use the pool, for as long as the guard lives.
/// # drop(rotation);
/// # Ok(())
/// # }
/// ```
pub fn rotate(pool: &PgPool, provider: &LoginProvider, login: &Login) -> Result<Rotation, Error> {
    let found = pool.connect_options();
    let options = apply_login(found.as_ref().clone(), provider, login)
        .inspect_err(|_| remove_token(pool, &found))?;
    pool.set_connect_options(options);
    let state = PoolState {
        generation: login.token().generation(),
        options: pool.connect_options(),
    };
    let task = tokio::spawn(run(pool.clone(), provider.clone(), state));
    Ok(Rotation { task: Some(task) })
}

/// Options that lead elsewhere may be a copy of the pool's own, with a token.
fn remove_token(pool: &PgPool, options: &PgConnectOptions) {
    pool.set_connect_options(options.clone().password(""));
}

/// What the pool was given last.
struct PoolState {
    generation: u64,
    options: Arc<PgConnectOptions>,
}

impl PoolState {
    /// Whether the pool is to be given this token: it is new, or the options that held it were replaced.
    fn is_outdated(&self, token: &Token, pool: &PgPool) -> bool {
        self.generation != token.generation()
            || !Arc::ptr_eq(&self.options, &pool.connect_options())
    }
}

async fn run(pool: PgPool, provider: LoginProvider, mut state: PoolState) {
    let tokens = provider.token_cache();
    let mut updates = tokens.subscribe();
    let mut closed = std::pin::pin!(pool.close_event());
    loop {
        if let Some(token) = tokens.cached()
            && state.is_outdated(&token, &pool)
        {
            state = update(&pool, &provider, &token);
        }
        let next = tokens.next_refresh_in().unwrap_or(LONGEST_SLEEP);
        let pause = next.clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
        tokio::select! {
            () = &mut closed => return,
            // The sender lives as long as `provider` does.
            _ = updates.changed() => {}
            () = sleep(pause) => {}
        }
    }
}

fn update(pool: &PgPool, provider: &LoginProvider, token: &Token) -> PoolState {
    let generation = token.generation();
    loop {
        let found = pool.connect_options();
        let applied = provider
            .login_from(token.clone())
            .and_then(|login| apply_login(found.as_ref().clone(), provider, &login));
        if !Arc::ptr_eq(&found, &pool.connect_options()) {
            // They were replaced meanwhile. sqlx cannot compare and set at once, so those that are set from here on are lost.
            continue;
        }
        match applied {
            Ok(options) => {
                pool.set_connect_options(options);
                provider.report_pool_rotated(generation);
            }
            Err(error) => {
                remove_token(pool, &found);
                provider.report_pool_not_rotated(&error);
            }
        }
        return PoolState {
            generation,
            // The pool makes an `Arc` of them. Options that are set before this line are taken for ours until the next token.
            options: pool.connect_options(),
        };
    }
}

//! Rotation: a task that gives a pool each new token.
//!
//! Who refreshes: this task, by looking at the cache when a refresh is due and at least once a second, so that a process
//! that was frozen is behind for a moment only. What it changes: in a clone of the pool's own options, what [`seal`] sets, so
//! that a token never joins options that lead elsewhere. It never ends on an error; it ends when the pool is closed or its
//! guard is dropped.

use std::{sync::Arc, time::Duration};

use entra_pg_core::{Database, Login, Token, observe};
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::{task::JoinHandle, time::sleep};

use crate::{options::check_destination, seal};

/// The longest time in which nobody looks at the wall clock.
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

/// Gives `pool`, which was connected with `login`, each new token for `database`.
///
/// Options that are set on the pool meanwhile ([`PgPool::set_connect_options`]) are given the current token within a second,
/// and are sealed as in [`seal`]. If they lead elsewhere they get no token, and a warning says so.
///
/// # Panics
/// Outside of a Tokio runtime, where the pool could not have been made.
pub fn rotate(pool: &PgPool, database: &Database, login: &Login) -> Rotation {
    let given = Given {
        generation: login.token().generation(),
        options: pool.connect_options(),
    };
    if let Err(error) = check_destination(&given.options, database) {
        observe::pool_not_rotated(database.target(), &error);
    }
    let task = tokio::spawn(run(pool.clone(), database.clone(), given));
    Rotation { task: Some(task) }
}

/// What the pool was given last.
struct Given {
    generation: u64,
    options: Arc<PgConnectOptions>,
}

impl Given {
    /// Whether the pool is to be given this token: it is new, or somebody has replaced the options that held it.
    fn is_outdated(&self, token: &Token, pool: &PgPool) -> bool {
        self.generation != token.generation()
            || !Arc::ptr_eq(&self.options, &pool.connect_options())
    }
}

async fn run(pool: PgPool, database: Database, mut given: Given) {
    let tokens = database.tokens();
    let mut updates = tokens.subscribe();
    let mut closed = std::pin::pin!(pool.close_event());
    loop {
        if let Some(token) = tokens.cached()
            && given.is_outdated(&token, &pool)
        {
            given = give(&pool, &database, token);
        }
        let pause = tokens
            .next_refresh_in()
            .clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
        tokio::select! {
            () = &mut closed => return,
            // The sender lives as long as `database` does.
            _ = updates.changed() => {}
            () = sleep(pause) => {}
        }
    }
}

fn give(pool: &PgPool, database: &Database, token: Token) -> Given {
    let generation = token.generation();
    let found = pool.connect_options();
    let sealed = database
        .login_with(token)
        .and_then(|login| seal(found.as_ref().clone(), database, &login));
    let options = match sealed {
        Ok(options) => {
            pool.set_connect_options(options);
            observe::pool_rotated(database.target(), generation);
            // The pool makes an `Arc` of them. What somebody sets before this line is taken for ours until the next token.
            pool.connect_options()
        }
        Err(error) => {
            observe::pool_not_rotated(database.target(), &error);
            found
        }
    };
    Given {
        generation,
        options,
    }
}

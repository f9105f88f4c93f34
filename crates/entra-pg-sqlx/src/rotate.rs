//! Rotation: a task that gives a pool each new token.
//!
//! Who refreshes: this task, by looking at the cache when a refresh is due and at least once a second, so that a process
//! that was frozen is behind for a moment only. What it changes: the password in a clone of the pool's own options,
//! nothing else. It never ends on an error; it ends when the pool is closed or its guard is dropped.

use std::time::Duration;

use entra_pg_core::{Database, Login, observe};
use sqlx::PgPool;
use tokio::{task::JoinHandle, time::sleep};

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
/// # Panics
/// Outside of a Tokio runtime, where the pool could not have been made.
pub fn rotate(pool: &PgPool, database: &Database, login: &Login) -> Rotation {
    let task = tokio::spawn(run(
        pool.clone(),
        database.clone(),
        login.token().generation(),
    ));
    Rotation { task: Some(task) }
}

async fn run(pool: PgPool, database: Database, mut current: u64) {
    let tokens = database.tokens();
    let mut landings = tokens.landings();
    let mut closed = std::pin::pin!(pool.close_event());
    loop {
        if let Some(token) = tokens.poll().filter(|token| token.generation() != current) {
            let options = pool.connect_options().as_ref().clone();
            pool.set_connect_options(options.password(token.secret()));
            current = token.generation();
            observe::pool_rotated(database.target(), current);
        }
        let pause = tokens.idle_for().clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
        tokio::select! {
            () = &mut closed => return,
            // The sender lives as long as `database` does.
            _ = landings.changed() => {}
            () = sleep(pause) => {}
        }
    }
}

//! Whether an idle connection still works, found out within a limit: a server that vanished does not refuse, it is silent.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use entra_pg_core::{Error, ErrorKind};
use tokio::time::{Instant, timeout};

/// Far more than a round trip takes, and less than pools let their users wait.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// A network that loses one idle connection loses all. The rest get this part of the time, until one responds.
const PART_WHEN_SILENT: u32 = 10;

pub(crate) struct Liveness {
    timeout: Duration,
    silent: AtomicBool,
}

impl Liveness {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            silent: AtomicBool::new(false),
        }
    }

    pub(crate) async fn check<T>(&self, check: impl Future<Output = T>) -> Result<T, Error> {
        let limit = if self.silent.load(Ordering::Relaxed) {
            self.limit_when_silent()
        } else {
            self.timeout
        };
        let waiting = self.silent_unless_ended();
        let checked = timeout(limit, check).await;
        waiting.ended();
        self.silent.store(checked.is_err(), Ordering::Relaxed);
        checked.map_err(|_| {
            let seconds = limit.as_secs_f32();
            lost(&format!(
                "an idle connection did not respond within {seconds} s"
            ))
        })
    }

    fn limit_when_silent(&self) -> Duration {
        self.timeout / PART_WHEN_SILENT
    }

    /// Counts a check that is dropped as silence: a pool whose own timeout comes first gives the connection back unchecked, and
    /// must not wait for it as long again.
    fn silent_unless_ended(&self) -> Waiting<'_> {
        Waiting {
            liveness: Some(self),
            since: Instant::now(),
        }
    }

    /// Checks with the least that a server responds to. PgBouncer forwards it as well.
    #[cfg(any(feature = "bb8", feature = "deadpool"))]
    pub(crate) async fn is_valid(&self, client: &tokio_postgres::Client) -> Result<(), Error> {
        match self.check(client.simple_query("")).await? {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(lost(&entra_pg_core::connect::chain(&error)).with_driver_error(error))
            }
        }
    }
}

struct Waiting<'a> {
    liveness: Option<&'a Liveness>,
    since: Instant,
}

impl Waiting<'_> {
    fn ended(mut self) {
        self.liveness = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(liveness) = self.liveness
            && self.since.elapsed() >= liveness.limit_when_silent()
        {
            liveness.silent.store(true, Ordering::Relaxed);
        }
    }
}

fn lost(message: &str) -> Error {
    Error::new(ErrorKind::Connect, message)
        .with_hint("an idle connection was lost; the pool opens another")
        .with_transient(true)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    async fn silence(liveness: &Liveness) -> Duration {
        let started = Instant::now();
        let error = liveness.check(pending::<()>()).await;
        assert!(error.expect_err("no response").is_transient());
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_whose_connections_are_all_dead_is_not_waited_for_one_by_one() {
        let liveness = Liveness::new(DEFAULT_TIMEOUT);
        assert!(silence(&liveness).await >= DEFAULT_TIMEOUT);
        for _ in 0..9 {
            assert!(silence(&liveness).await < DEFAULT_TIMEOUT / 9);
        }
        liveness.check(ready(())).await.expect("a response");
        assert!(silence(&liveness).await >= DEFAULT_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_that_gives_up_before_the_check_does_not_wait_as_long_again() {
        let liveness = Liveness::new(DEFAULT_TIMEOUT);
        let brief = DEFAULT_TIMEOUT / 20;
        drop(timeout(brief, liveness.check(pending::<()>())).await);
        assert!(
            silence(&liveness).await >= DEFAULT_TIMEOUT,
            "a busy server is not a silent one"
        );
        liveness.check(ready(())).await.expect("a response");
        drop(timeout(DEFAULT_TIMEOUT / 5, liveness.check(pending::<()>())).await);
        assert!(silence(&liveness).await < DEFAULT_TIMEOUT / 9);
    }
}

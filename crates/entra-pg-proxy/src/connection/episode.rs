//! Events of one kind that follow each other closely are one episode, of which the log has the beginning and the end.

use std::{future::pending, time::Duration};

use tokio::time::{Instant, sleep_until};

pub(crate) struct Episode {
    quiet: Duration,
    current: Option<Current>,
}

struct Current {
    first: Instant,
    last: Instant,
    count: u64,
}

impl Episode {
    /// An episode ends when nothing has happened for `quiet`.
    pub(crate) fn new(quiet: Duration) -> Self {
        Self {
            quiet,
            current: None,
        }
    }

    /// Adds an event. Returns whether it begins an episode.
    pub(crate) fn add(&mut self, now: Instant) -> bool {
        match &mut self.current {
            Some(current) if now - current.last < self.quiet => {
                current.last = now;
                current.count += 1;
                false
            }
            current => {
                *current = Some(Current {
                    first: now,
                    last: now,
                    count: 1,
                });
                true
            }
        }
    }

    /// Waits until the current episode has ended. Returns how many events it had, and how long it lasted.
    pub(crate) async fn end(&mut self) -> (u64, Duration) {
        let Some(current) = &self.current else {
            return pending().await;
        };
        sleep_until(current.last + self.quiet).await;
        let result = (current.count, current.last - current.first);
        self.current = None;
        result
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const QUIET: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn an_episode_is_reported_once_however_many_events_it_has() {
        let mut episode = Episode::new(QUIET);
        assert!(episode.add(Instant::now()));
        for _ in 0..100 {
            advance(QUIET / 2).await;
            assert!(!episode.add(Instant::now()));
        }
        let start = Instant::now();
        assert_eq!(episode.end().await, (101, 50 * QUIET));
        assert_eq!(start.elapsed(), QUIET);
        assert!(episode.add(Instant::now()), "the next one");
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_not_begun_does_not_end_and_a_wait_that_is_dropped_loses_nothing() {
        let mut episode = Episode::new(QUIET);
        assert!(timeout(100 * QUIET, episode.end()).await.is_err());
        assert!(episode.add(Instant::now()));
        assert!(timeout(QUIET / 2, episode.end()).await.is_err());
        assert_eq!(episode.end().await, (1, Duration::ZERO));
    }
}

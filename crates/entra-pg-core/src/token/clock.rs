//! Two clocks, because each fails alone: the wall clock can be set back, and the monotonic one stops while a machine
//! sleeps. A token is believed only as long as both agree that it lives.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::ticks::Ticks;
use crate::sync::Instant;

/// One moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: SystemTime,
    pub(crate) monotonic: Instant,
    /// Read before the two, so that these are never ahead of them.
    ticks: Option<Ticks>,
}

impl Moment {
    /// How long ago `earlier` was, by the clock that shows more: a machine that slept has waited, too.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        monotonic.max(since(self.wall, earlier.wall))
    }
}

#[cfg(test)]
impl Moment {
    /// So much later, by both clocks.
    pub(crate) fn after(self, by: Duration) -> Self {
        Self {
            wall: self.wall + by,
            monotonic: self.monotonic + by,
            ticks: self.ticks.map(|ticks| ticks.after(by)),
        }
    }
}

/// Where the time comes from. The monotonic half is Tokio's, so that tests pause it.
#[derive(Clone, Default)]
pub(crate) enum Clock {
    #[default]
    System,
    /// A test's.
    Given(Arc<dyn Fn() -> SystemTime + Send + Sync>),
}

impl Clock {
    pub(crate) fn new(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self::Given(Arc::new(wall))
    }

    pub(crate) fn now(&self) -> Moment {
        let ticks = self.ticks();
        let wall = match self {
            Self::System => SystemTime::now(),
            Self::Given(wall) => wall(),
        };
        Moment {
            wall,
            monotonic: Instant::now(),
            ticks,
        }
    }

    /// The same moment, read cheaply; `None` where that is not possible.
    pub(crate) fn ticks(&self) -> Option<Ticks> {
        match self {
            Self::System => Ticks::now(),
            Self::Given(_) => None,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// How long a token lives, and from when on it should be replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    expires_on: SystemTime,
    requested: Instant,
    lifetime: Duration,
    /// A refresh is due when less than this remains.
    refresh_margin: Duration,
    /// From when on one is due, if nothing was wrong with the clocks.
    due: Option<Ticks>,
}

impl Validity {
    /// `requested` is the moment *before* the request was sent, so that a slow answer makes a token look older, never younger.
    pub(crate) fn new(expires_on: SystemTime, requested: Moment, refresh_margin: Duration) -> Self {
        let lifetime = since(expires_on, requested.wall);
        let fresh_for = lifetime.saturating_sub(refresh_margin);
        Self {
            expires_on,
            requested: requested.monotonic,
            lifetime,
            refresh_margin,
            due: requested.ticks.map(|ticks| ticks.after(fresh_for)),
        }
    }

    pub(crate) fn expires_on(&self) -> SystemTime {
        self.expires_on
    }

    pub(crate) fn refresh_margin(&self) -> Duration {
        self.refresh_margin
    }

    /// Whether no refresh is due, by either clock.
    pub(crate) fn is_fresh_at(&self, ticks: Ticks) -> bool {
        self.due.is_some_and(|due| ticks.are_before(due))
    }

    /// What is left by the stricter of the two clocks; zero once expired.
    pub(crate) fn remaining(&self, now: Moment) -> Duration {
        let by_age = self
            .lifetime
            .saturating_sub(now.monotonic.saturating_duration_since(self.requested));
        by_age.min(since(self.expires_on, now.wall))
    }
}

pub(crate) fn since(later: SystemTime, earlier: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;

    fn shift(wall: SystemTime, seconds: i64) -> SystemTime {
        let by = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { wall - by } else { wall + by }
    }

    #[rstest]
    #[case::both_agree(10 * MINUTE, 10 * MINUTE, 50 * MINUTE)]
    #[case::wall_clock_set_back(-5 * HOUR, 10 * MINUTE, 50 * MINUTE)]
    #[case::wall_clock_set_forward(HOUR, 10 * MINUTE, 0)]
    #[case::machine_slept(2 * HOUR, 0, 0)]
    #[case::set_back_past_expiry(-5 * HOUR, HOUR, 0)]
    fn no_clock_alone_keeps_a_token_alive(
        #[case] wall_passed: i64,
        #[case] monotonic_passed: i64,
        #[case] remaining: i64,
    ) {
        let start = Clock::default().now();
        let validity = Validity::new(shift(start.wall, HOUR), start, Duration::ZERO);
        let now = Moment {
            wall: shift(start.wall, wall_passed),
            monotonic: start.monotonic + Duration::from_secs(monotonic_passed.unsigned_abs()),
            ticks: None,
        };
        assert_eq!(
            validity.remaining(now),
            Duration::from_secs(remaining.unsigned_abs())
        );
    }
}

//! Time that passes when the checker lets it: a separate task lets the timer that is due first go off, at any point, and
//! moves the clock to its end. So a timeout fires or does not, whichever the interleaving.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::schedule::scheduling_point;

/// Timers at least this long never go off, and make no interleavings.
pub(crate) const NEVER: Duration = Duration::from_secs(1 << 40);

#[derive(Default)]
struct Timers {
    now: Duration,
    made: u64,
    waiting: Vec<(Duration, u64, Waker)>,
    clock: Option<Waker>,
    /// How many more timers may go off.
    left: usize,
    over: bool,
}

thread_local! {
    static TIMERS: RefCell<Timers> = RefCell::default();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(TIMERS.with_borrow(|timers| timers.now))
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn since_start(self) -> Duration {
        self.0
    }
}

pub(crate) struct Sleep {
    number: u64,
    until: Duration,
}

pub(crate) fn sleep(duration: Duration) -> Sleep {
    TIMERS.with_borrow_mut(|timers| {
        timers.made += 1;
        Sleep {
            number: timers.made,
            until: timers.now.saturating_add(duration),
        }
    })
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (poll, clock) = TIMERS.with_borrow_mut(|timers| {
            if timers.now >= self.until {
                return (Poll::Ready(()), None);
            }
            timers
                .waiting
                .retain(|(_, number, _)| *number != self.number);
            if self.until >= NEVER {
                return (Poll::Pending, None);
            }
            let timer = (self.until, self.number, context.waker().clone());
            timers.waiting.push(timer);
            (Poll::Pending, timers.clock.take())
        });
        wake(clock);
        poll
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        TIMERS.with_borrow_mut(|timers| {
            timers
                .waiting
                .retain(|(_, number, _)| *number != self.number);
        });
    }
}

#[derive(Debug)]
pub(crate) struct Elapsed;

pub(crate) async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::select! {
        biased;
        output = future => Ok(output),
        () = sleep(limit) => Err(Elapsed),
    }
}

pub(crate) fn reset() {
    TIMERS.set(Timers {
        left: usize::MAX,
        ..Timers::default()
    });
}

/// Only so many timers go off: for tasks that would go on for ever.
pub(crate) fn limit(timers: usize) {
    TIMERS.with_borrow_mut(|all| all.left = timers);
}

/// What lets time pass, until [`stop`].
pub(crate) async fn run() {
    poll_fn(|context| {
        loop {
            let due = TIMERS.with_borrow_mut(|timers| {
                if timers.over {
                    return Some(None);
                }
                let first = timers
                    .waiting
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, timer)| (timer.0, timer.1));
                let Some((at, _)) = first.filter(|_| timers.left > 0) else {
                    timers.clock = Some(context.waker().clone());
                    return None;
                };
                let (until, _, waker) = timers.waiting.remove(at);
                timers.now = until;
                timers.left -= 1;
                Some(Some(waker))
            });
            match due {
                None => return Poll::Pending,
                Some(None) => return Poll::Ready(()),
                Some(timer) => wake(timer),
            }
            scheduling_point();
        }
    })
    .await;
}

pub(crate) fn stop() {
    let clock = TIMERS.with_borrow_mut(|timers| {
        timers.over = true;
        timers.clock.take()
    });
    wake(clock);
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

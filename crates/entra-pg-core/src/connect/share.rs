//! How long one address may take, so that one that drops packets leaves time for the others. Pure.

use std::time::Duration;

/// A live server accepts a TCP connection within a round trip; a first packet that was lost is sent again after 1 s.
const LONGEST_TCP: Duration = Duration::from_secs(2);
/// The delay after which RFC 8305 goes on to the next address. A shorter one would pass by servers that are far away.
const SHORTEST_TCP: Duration = Duration::from_millis(250);

/// How long one of several addresses may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Share {
    /// Until the server has accepted the TCP connection, and the request for TLS.
    pub tcp: Duration,
    /// For everything, from TCP to ready.
    pub all: Duration,
}

impl Share {
    /// Returns the share of the next of `addresses` addresses that are left, that one included, in the time that remains.
    /// The last has all of it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use entra_pg_core::connect::Share;
    ///
    /// let share = Share::of(Duration::from_secs(15), 2);
    /// assert_eq!(share.tcp, Duration::from_secs(2));
    /// assert_eq!(share.all, Duration::from_millis(7_500));
    /// ```
    pub fn of(remaining: Duration, addresses: usize) -> Self {
        let Some(others @ 1..) = addresses.checked_sub(1) else {
            return Self {
                tcp: remaining,
                all: remaining,
            };
        };
        let equal = remaining / u32::try_from(others + 1).unwrap_or(u32::MAX);
        let tcp = equal.clamp(SHORTEST_TCP, LONGEST_TCP).min(remaining);
        // A login takes several round trips, and the server is there: not an equal part, of which fifty would be too short.
        let all = (remaining / 2).max(tcp);
        Self { tcp, all }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_only_one(15_000, 1, 15_000, 15_000)]
    #[case::nothing_is_left_out(15_000, 0, 15_000, 15_000)]
    #[case::two(15_000, 2, 2_000, 7_500)]
    #[case::a_short_deadline(2_000, 2, 1_000, 1_000)]
    #[case::fifty(15_000, 50, 300, 7_500)]
    #[case::fifty_in_a_second(1_000, 50, 250, 500)]
    #[case::hardly_any_time(100, 2, 100, 100)]
    #[case::no_time(0, 3, 0, 0)]
    fn one_address_leaves_time_for_the_others(
        #[case] remaining: u64,
        #[case] addresses: usize,
        #[case] tcp: u64,
        #[case] all: u64,
    ) {
        let share = Share::of(Duration::from_millis(remaining), addresses);
        let expected = (Duration::from_millis(tcp), Duration::from_millis(all));
        assert_eq!((share.tcp, share.all), expected);
    }
}

//! Times and durations for people.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

/// Returns whole seconds, negative if `until` is the earlier one. `{:#}` prints it for people.
pub(crate) fn between(from: SystemTime, until: SystemTime) -> SignedDuration {
    let exact = timestamp(until).duration_since(timestamp(from));
    SignedDuration::from_secs(exact.as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, "0s")]
    #[case(59.9, "59s")]
    #[case(3_905.0, "1h 5m 5s")]
    #[case(259_200.0, "72h")]
    fn people_can_read_it(#[case] seconds: f64, #[case] text: &str) {
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
        let forward = between(SystemTime::UNIX_EPOCH, later);
        assert_eq!(format!("{forward:#}"), text);
        assert_eq!(between(later, SystemTime::UNIX_EPOCH), -forward);
    }
}

//! The wall clock, in the forms tokens and JSON want.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Whole seconds, cut off.
pub(crate) fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// `2030-01-02 03:04:05Z`
pub(crate) fn format(since_1970: Duration) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970)
        .to_string()
        .replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_as_azure_does() {
        let moment = Duration::from_secs(1_893_553_445);
        assert_eq!(format(moment), "2030-01-02 03:04:05Z");
    }
}

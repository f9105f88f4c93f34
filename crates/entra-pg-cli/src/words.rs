//! Times and durations for people.

use jiff::SignedDuration;

/// The two largest units, as in `1 h 5 min`.
pub(crate) fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().unsigned_abs();
    let units = [
        ("d", seconds / 86_400),
        ("h", seconds / 3_600 % 24),
        ("min", seconds / 60 % 60),
        ("s", seconds % 60),
    ];
    let first = units.iter().position(|(_, count)| *count > 0);
    let Some(first) = first else {
        return "0 s".into();
    };
    let said: Vec<_> = units[first..]
        .iter()
        .take(2)
        .filter(|(_, count)| *count > 0)
        .map(|(unit, count)| format!("{count} {unit}"))
        .collect();
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "0 s")]
    #[case(59, "59 s")]
    #[case(-60, "1 min")]
    #[case(3_900, "1 h 5 min")]
    #[case(3_659, "1 h")]
    #[case(86_400 * 3 + 3_600, "3 d 1 h")]
    fn a_duration_is_not_a_riddle(#[case] seconds: i64, #[case] said: &str) {
        assert_eq!(duration(SignedDuration::from_secs(seconds)), said);
    }
}

//! When a token expires, in the forms in which endpoints and tools say so.

use azure_core::time::{parse_rfc3339, parse_rfc7231};
use serde_json::Value;

use crate::jwt::payload;

/// The year 5138 in seconds; milliseconds of this century are larger.
const LARGEST: f64 = 1e11;

/// A point in time, in seconds since 1970: a number, with a fraction or in quotes, or a date.
pub(super) fn timestamp(value: &Value) -> Option<i64> {
    if let Some(number) = seconds(value) {
        return Some(number);
    }
    let text = value.as_str()?.trim();
    let date = parse_rfc3339(text)
        .or_else(|_| parse_rfc3339(&rfc3339(text)))
        .or_else(|_| parse_rfc7231(text));
    Some(date.ok()?.unix_timestamp())
}

/// A number of seconds.
pub(super) fn seconds(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let seconds = if number > LARGEST {
        number / 1000.0
    } else {
        number
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the fraction; the rest is in range"
    )]
    (seconds.is_finite() && seconds.abs() < LARGEST).then_some(seconds as i64)
}

/// What a token itself says, if it is a JSON Web Token.
pub(super) fn of_token(token: &str) -> Option<i64> {
    timestamp(payload(token)?.get("exp")?)
}

/// `09/14/2026 01:02:03 PM +00:00`, as App Service wrote it at first, and dates without a `T` or a zone, which are in UTC.
fn rfc3339(text: &str) -> String {
    let mut words = text.split([' ', 'T']);
    let (date, time) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut rest: Vec<_> = words.collect();
    let half = rest.first().copied().unwrap_or_default();
    let date = match date.split('/').collect::<Vec<_>>()[..] {
        [month, day, year] => format!("{year}-{month:0>2}-{day:0>2}"),
        _ => date.to_owned(),
    };
    let (hour, minutes) = time.split_once(':').unwrap_or((time, ""));
    let hour = match (hour.parse::<u32>(), half) {
        (Ok(hour), "AM" | "PM") => {
            rest.remove(0);
            format!("{:02}", hour % 12 + if half == "PM" { 12 } else { 0 })
        }
        _ => format!("{hour:0>2}"),
    };
    let zoned = minutes.contains(['Z', 'z', '+', '-']);
    let zone = rest
        .first()
        .copied()
        .unwrap_or(if zoned { "" } else { "Z" });
    format!("{date}T{hour}:{minutes}{zone}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!(1_800_000_000))]
    #[case(json!(1_800_000_000.7))]
    #[case(json!(1_800_000_000_700_i64))]
    #[case(json!("1800000000"))]
    #[case(json!("1800000000.25"))]
    #[case(json!(" 1800000000 "))]
    #[case(json!("2027-01-15T08:00:00Z"))]
    #[case(json!("2027-01-15T08:00:00.123456+00:00"))]
    #[case(json!("2027-01-15T09:00:00+01:00"))]
    #[case(json!("2027-01-15 08:00:00Z"))]
    #[case(json!("2027-01-15 08:00:00"))]
    #[case(json!("2027-01-15T08:00:00"))]
    #[case(json!("2027-01-15 08:00:00 +00:00"))]
    #[case(json!("01/15/2027 08:00:00 +00:00"))]
    #[case(json!("1/15/2027 8:00:00 AM +00:00"))]
    #[case(json!("Fri, 15 Jan 2027 08:00:00 GMT"))]
    fn an_expiry_is_read_in_every_form(#[case] value: Value) {
        assert_eq!(timestamp(&value), Some(1_800_000_000), "{value}");
    }

    #[rstest]
    #[case(json!("12:30:00 AM"), "00:30:00")]
    #[case(json!("12:30:00 PM"), "12:30:00")]
    #[case(json!("1:30:00 PM"), "13:30:00")]
    fn noon_is_told_from_midnight(#[case] time: Value, #[case] expected: &str) {
        let time = time.as_str().expect("a text");
        let given = json!(format!("01/15/2027 {time} +00:00"));
        assert_eq!(
            timestamp(&given),
            timestamp(&json!(format!("2027-01-15T{expected}Z")))
        );
    }

    #[rstest]
    #[case(json!(null))]
    #[case(json!(""))]
    #[case(json!("soon"))]
    #[case(json!("////"))]
    #[case(json!("NaN"))]
    #[case(json!("inf"))]
    #[case(json!(1e300))]
    #[case(json!([1]))]
    #[case(json!("01/15/2027"))]
    fn what_is_no_time_is_not_read_as_one(#[case] value: Value) {
        assert_eq!(timestamp(&value), None, "{value}");
    }

    #[test]
    fn a_token_says_itself_when_it_expires() {
        let claims = BASE64.encode(r#"{"exp":1800000000}"#);
        assert_eq!(of_token(&format!("a.{claims}.c")), Some(1_800_000_000));
        for none in ["", "a.b.c", "opaque", "a.e30.c"] {
            assert_eq!(of_token(none), None, "{none}");
        }
    }
}

//! The response of a token endpoint, in the one form that the Azure SDK reads. Endpoints that stand in for Azure's give the
//! expiry as a number, a date, or only as a lifetime.

use azure_core::error::ErrorKind as AzureKind;
use serde_json::{Map, Value, json};

use super::expiry::{seconds, timestamp};

/// As errors say it; `cures.rs` knows it.
pub(super) const WITHOUT_EXPIRY: &str = "the response holds a token, but not when it expires";

/// Returns the body with `expires_on` and `expires_in` as the SDK reads them. What holds no token passes unchanged.
pub(super) fn normalise(body: Vec<u8>, now: i64) -> azure_core::Result<Vec<u8>> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(&body) else {
        return Ok(body);
    };
    if !fields.get("access_token").is_some_and(Value::is_string) {
        return Ok(body);
    }
    let read = |name: &str, parse: fn(&Value) -> Option<i64>| fields.get(name).and_then(parse);
    let (lifetime, expiry) = (read("expires_in", seconds), read("expires_on", timestamp));
    let expiry = expiry.or_else(|| lifetime.map(|left| now.saturating_add(left)));
    let Some(expiry) = expiry else {
        return Err(azure_core::Error::with_message(
            AzureKind::DataConversion,
            WITHOUT_EXPIRY,
        ));
    };
    let left = lifetime.unwrap_or_else(|| expiry.saturating_sub(now));
    fields.insert("expires_on".to_owned(), json!(expiry.to_string()));
    fields.insert("expires_in".to_owned(), json!(left));
    // Of no meaning to us, but the SDK requires them.
    set(&mut fields, "token_type", "Bearer");
    set(&mut fields, "resource", "");
    fields.remove("ext_expires_in");
    Ok(Value::Object(fields).to_string().into_bytes())
}

fn set(fields: &mut Map<String, Value>, name: &str, default: &str) {
    if !fields.get(name).is_some_and(Value::is_string) {
        fields.insert(name.to_owned(), json!(default));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NOW: i64 = 1_800_000_000;

    #[rstest]
    #[case::app_service(r#""expires_on":"1800003600","token_type":"Bearer","resource":"r""#)]
    #[case::number(r#""expires_on":1800003600"#)]
    #[case::fraction(r#""expires_on":1800003600.9"#)]
    #[case::date(r#""expires_on":"2027-01-15T09:00:00Z""#)]
    #[case::only_a_lifetime(r#""expires_in":3600"#)]
    #[case::lifetime_in_quotes(r#""expires_in":"3600","ext_expires_in":"0""#)]
    #[case::unreadable_and_a_lifetime(r#""expires_on":"soon","expires_in":3600.2"#)]
    #[case::null(r#""expires_on":null,"expires_in":3600,"resource":null"#)]
    fn the_sdk_reads_every_expiry(#[case] fields: &str) {
        let body = format!(r#"{{"access_token":"t",{fields}}}"#);
        let body = normalise(body.into_bytes(), NOW).expect("a token");
        let fields: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(fields["expires_on"], "1800003600");
        assert_eq!(fields["expires_in"], 3600);
        assert_eq!(fields["access_token"], "t");
        assert!(fields["resource"].is_string() && fields["token_type"] == "Bearer");
    }

    #[test]
    fn a_token_without_an_expiry_is_called_a_token() {
        for fields in ["", r#","expires_on":"soon""#, r#","expires_in":null"#] {
            let body = format!(r#"{{"access_token":"hunter2"{fields}}}"#);
            let error = normalise(body.into_bytes(), NOW).expect_err("no expiry");
            assert_eq!(error.to_string(), WITHOUT_EXPIRY);
        }
    }

    #[rstest]
    #[case("<html>")]
    #[case("")]
    #[case(r#"{"error":"invalid_client","expires_on":7}"#)]
    #[case(r#"{"value":"proof"}"#)]
    #[case("[1]")]
    fn what_holds_no_token_passes_unchanged(#[case] body: &str) {
        let same = normalise(body.as_bytes().to_vec(), NOW).expect("unchanged");
        assert_eq!(same, body.as_bytes());
    }
}

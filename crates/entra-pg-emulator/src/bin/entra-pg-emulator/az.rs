//! The stand-in for the Azure CLI: `az account get-access-token`, as SDKs call it.

use std::{
    io::Write,
    process::ExitCode,
    time::{Duration, UNIX_EPOCH},
};

use axum::http::{Method, StatusCode};
use serde_json::Value;
use time::UtcOffset;
use url::Url;

use crate::client;

/// The message of the real command when no user is signed in.
const NOT_SIGNED_IN: &str = "ERROR: Please run 'az login' to setup account.";

/// Does what `az` would do with these arguments.
pub(crate) fn main(control: &Url, arguments: &[String]) -> ExitCode {
    let answer = resource(arguments).and_then(|resource| request(control, &resource));
    match answer {
        Ok(answer) => {
            _ = writeln!(std::io::stdout(), "{answer}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

/// The requested resource. Other options are accepted and ignored.
fn resource(arguments: &[String]) -> Result<String, String> {
    let [group, command, options @ ..] = arguments else {
        return Err("ERROR: the stand-in az supports only `account get-access-token`".into());
    };
    if (group.as_str(), command.as_str()) != ("account", "get-access-token") {
        return Err(format!(
            "ERROR: '{group} {command}' is not supported by the stand-in az, only `account get-access-token` is"
        ));
    }
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option.as_str(), None),
        };
        if name == "--scope" || name == "--resource" {
            let value = value
                .or_else(|| options.next().cloned())
                .ok_or(format!("ERROR: {name} expects a value"))?;
            return Ok(value.strip_suffix("/.default").unwrap_or(&value).to_owned());
        }
    }
    Ok("https://management.core.windows.net/".into())
}

fn request(control: &Url, resource: &str) -> Result<String, String> {
    let mut url = control
        .join("/az/token")
        .map_err(|error| format!("ERROR: {error}"))?;
    url.query_pairs_mut().append_pair("resource", resource);
    match client::send(Method::GET, &url, String::new()) {
        Ok((StatusCode::OK, body)) => Ok(with_local_time(body)),
        _ => Err(NOT_SIGNED_IN.into()),
    }
}

/// Adds `expiresOn`, which the real one gives in local time. An answer that is not JSON passes unchanged.
fn with_local_time(body: String) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(&body) else {
        return body;
    };
    if let Some(expires_on) = fields.get("expires_on").and_then(Value::as_i64) {
        fields.insert("expiresOn".into(), local_time(expires_on).into());
    }
    serde_json::to_string_pretty(&fields).unwrap_or(body)
}

fn local_time(unix_seconds: i64) -> String {
    let zone = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
    let seconds = unix_seconds + i64::from(zone.whole_seconds());
    let moment = UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or_default());
    let text = humantime::format_rfc3339_micros(moment).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resource_is_found_however_an_sdk_writes_it() {
        let parse = |line: &str| resource(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        for line in [
            "account get-access-token -o json --scope https://r/.default",
            "account get-access-token --output json --resource https://r --tenant t",
            "account get-access-token --scope=https://r/.default --subscription s",
        ] {
            assert_eq!(parse(line).as_deref(), Ok("https://r"), "{line}");
        }
        assert!(parse("account show").unwrap_err().contains("account show"));
        assert!(
            parse("account get-access-token --scope")
                .unwrap_err()
                .contains("--scope")
        );
    }

    #[test]
    fn the_answer_carries_the_expiry_in_both_forms() {
        let answer = with_local_time(r#"{"accessToken":"x","expires_on":1893553445}"#.into());
        assert!(
            answer.contains("1893553445")
                && answer.contains(r#""expiresOn": "2030-01-0"#)
                && answer.contains(":05.000000"),
            "{answer}"
        );
        assert_eq!(with_local_time("<html>".into()), "<html>");
    }
}

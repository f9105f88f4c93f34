//! What `az` and `azd` print, in the one form that the Azure SDK reads. Around their JSON may stand warnings, colour codes and
//! a byte-order mark, and an old `az` gives the expiry in local time only. What they print is never part of an error.

use std::{ffi::OsStr, io, process::Output, sync::Arc};

use async_trait::async_trait;
use azure_core::time::{OffsetDateTime, to_rfc3339};
use azure_identity::Executor;
use serde_json::{Deserializer, Map, Value, json};

use super::{
    expiry::{of_token, seconds, timestamp},
    subprocess::Subprocess,
};

/// As errors say it; `cures.rs` knows it.
pub(super) const NO_TOKEN: &str = "printed no token";
pub(super) const WITHOUT_EXPIRY: &str = "printed a token, but not when it expires";
pub(super) const TOO_MUCH: &str = "printed more than 1 MiB";

/// Runs a tool, and cleans what it prints.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) subprocess: Subprocess,
    pub(super) program: &'static str,
    /// Held by each run of it.
    pub(super) running: Arc<()>,
}

impl Tool {
    /// What a request waits for, while the tool runs.
    pub(super) fn progress(&self) -> Option<String> {
        let is_running = Arc::weak_count(&self.running) > 0;
        is_running.then(|| format!("{} has not ended", self.program))
    }

    fn failed(&self, problem: &str) -> Output {
        Output {
            status: failure(),
            stdout: Vec::new(),
            stderr: format!("{} {problem}", self.program).into_bytes(),
        }
    }
}

#[async_trait]
impl Executor for Tool {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let running = Arc::downgrade(&self.running);
        let result = self.subprocess.run(program, arguments).await;
        drop(running);
        let mut output = match result {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Ok(self.failed(TOO_MUCH));
            }
            result => result?,
        };
        output.stderr = without_escapes(&output.stderr).into_bytes();
        if !output.status.success() {
            return Ok(output);
        }
        match clean(&output.stdout) {
            Ok(stdout) => output.stdout = stdout.into_bytes(),
            Err(problem) => return Ok(self.failed(problem)),
        }
        Ok(output)
    }
}

fn failure() -> std::process::ExitStatus {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::from_raw(1 << 8);
    #[cfg(windows)]
    return std::os::windows::process::ExitStatusExt::from_raw(1);
}

/// The first JSON object with a token, with the expiry where the SDK looks for it: `expires_on` of `az`, `expiresOn` of `azd`.
fn clean(stdout: &[u8]) -> Result<String, &'static str> {
    let text = without_escapes(stdout);
    let mut fields = objects(&text).find_map(with_token).ok_or(NO_TOKEN)?;
    if let Some(token) = fields.get("accessToken").and_then(Value::as_str) {
        let given = fields.get("expires_on").and_then(seconds);
        // An old `az` gives local time, of which zone it does not say: the token knows better.
        let expiry = given.or_else(|| of_token(token)).ok_or(WITHOUT_EXPIRY)?;
        fields.insert("expires_on".to_owned(), json!(expiry));
        fields.entry("tokenType").or_insert(json!("Bearer"));
    } else {
        let expiry = fields
            .get("expiresOn")
            .and_then(timestamp)
            .ok_or(WITHOUT_EXPIRY)?;
        let date = OffsetDateTime::from_unix_timestamp(expiry).map_err(|_| WITHOUT_EXPIRY)?;
        fields.insert("expiresOn".to_owned(), json!(to_rfc3339(&date)));
    }
    Ok(Value::Object(fields).to_string())
}

fn with_token(value: Value) -> Option<Map<String, Value>> {
    let Value::Object(fields) = value else {
        return None;
    };
    let has = |name| fields.get(name).is_some_and(Value::is_string);
    (has("accessToken") || has("token")).then_some(fields)
}

/// Everything in a text that begins like an object and is one.
fn objects(text: &str) -> impl Iterator<Item = Value> {
    let starts = text.match_indices('{').map(|(at, _)| at);
    starts.filter_map(|at| {
        Deserializer::from_str(text.get(at..)?)
            .into_iter()
            .next()?
            .ok()
    })
}

/// Without the control sequences of terminals (ECMA-48, 5.4), and what else cannot be seen.
fn without_escapes(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut characters),
            '\u{feff}' => {}
            c if c.is_control() && !c.is_whitespace() => {}
            c => clean.push(c),
        }
    }
    clean
}

fn skip_sequence(characters: &mut std::str::Chars<'_>) {
    match characters.next() {
        Some('[') => {
            characters.find(|c| ('@'..='~').contains(c));
        }
        Some(']') => {
            characters.find(|c| matches!(c, '\u{7}' | '\\'));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `{"exp":1800000000}`
    const TOKEN: &str = "e30.eyJleHAiOjE4MDAwMDAwMDB9.c2ln";

    fn expiry(text: &str) -> Result<Value, &'static str> {
        let clean: Value = serde_json::from_str(&clean(text.as_bytes())?).expect("JSON");
        assert!(clean["tokenType"] == "Bearer" || clean["token"].is_string());
        Ok(clean["expires_on"].clone())
    }

    #[rstest]
    #[case::today(r#"{"accessToken":"t","expires_on":1800000000,"expiresOn":"2027-01-15 09:00:00.000000","tokenType":"Bearer"}"#)]
    #[case::in_quotes(r#"{"accessToken":"t","expires_on":"1800000000"}"#)]
    #[case::byte_order_mark("\u{feff}{\"accessToken\":\"t\",\"expires_on\":1800000000}\r\n")]
    #[case::warning_before(
        "WARNING: {x} is deprecated\n{\"level\":\"warn\"}\n{\"accessToken\":\"t\",\"expires_on\":1800000000}"
    )]
    #[case::warning_after(
        "{\"accessToken\":\"t\",\"expires_on\":1800000000}\nWARNING: You have 2 updates available. {}"
    )]
    #[case::colours(
        "\u{1b}[33mWARNING\u{1b}[0m\u{1b}]0;title\u{7}\n\u{1b}[1m{\n  \u{1b}[34m\"accessToken\"\u{1b}[0m: \"t\",\n \"expires_on\": 1800000000}\u{1b}[0m"
    )]
    fn what_stands_around_the_json_is_no_part_of_it(#[case] text: &str) {
        assert_eq!(expiry(text), Ok(json!(1_800_000_000)), "{text}");
    }

    #[test]
    fn an_old_az_knows_no_zone_but_its_token_does() {
        let old = json!({"accessToken": TOKEN, "expiresOn": "2027-01-15 21:30:00.000000", "tokenType": "Bearer"});
        assert_eq!(expiry(&old.to_string()), Ok(json!(1_800_000_000)));
        let opaque = json!({"accessToken": "opaque", "expiresOn": "2027-01-15 21:30:00.000000"});
        assert_eq!(expiry(&opaque.to_string()), Err(WITHOUT_EXPIRY));
    }

    #[rstest]
    #[case("2027-01-15T08:00:00Z")]
    #[case("2027-01-15 09:00:00 +01:00")]
    fn azd_gets_its_own_form(#[case] date: &str) {
        let text = format!(
            "{{\"type\":\"consoleMessage\"}}\n{{\"token\":\"t\",\"expiresOn\":\"{date}\"}}"
        );
        let clean: Value =
            serde_json::from_str(&clean(text.as_bytes()).expect("a token")).expect("JSON");
        assert_eq!(clean["expiresOn"], "2027-01-15T08:00:00Z");
    }

    #[rstest]
    #[case("")]
    #[case("To sign in, open https://microsoft.com/devicelogin")]
    #[case("{\"accessToken\": \"t\"")]
    #[case("{\"accessToken\": null}")]
    #[case("[\u{1b}[")]
    fn what_holds_no_token_is_named(#[case] text: &str) {
        assert_eq!(clean(text.as_bytes()), Err(NO_TOKEN));
    }
}

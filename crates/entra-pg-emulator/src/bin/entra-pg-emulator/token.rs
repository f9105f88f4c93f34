//! `entra-pg-emulator token`: a token from a running emulator.

use std::{io::Write, process::ExitCode};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{arguments::Token, client};

pub(crate) fn main(arguments: &Token) -> ExitCode {
    match request(arguments) {
        Ok(token) if writeln!(std::io::stdout(), "{token}").is_ok() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            _ = writeln!(std::io::stderr(), "entra-pg-emulator: {message}");
            ExitCode::FAILURE
        }
    }
}

fn request(arguments: &Token) -> Result<String, String> {
    let control = &arguments.control;
    let url = control
        .join("/control/token")
        .map_err(|error| error.to_string())?;
    let body = json!({
        "role": arguments.role,
        "audience": arguments.audience,
        "lifetime": arguments.lifetime,
        "other_key": arguments.other_key,
    });
    match client::send(Method::POST, &url, body.to_string()) {
        Ok((StatusCode::OK, token)) => Ok(token),
        Ok((_, refusal)) => Err(description(&refusal)),
        Err(error) => Err(format!(
            "no emulator responds at {control}: {error}; start one with `entra-pg-emulator run`"
        )),
    }
}

/// The sentence in an error of the control API.
fn description(refusal: &str) -> String {
    let parsed: Value = serde_json::from_str(refusal).unwrap_or_default();
    parsed["error_description"]
        .as_str()
        .unwrap_or(refusal)
        .to_owned()
}

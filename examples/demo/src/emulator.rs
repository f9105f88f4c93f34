//! What the emulator counts, asked over HTTP. The only part that an app on Azure would not have.

use std::{env, time::Duration};

use entra_pg_core::connect::chain;
use serde::Deserialize;

const PATIENCE: Duration = Duration::from_secs(5);

/// A running emulator's control API.
#[derive(Debug)]
pub(crate) struct Emulator {
    http: reqwest::Client,
    address: String,
}

/// As much of its status as is shown here.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Status {
    /// Requests that reached a token endpoint, since it started.
    pub(crate) token_requests: u64,
}

impl Emulator {
    pub(crate) fn from_env() -> Result<Self, String> {
        let address = env::var("EMULATOR_CONTROL").map_err(|_| {
            "EMULATOR_CONTROL is not set, so there is no emulator that counts token requests; use `just demo`, or \
             `entra-pg-emulator run -- entra-pg-demo`"
        })?;
        // No TLS is spoken, but reqwest wants to know which it would be.
        let tls = entra_pg_rustls::client_config(Vec::<Vec<u8>>::new());
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Self { http, address })
    }

    pub(crate) async fn status(&self) -> Result<Status, String> {
        let unreachable =
            |error: reqwest::Error| format!("the emulator does not answer: {}", chain(&error));
        let answer = self
            .http
            .get(format!("{}/control/status", self.address))
            .send()
            .await
            .map_err(unreachable)?;
        let body = answer
            .error_for_status()
            .map_err(unreachable)?
            .text()
            .await
            .map_err(unreachable)?;
        serde_json::from_str(&body)
            .map_err(|error| format!("the emulator's status was not understood: {error}"))
    }

    /// So that both speak of the same tokens.
    pub(crate) async fn set_token_lifetime(&self, lifetime: Duration) -> Result<(), String> {
        let unreachable =
            |error: reqwest::Error| format!("the emulator does not answer: {}", chain(&error));
        let body = serde_json::json!({ "token_lifetime": humantime::format_duration(lifetime).to_string() });
        let request = self
            .http
            .patch(format!("{}/control/settings", self.address))
            .body(body.to_string());
        let answer = request.send().await.map_err(unreachable)?;
        answer.error_for_status().map(drop).map_err(unreachable)
    }
}

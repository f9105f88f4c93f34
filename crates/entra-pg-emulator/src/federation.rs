//! Workload identity: the token a Kubernetes would put in a file, and what Entra checks when it comes back.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{Error, Identity, clock, state::State};

/// Whom federated (Kubernetes-like) tokens are made for.
const FEDERATION_AUDIENCE: &str = "api://AzureADTokenExchange";
/// How long the federated token file stays good: longer than any emulator runs.
const FEDERATED_LIFETIME: i64 = 365 * 24 * 3600;

impl State {
    /// What a Kubernetes would put in the federated token file of the first identity.
    pub(crate) fn federated_token(&self) -> Result<String, Error> {
        let now = clock::seconds(clock::now());
        let name = self
            .identities
            .first()
            .map(|identity| identity.name.as_str())
            .unwrap_or_default();
        self.key.sign(&json!({
            "iss": self.federation_issuer(), "sub": federated_subject(name), "aud": [FEDERATION_AUDIENCE],
            "iat": now, "nbf": now, "exp": now + FEDERATED_LIFETIME, "jti": Uuid::new_v4(),
        }))
    }

    /// Checks a client assertion made of the federated token, for this identity. The error is Entra's number and message.
    pub(crate) fn check_assertion(
        &self,
        assertion: &str,
        identity: &Identity,
    ) -> Result<(), (u32, String)> {
        #[derive(Deserialize)]
        struct Assertion {
            iss: String,
            sub: String,
            aud: Vec<String>,
            exp: i64,
        }
        let found: Assertion = self.key.verify(assertion).map_err(|_| {
            (700_211, "No matching federated identity record found: the assertion was not signed by the emulator.".to_owned())
        })?;
        let differs = |what: &str, found: &str| {
            Err((
                700_213,
                format!(
                    "No matching federated identity record found for presented assertion {what} '{found}'."
                ),
            ))
        };
        if found.iss != self.federation_issuer() {
            differs("issuer", &found.iss)
        } else if found.sub != federated_subject(&identity.name) {
            differs("subject", &found.sub)
        } else if !found
            .aud
            .iter()
            .any(|audience| audience == FEDERATION_AUDIENCE)
        {
            differs("audience", &found.aud.join(" "))
        } else if found.exp <= clock::seconds(clock::now()) {
            Err((
                700_024,
                "Client assertion is not within its valid time range.".into(),
            ))
        } else {
            Ok(())
        }
    }

    fn federation_issuer(&self) -> String {
        format!("{}oidc/", self.authority_host())
    }
}

fn federated_subject(name: &str) -> String {
    format!("system:serviceaccount:default:{name}")
}

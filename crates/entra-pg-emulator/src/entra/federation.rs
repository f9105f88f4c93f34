//! Workload identity: the tokens that Kubernetes would write to a file, or a pipeline give to its job, and what Entra checks
//! when they come back.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Identity, SigningKey, clock};
use crate::Error;

/// How long a pipeline's token lives, in seconds.
const PROOF_LIFETIME: i64 = 300;
/// The audience of federated tokens.
const AUDIENCE: &str = "api://AzureADTokenExchange";
/// Longer than any emulator runs, since the token lies in a file.
const LIFETIME: i64 = 365 * 24 * 3600;

/// Why Entra refuses: its own number, and the message.
type Refusal = (u32, String);

/// Whose token it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    ServiceAccount,
    GitHub,
    Pipelines,
}

impl Proof {
    const ALL: [Self; 3] = [Self::ServiceAccount, Self::GitHub, Self::Pipelines];

    fn subject(self, name: &str) -> String {
        match self {
            Self::ServiceAccount => format!("system:serviceaccount:default:{name}"),
            Self::GitHub => format!("repo:emulator/{name}:ref:refs/heads/main"),
            Self::Pipelines => format!("sc://emulator/project/{name}"),
        }
    }
}

/// The cluster whose service accounts the tenant trusts, and the pipelines whose jobs.
pub(crate) struct Federation {
    /// Never that of access tokens, so it also signs those that PostgreSQL must refuse.
    pub(crate) key: SigningKey,
    issuer: String,
}

impl Federation {
    pub(crate) fn new(authority_host: &str) -> Result<Self, Error> {
        Ok(Self {
            key: SigningKey::generate()?,
            issuer: format!("{authority_host}oidc/"),
        })
    }

    /// The federated token of an identity.
    pub(crate) fn token(&self, name: &str) -> Result<String, Error> {
        self.sign(Proof::ServiceAccount, name, AUDIENCE, LIFETIME)
    }

    /// The token of a pipeline's job, new at every call.
    pub(crate) fn issue(&self, proof: Proof, name: &str, audience: &str) -> Result<String, Error> {
        self.sign(proof, name, audience, PROOF_LIFETIME)
    }

    fn sign(
        &self,
        proof: Proof,
        name: &str,
        audience: &str,
        lifetime: i64,
    ) -> Result<String, Error> {
        let now = clock::seconds(clock::now());
        self.key.sign(&json!({
            "iss": self.issuer, "sub": proof.subject(name), "aud": [audience],
            "iat": now, "nbf": now, "exp": now + lifetime, "jti": Uuid::new_v4().to_string(),
        }))
    }

    /// Checks that a client assertion is the federated token of this identity.
    pub(crate) fn check(&self, assertion: &str, identity: &Identity) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        struct Assertion {
            iss: String,
            sub: String,
            aud: Vec<String>,
            exp: i64,
        }
        let found: Assertion = self.key.verify(assertion).map_err(|_| {
            let text = "No matching federated identity record found: the assertion was not signed by the emulator.";
            (700_211, text.to_owned())
        })?;
        let differs = |what: &str, found: &str| {
            let text = format!(
                "No matching federated identity record found for presented assertion {what} '{found}'."
            );
            Err((700_213, text))
        };
        if found.iss != self.issuer {
            differs("issuer", &found.iss)
        } else if !Proof::ALL
            .iter()
            .any(|proof| found.sub == proof.subject(identity.name()))
        {
            differs("subject", &found.sub)
        } else if !found.aud.iter().any(|audience| audience == AUDIENCE) {
            differs("audience", &found.aud.join(" "))
        } else if found.exp <= clock::seconds(clock::now()) {
            let text = "Client assertion is not within its valid time range.";
            Err((700_024, text.to_owned()))
        } else {
            Ok(())
        }
    }
}

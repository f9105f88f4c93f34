//! Workload identity, as on AKS: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and the token in `AZURE_FEDERATED_TOKEN_FILE`.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    credentials::TokenCredential,
    http::{ClientMethodOptions, ClientOptions},
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
};

use super::{
    failure::wrapped, kind::Kind, proof_file::ProofFile, transport::Transport,
    unsupported::IDENTITY_BINDING, variables::require,
};
use crate::{Error, ErrorKind, environment::Environment};

pub(super) struct WorkloadIdentity {
    tenant_id: String,
    client_id: String,
    token_file: Arc<ProofFile>,
}

impl WorkloadIdentity {
    pub(super) const VARIABLE: &str = "AZURE_FEDERATED_TOKEN_FILE";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        IDENTITY_BINDING.refuse_in(environment)?;
        let [tenant_id, client_id, token_file] = require(
            environment,
            "workload identity",
            ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", Self::VARIABLE],
        )?;
        Ok(Self {
            tenant_id,
            client_id,
            token_file: Arc::new(ProofFile::new(token_file, Self::VARIABLE)),
        })
    }
}

/// A file that was written by `echo` ends in a newline, which is no part of the token.
fn federated_token(path: &str, content: &[u8]) -> Result<String, Error> {
    let text = String::from_utf8_lossy(content);
    let token = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if token.is_empty() {
        return Err(none(&format!("{path} (AZURE_FEDERATED_TOKEN_FILE) is empty")).with_hint(
            "the platform must write the token there, and renew it; on AKS the pod needs the label azure.workload.identity/use, \
             and its service account the annotation azure.workload.identity/client-id",
        ));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(none(&format!(
            "{path} (AZURE_FEDERATED_TOKEN_FILE) holds no token"
        ))
        .with_hint("it must hold one JSON Web Token, and nothing else"));
    }
    Ok(token.to_owned())
}

fn none(message: &str) -> Error {
    Error::new(ErrorKind::NoCredential, message)
}

impl fmt::Display for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "workload identity (client id {})", self.client_id)
    }
}

impl Kind for WorkloadIdentity {
    fn transport(&self, environment: &Environment) -> Result<Option<Transport>, Error> {
        Transport::to_entra(environment).map(Some)
    }

    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let credential = ClientAssertionCredential::new(
            self.tenant_id.clone(),
            self.client_id.clone(),
            FederatedToken(Arc::clone(&self.token_file)),
            Some(ClientAssertionCredentialOptions {
                client_options: options,
            }),
        )?;
        Ok(credential)
    }

    fn check(&self) -> Result<(), Error> {
        self.token_file.check(federated_token)
    }

    fn hint(&self) -> &'static str {
        "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the federated credential of the identity for this service account"
    }

    fn progress(&self) -> Option<String> {
        self.token_file.progress()
    }

    fn timeout_hint(&self) -> &'static str {
        self.token_file.timeout_hint()
    }
}

#[derive(Debug)]
struct FederatedToken(Arc<ProofFile>);

#[async_trait]
impl ClientAssertion for FederatedToken {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let content = self.0.read().await.map_err(wrapped)?;
        federated_token(self.0.path(), &content).map_err(wrapped)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(content: &[u8]) -> Result<String, String> {
        federated_token("/a/token", content).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case(b"a.b.c")]
    #[case(b"a.b.c\n")]
    #[case(b"\r\n a.b.c\r\n")]
    #[case(b"\xef\xbb\xbfa.b.c\n")]
    fn what_an_editor_adds_to_the_file_is_no_part_of_the_token(#[case] content: &[u8]) {
        assert_eq!(read(content).as_deref(), Ok("a.b.c"));
    }

    #[rstest]
    #[case(b"", "is empty (the platform must write the token")]
    #[case(b"\n", "is empty")]
    #[case(b" \t\r\n", "is empty")]
    #[case(b"\xef\xbb\xbf", "is empty")]
    #[case(b"<html> <body>", "holds no token (it must hold one")]
    #[case(b"a.b.c\na.b.c\n", "holds no token")]
    #[case(b"a.b\0.c", "holds no token")]
    #[case(b"a.b.\xc3\xa9", "holds no token")]
    #[case(b"\xff\xfe", "holds no token")]
    fn a_file_without_a_token_is_named(#[case] content: &[u8], #[case] expected: &str) {
        let error = read(content).expect_err("no token");
        assert!(error.contains(expected), "{error}");
        assert!(
            error.contains("/a/token (AZURE_FEDERATED_TOKEN_FILE)"),
            "{error}"
        );
    }
}

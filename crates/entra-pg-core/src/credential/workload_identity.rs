//! Workload identity, as on AKS: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and the token in `AZURE_FEDERATED_TOKEN_FILE`.

use std::{fmt, fs, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    Error as AzureError,
    credentials::{Secret, TokenCredential},
    error::{ErrorKind as AzureKind, ResultExt},
    http::{ClientMethodOptions, ClientOptions},
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
};

use super::{kind::Kind, transport::Transport, unsupported::IDENTITY_BINDING, variables::require};
use crate::{Error, environment::Environment};

pub(super) struct WorkloadIdentity {
    tenant_id: String,
    client_id: String,
    token_file: String,
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
            token_file,
        })
    }

    /// Read again for each request: the platform replaces it. A file that was written by `echo` ends in a newline, which is
    /// no part of the token.
    fn federated_token(&self) -> azure_core::Result<FederatedToken> {
        let text = fs::read_to_string(&self.token_file)
            .with_context_fn(AzureKind::Credential, || {
                format!("cannot read {} ({})", self.token_file, Self::VARIABLE)
            })?;
        let token = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(AzureError::with_message(
                AzureKind::Credential,
                format!("{} ({}) holds no token", self.token_file, Self::VARIABLE),
            ));
        }
        Ok(FederatedToken(token.to_owned().into()))
    }
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
            self.federated_token()?,
            Some(ClientAssertionCredentialOptions {
                client_options: options,
            }),
        )?;
        Ok(credential)
    }

    fn hint(&self) -> &'static str {
        "check AZURE_TENANT_ID, AZURE_CLIENT_ID and the federated credential of the identity for this service account"
    }
}

#[derive(Debug)]
struct FederatedToken(Secret);

#[async_trait]
impl ClientAssertion for FederatedToken {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.secret().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn read(content: &[u8]) -> Result<String, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        fs::write(&path, content).expect("a file");
        let path = path.display().to_string();
        let environment = Environment::from_pairs([
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            (WorkloadIdentity::VARIABLE, &path),
        ]);
        let identity = WorkloadIdentity::from_environment(&environment).expect("it is complete");
        let token = identity
            .federated_token()
            .map_err(|error| error.to_string())?;
        Ok(token.0.secret().to_owned())
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
    #[case(b"", "holds no token")]
    #[case(b"\n", "holds no token")]
    #[case(b"<html> <body>", "holds no token")]
    #[case(b"\xff\xfe", "cannot read")]
    fn a_file_without_a_token_is_named(#[case] content: &[u8], #[case] expected: &str) {
        let error = read(content).expect_err("no token");
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(WorkloadIdentity::VARIABLE), "{error}");
    }
}

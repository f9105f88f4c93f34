//! An application's certificate: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and the file in `AZURE_CLIENT_CERTIFICATE_PATH`.
//!
//! The proof is a token that the certificate's key signs, as
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials> describes it: PS256, with the certificate's
//! SHA-256 thumbprint. The Azure SDK would need OpenSSL for it.

use std::{fmt, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use azure_core::{
    Error as AzureError, Uuid,
    cloud::CloudConfiguration,
    credentials::TokenCredential,
    error::ErrorKind as AzureKind,
    http::{ClientMethodOptions, ClientOptions},
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64},
};
use serde_json::{Value, json};

use super::{
    certificate_file::{self, CertificateFile},
    failure::wrapped,
    kind::Kind,
    proof_file::ProofFile,
    transport::Transport,
    unsupported::CERTIFICATE_PASSWORD,
    variables::{require, value},
};
use crate::{Error, environment::Environment};

/// In seconds. Entra recommends five to ten minutes; each request has its own.
const LIFETIME: u64 = 300;

pub(super) struct ClientCertificate {
    tenant_id: String,
    client_id: String,
    file: Arc<ProofFile>,
    /// For applications that trust an issuer and a name instead of one certificate.
    sends_chain: bool,
}

impl ClientCertificate {
    pub(super) const VARIABLE: &str = certificate_file::VARIABLE;

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        CERTIFICATE_PASSWORD.refuse_in(environment)?;
        let [tenant_id, client_id, path] = require(
            environment,
            "a client certificate",
            ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", Self::VARIABLE],
        )?;
        let sends_chain = value(environment, "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
        Ok(Self {
            tenant_id,
            client_id,
            file: Arc::new(ProofFile::new(path, Self::VARIABLE)),
            sends_chain: sends_chain
                .is_some_and(|text| text == "1" || text.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Display for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client certificate (client id {})", self.client_id)
    }
}

impl Kind for ClientCertificate {
    fn transport(&self, environment: &Environment) -> Result<Option<Transport>, Error> {
        Transport::to_entra(environment).map(Some)
    }

    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let assertion = SignedAssertion {
            file: Arc::clone(&self.file),
            sends_chain: self.sends_chain,
            audience: audience(&options, &self.tenant_id),
            client_id: self.client_id.clone(),
        };
        let credential = ClientAssertionCredential::new(
            self.tenant_id.clone(),
            self.client_id.clone(),
            assertion,
            Some(ClientAssertionCredentialOptions {
                client_options: options,
            }),
        )?;
        Ok(credential)
    }

    fn check(&self) -> Result<(), Error> {
        self.file.check(CertificateFile::parse_now)
    }

    fn hint(&self) -> &'static str {
        "check AZURE_TENANT_ID and AZURE_CLIENT_ID, and that the certificate is one of the application's"
    }

    fn progress(&self) -> Option<String> {
        self.file.progress()
    }

    fn timeout_hint(&self) -> &'static str {
        self.file.timeout_hint()
    }
}

/// The token endpoint that the assertion is sent to.
fn audience(options: &ClientOptions, tenant_id: &str) -> String {
    let authority = match options.cloud.as_deref() {
        Some(CloudConfiguration::Custom(cloud)) => cloud.authority_host.trim_end_matches('/'),
        _ => "https://login.microsoftonline.com",
    };
    format!("{authority}/{tenant_id}/oauth2/v2.0/token")
}

fn header(file: &CertificateFile, sends_chain: bool) -> Value {
    let thumbprint = BASE64.encode(entra_pg_rustls::sha256(&file.certificate));
    let mut header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
    if sends_chain {
        let chain = std::iter::once(&file.certificate).chain(&file.chain);
        header["x5c"] = chain.map(|der| BASE64_STANDARD.encode(der)).collect();
    }
    header
}

#[derive(Debug)]
struct SignedAssertion {
    file: Arc<ProofFile>,
    sends_chain: bool,
    audience: String,
    client_id: String,
}

impl SignedAssertion {
    fn sign(
        &self,
        file: &CertificateFile,
        now: u64,
    ) -> Result<String, impl std::error::Error + Send + Sync + 'static> {
        let header = header(file, self.sends_chain);
        let claims = json!({
            "aud": self.audience, "iss": self.client_id, "sub": self.client_id, "jti": Uuid::new_v4().to_string(),
            "iat": now, "nbf": now, "exp": now + LIFETIME,
        });
        let [header, claims] = [&header, &claims].map(|part| BASE64.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = file.key.sign(signed.as_bytes())?;
        Ok::<_, entra_pg_rustls::rustls::Error>(format!("{signed}.{}", BASE64.encode(signature)))
    }
}

#[async_trait]
impl ClientAssertion for SignedAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let content = self.file.read().await.map_err(wrapped)?;
        let file = CertificateFile::parse_now(self.file.path(), &content).map_err(wrapped)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        self.sign(&file, now.unwrap_or_default().as_secs())
            .map_err(|error| AzureError::new(AzureKind::Credential, error))
    }
}

#[cfg(test)]
mod tests {
    use azure_core::cloud::CustomConfiguration;

    use super::*;
    use crate::credential::certificate_file::tests::{RSA, verify};

    fn file() -> CertificateFile {
        let pem = format!("{}{}", RSA.certificate, RSA.key);
        CertificateFile::parse_now("app.pem", pem.as_bytes()).expect("it can be used")
    }

    fn decoded(part: &str) -> Value {
        serde_json::from_slice(&BASE64.decode(part).expect("base64")).expect("JSON")
    }

    #[test]
    fn entra_gets_what_it_checks() {
        let file = file();
        let certificate = file.certificate.clone();
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = "https://login.microsoftonline.us/".to_owned();
        let options = ClientOptions {
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        };
        let assertion = SignedAssertion {
            file: Arc::new(ProofFile::new("app.pem".to_owned(), "A")),
            sends_chain: true,
            audience: audience(&options, "t"),
            client_id: "c".to_owned(),
        };
        let [first, second] = [1000, 1000].map(|now| assertion.sign(&file, now).expect("a token"));
        assert_ne!(first, second, "each has its own jti");

        let (signed, signature) = first.rsplit_once('.').expect("three parts");
        let (header, claims) = signed.split_once('.').expect("three parts");
        let signature = BASE64.decode(signature).expect("base64");
        assert!(verify(&certificate, signed.as_bytes(), &signature));
        let header = decoded(header);
        let thumbprint = BASE64.encode(entra_pg_rustls::sha256(&certificate));
        assert_eq!(
            (&header["alg"], &header["x5t#S256"]),
            (&json!("PS256"), &json!(thumbprint))
        );
        assert_eq!(header["x5c"], json!([BASE64_STANDARD.encode(&certificate)]));
        let claims = decoded(claims);
        assert_eq!(
            claims["aud"],
            "https://login.microsoftonline.us/t/oauth2/v2.0/token"
        );
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("c"), &json!("c")));
        assert_eq!(
            (&claims["nbf"], &claims["exp"]),
            (&json!(1000), &json!(1300))
        );
        assert!(!format!("{assertion:?}").contains("PRIVATE"));
    }
}

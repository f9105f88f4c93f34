//! The proof that a pipeline's job has: a token of the pipeline's own OpenID Connect provider. It lives for minutes, so each
//! request fetches another. What the provider answers is never part of an error.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use azure_core::{
    Error as AzureError,
    cloud::CloudConfiguration,
    credentials::{Secret, TokenCredential},
    error::ErrorKind as AzureKind,
    http::{
        ClientMethodOptions, ClientOptions, Method, Pipeline, PipelineSendOptions, RawResponse,
        Request, Url,
        headers::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
    },
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
};
use serde_json::Value;

/// Azure DevOps else leads to a page where a person signs in.
const NO_REDIRECT: HeaderName = HeaderName::from_static("x-tfs-fedauthredirect");

/// Where a job gets its proof, and the application that trusts it.
pub(super) struct OidcProvider {
    /// As errors name it.
    pub(super) name: &'static str,
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) secret: Secret,
    /// The field of the response that holds the token.
    pub(super) field: &'static str,
}

impl OidcProvider {
    pub(super) fn credential(
        &self,
        tenant_id: &str,
        client_id: &str,
        options: ClientOptions,
    ) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let proof = Proof {
            name: self.name,
            request: self.request(),
            field: self.field,
            pipeline: Pipeline::new(None, None, options.clone(), Vec::new(), Vec::new(), None),
        };
        let credential = ClientAssertionCredential::new(
            tenant_id.to_owned(),
            client_id.to_owned(),
            proof,
            Some(ClientAssertionCredentialOptions {
                client_options: options,
            }),
        )?;
        Ok(credential)
    }

    fn request(&self) -> Request {
        let mut request = Request::new(self.url.clone(), self.method);
        request.insert_header(AUTHORIZATION, format!("Bearer {}", self.secret.secret()));
        request.insert_header(NO_REDIRECT, "Suppress");
        if self.method == Method::Post {
            request.insert_header(CONTENT_LENGTH, "0");
        }
        request
    }
}

/// The audience that Entra requires, in the cloud that `options` lead to.
/// <https://learn.microsoft.com/azure/developer/github/connect-from-azure-openid-connect>
pub(super) fn audience(options: &ClientOptions) -> &'static str {
    let authority = match options.cloud.as_deref() {
        Some(CloudConfiguration::Custom(cloud)) => cloud.authority_host.trim_end_matches('/'),
        _ => "",
    };
    match authority.rsplit('.').next() {
        Some("us") => "api://AzureADTokenExchangeUSGov",
        Some("cn") => "api://AzureADTokenExchangeChina",
        _ => "api://AzureADTokenExchange",
    }
}

struct Proof {
    name: &'static str,
    request: Request,
    field: &'static str,
    pipeline: Pipeline,
}

#[async_trait]
impl ClientAssertion for Proof {
    async fn secret(&self, options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let options = options.unwrap_or_default();
        let send = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        let mut request = self.request.clone();
        let context = options.context.to_borrowed();
        let response = self
            .pipeline
            .send(&context, &mut request, Some(send))
            .await?;
        token(self.name, self.field, response)
    }
}

fn token(name: &str, field: &str, response: RawResponse) -> azure_core::Result<String> {
    let status = response.status();
    if !status.is_success() {
        let message = format!("{name} gave the job no proof of its identity");
        let kind = AzureKind::HttpResponse {
            status,
            error_code: None,
            raw_response: Some(Box::new(response)),
        };
        return Err(AzureError::with_message(kind, message));
    }
    let body: Option<Value> = serde_json::from_slice(response.body().as_ref()).ok();
    let token = body
        .as_ref()
        .and_then(|body| body[field].as_str())
        .map(str::trim);
    match token {
        Some(token) if !token.is_empty() => Ok(token.to_owned()),
        _ => {
            let media_type = response.headers().get_optional_str(&CONTENT_TYPE);
            let media_type = media_type.unwrap_or("no content type");
            Err(AzureError::with_message(
                AzureKind::DataConversion,
                format!("{name} answered without a proof of the job's identity ({media_type})"),
            ))
        }
    }
}

/// The request holds a secret.
impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof of {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use azure_core::{cloud::CustomConfiguration, http::headers::Headers};
    use rstest::rstest;

    use super::*;

    fn answer(status: u16, body: &str) -> Result<String, String> {
        let mut headers = Headers::new();
        headers.insert(CONTENT_TYPE, "text/html; charset=utf-8");
        let response = RawResponse::from_bytes(status.into(), headers, body.to_owned());
        token("GitHub Actions", "value", response).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case(200, r#"{"count":3,"value":"a.b.c"}"#, Ok("a.b.c"))]
    #[case(200, "<html>Sign in</html>", Err("(text/html; charset=utf-8)"))]
    #[case(203, "<html>Sign in</html>", Err("(text/html; charset=utf-8)"))]
    #[case(200, r#"{"value":""}"#, Err("without a proof"))]
    #[case(200, r#"{"value":7}"#, Err("without a proof"))]
    #[case(200, r#"{"oidcToken":"a.b.c"}"#, Err("without a proof"))]
    #[case(200, "", Err("without a proof"))]
    #[case(302, "", Err("no proof"))]
    #[case(403, "hunter2", Err("no proof"))]
    fn only_a_token_is_a_proof(
        #[case] status: u16,
        #[case] body: &str,
        #[case] expected: Result<&str, &str>,
    ) {
        match (answer(status, body), expected) {
            (Ok(token), Ok(expected)) => assert_eq!(token, expected),
            (Err(error), Err(expected)) => {
                assert!(
                    error.contains(expected) && error.contains("GitHub Actions"),
                    "{error}"
                );
                assert!(!error.contains("hunter2"), "{error}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[rstest]
    #[case("https://login.microsoftonline.com", "api://AzureADTokenExchange")]
    #[case("https://login.microsoftonline.us/", "api://AzureADTokenExchangeUSGov")]
    #[case("https://login.chinacloudapi.cn", "api://AzureADTokenExchangeChina")]
    fn each_cloud_has_its_own_audience(#[case] authority: &str, #[case] expected: &str) {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = authority.to_owned();
        let options = ClientOptions {
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        };
        assert_eq!(audience(&options), expected);
    }
}

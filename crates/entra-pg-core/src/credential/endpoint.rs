//! Where a managed identity's tokens come from. The Azure SDK reads that from the process's own environment; requests are
//! led to where the given environment says.

use azure_core::http::{Request, Url, headers::HeaderName};

use super::{unsupported::refuse_managed_identity_host, variables::value};
use crate::{Error, ErrorKind, environment::Environment};

const SECRET_HEADER: HeaderName = HeaderName::from_static("x-identity-header");
/// The path is the same with another host, as the Azure SDKs for Python, JavaScript and .NET read their variable.
const METADATA_ADDRESS: &str = "http://169.254.169.254";
const METADATA_PATH: &str = "/metadata/identity/oauth2/token";
const PASS_ON: &str = "App Service and Container Apps set both; pass both on to this process";

/// An endpoint that lives on this machine. Without `Debug`: it holds a secret.
#[derive(Clone)]
pub(super) struct Endpoint {
    url: Url,
    /// App Service's proof that a request comes from the app.
    secret: Option<String>,
}

impl Endpoint {
    pub(super) const VARIABLE: &str = "IDENTITY_ENDPOINT";
    pub(super) const HEADER: &str = "IDENTITY_HEADER";
    pub(super) const METADATA: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

    pub(super) fn from_environment(environment: &Environment) -> Result<Self, Error> {
        refuse_managed_identity_host(environment)?;
        match value(environment, Self::VARIABLE) {
            Some(url) => Ok(Self {
                url: http(Self::VARIABLE, url)?,
                secret: Some(identity_header(environment)?),
            }),
            None if value(environment, Self::HEADER).is_some() => {
                Err(none("IDENTITY_HEADER is set, but IDENTITY_ENDPOINT is not").with_hint(PASS_ON))
            }
            None => Ok(Self {
                url: metadata_service(environment)?,
                secret: None,
            }),
        }
    }

    pub(super) fn is_app_service(&self) -> bool {
        self.secret.is_some()
    }

    /// The same request to this endpoint. The parameters are the same on all hosts that are supported.
    pub(super) fn redirect(&self, request: &Request) -> Request {
        let mut request = request.clone();
        let query = request.url().query().map(str::to_owned);
        *request.url_mut() = self.url.clone();
        request.url_mut().set_query(query.as_deref());
        request.headers_mut().remove(SECRET_HEADER);
        if let Some(secret) = &self.secret {
            request.insert_header(SECRET_HEADER, secret.clone());
        }
        request
    }
}

fn identity_header(environment: &Environment) -> Result<String, Error> {
    let header = value(environment, Endpoint::HEADER).map(str::to_owned);
    header.ok_or_else(|| {
        none("IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not").with_hint(PASS_ON)
    })
}

fn metadata_service(environment: &Environment) -> Result<Url, Error> {
    let mut url = http(
        Endpoint::METADATA,
        value(environment, Endpoint::METADATA).unwrap_or(METADATA_ADDRESS),
    )?;
    url.set_path(METADATA_PATH);
    Ok(url)
}

/// In clear text, since the other end is on this machine.
fn http(variable: &str, text: &str) -> Result<Url, Error> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "http" && url.has_host() => Ok(url),
        _ => Err(none(&format!("{variable} is not an http:// address"))
            .with_hint("correct it, or unset it")),
    }
}

fn none(message: &str) -> Error {
    Error::new(ErrorKind::NoCredential, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::Method;
    use rstest::rstest;

    fn redirected(variables: &[(&str, &str)]) -> Request {
        let environment = Environment::from_pairs(variables.iter().copied());
        let asked =
            "http://10.0.0.1/another?api-version=2019-08-01&resource=https%3A%2F%2Fr&client_id=c";
        let mut request = Request::new(asked.parse().expect("a URL"), Method::Get);
        request.insert_header(SECRET_HEADER, "the process's own");
        let endpoint = Endpoint::from_environment(&environment).expect("an endpoint");
        endpoint.redirect(&request)
    }

    #[rstest]
    #[case::app_service(&[("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token"), ("IDENTITY_HEADER", "h")],
        "http://127.0.0.1:1/msi/token", Some("h"))]
    #[case::virtual_machine(&[], "http://169.254.169.254/metadata/identity/oauth2/token", None)]
    #[case::stand_in(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:2/")],
        "http://127.0.0.1:2/metadata/identity/oauth2/token", None)]
    fn a_request_goes_to_the_given_endpoint_and_takes_no_other_secret_there(
        #[case] variables: &[(&str, &str)],
        #[case] address: &str,
        #[case] secret: Option<&str>,
    ) {
        let request = redirected(variables);
        let query = "api-version=2019-08-01&resource=https%3A%2F%2Fr&client_id=c";
        assert_eq!(request.url().as_str(), format!("{address}?{query}"));
        assert_eq!(request.headers().get_optional_str(&SECRET_HEADER), secret);
    }
}

//! The HTTP client that credentials use: rustls with an explicit provider, no proxy in front of a metadata endpoint, and
//! a memory of what was answered last, so that a timeout can say why nothing came.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use azure_core::http::{self, AsyncRawResponse, HttpClient, Request, Url};

use crate::{Error, ErrorKind, RootCertificates, connect::chain};

/// As the Azure SDKs for Python, JavaScript and .NET read it.
const METADATA_HOST_VARIABLE: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const METADATA_ADDRESS: &str = "169.254.169.254";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether requests honour `HTTP_PROXY` and `HTTPS_PROXY`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Via {
    /// For metadata endpoints, which live on this machine: their secret header must not reach a proxy.
    Direct,
    SystemProxy,
}

#[derive(Clone, Debug)]
pub(super) struct Transport(Arc<Client>);

#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    metadata_host: Option<Url>,
    last_answer: Mutex<Option<String>>,
}

impl Transport {
    pub(super) fn new(via: Via) -> Result<Self, Error> {
        let roots = match via {
            // Metadata endpoints speak plain HTTP, also in images without a certificate store.
            Via::Direct => Vec::new(),
            Via::SystemProxy => RootCertificates::Platform.to_der()?,
        };
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured((*entra_pg_rustls::client_config(roots)).clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        let http = match via {
            Via::Direct => builder.no_proxy(),
            Via::SystemProxy => builder,
        }
        .build()
        .map_err(|error| {
            Error::new(
                ErrorKind::NoCredential,
                format!("no HTTP client: {}", chain(&error)),
            )
            .with_hint("check HTTP_PROXY and HTTPS_PROXY")
        })?;
        Ok(Self(Arc::new(Client {
            http,
            metadata_host: metadata_host()?,
            last_answer: Mutex::default(),
        })))
    }

    pub(super) fn lend(&self) -> http::Transport {
        http::Transport::new(self.0.clone())
    }

    pub(super) fn last_answer(&self) -> Option<String> {
        self.0.memory().clone()
    }

    pub(super) fn forget(&self) {
        *self.0.memory() = None;
    }
}

fn metadata_host() -> Result<Option<Url>, Error> {
    let Some(text) = std::env::var(METADATA_HOST_VARIABLE)
        .ok()
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    match Url::parse(&text) {
        Ok(url) if url.scheme() == "http" && url.has_host() => Ok(Some(url)),
        _ => Err(Error::new(
            ErrorKind::NoCredential,
            format!("{METADATA_HOST_VARIABLE} is not an http:// address"),
        )
        .with_hint("correct it, or unset it")),
    }
}

impl Client {
    /// The Azure SDKs for other languages let a variable stand in for the address of the metadata service; that for Rust
    /// does not.
    fn redirected<'a>(&self, request: &'a Request) -> Cow<'a, Request> {
        let Some(host) = &self.metadata_host else {
            return Cow::Borrowed(request);
        };
        if request.url().host_str() != Some(METADATA_ADDRESS) {
            return Cow::Borrowed(request);
        }
        let mut request = request.clone();
        let url = request.url_mut();
        // None of these can fail between two HTTP URLs.
        let _ = url.set_scheme(host.scheme());
        let _ = url.set_host(host.host_str());
        let _ = url.set_port(host.port());
        Cow::Owned(request)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.last_answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let request = self.redirected(request);
        let mut address = request.url().clone();
        address.set_query(None);
        let result = self.http.execute_request(&request).await;
        *self.memory() = Some(match &result {
            Ok(response) => format!("{address} answered HTTP {}", response.status()),
            Err(error) => format!("{address}: {}", chain(error)),
        });
        result
    }
}

//! The HTTP client that credentials use: rustls with an explicit provider, no proxy in front of an endpoint on this machine,
//! and a memory of the last response, so that a timeout can report why there is no token.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use azure_core::{
    cloud::CustomConfiguration,
    error::ErrorKind as AzureKind,
    http::{
        self, AsyncRawResponse, AsyncResponseBody, ClientOptions, HttpClient, RawResponse, Request,
        RetryOptions, StatusCode, headers::Headers,
    },
};
use futures::TryStreamExt;
use reqwest::{ClientBuilder, NoProxy, Proxy};

use super::{
    endpoint::Endpoint,
    failure::{Final, is_transient},
    token_response,
    variables::authority_host,
};
use crate::{
    Error, ErrorKind, RootCertificates, Scope, connect::chain, environment::Environment,
    workers::keep_awake,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// A token has some thousand bytes.
const LONGEST_RESPONSE: usize = 1 << 20;

#[derive(Clone)]
pub(crate) struct Transport {
    client: Arc<Client>,
    /// Where Microsoft Entra is, if not in the cloud of the scope.
    authority_host: Option<String>,
}

struct Client {
    http: reqwest::Client,
    endpoint: Option<Endpoint>,
    last_response: Mutex<Option<String>>,
}

impl Transport {
    /// To an endpoint on this machine. It speaks plain HTTP, also in images without a certificate store, and the secret in
    /// its header must not reach a proxy.
    pub(super) fn to_endpoint(endpoint: Endpoint) -> Result<Self, Error> {
        let http = client(&[]).no_proxy();
        Self::new(http, Some(endpoint), None)
    }

    /// To Microsoft Entra, through the proxy that the environment names.
    pub(super) fn to_entra(environment: &Environment) -> Result<Self, Error> {
        let roots = RootCertificates::platform_in(environment)?;
        let mut http = client(&roots).no_proxy();
        if let Some(proxy) = proxy(environment)? {
            http = http.proxy(proxy);
        }
        Self::new(http, None, authority_host(environment)?)
    }

    fn new(
        http: ClientBuilder,
        endpoint: Option<Endpoint>,
        authority_host: Option<String>,
    ) -> Result<Self, Error> {
        let http = http.build().map_err(|error| no_client(&error))?;
        Ok(Self {
            client: Arc::new(Client {
                http,
                endpoint,
                last_response: Mutex::default(),
            }),
            authority_host,
        })
    }

    /// Without retries: the cache spaces the requests. (The credential for virtual machines overrides this, which [`Final`]
    /// prevents.)
    pub(super) fn client_options(&self, scope: &Scope) -> ClientOptions {
        // Always set, because the Azure SDK would look into the process's own environment.
        let authority_host = self.authority_host.as_deref();
        let mut cloud = CustomConfiguration::default();
        let authority_host = authority_host.unwrap_or(scope.authority_host());
        authority_host.clone_into(&mut cloud.authority_host);
        ClientOptions {
            transport: Some(http::Transport::new(self.client.clone())),
            cloud: Some(Arc::new(cloud.into())),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        }
    }

    pub(super) fn last_response(&self) -> Option<String> {
        self.client.memory().clone()
    }

    pub(super) fn forget(&self) {
        *self.client.memory() = None;
    }
}

fn client(roots: &[Vec<u8>]) -> ClientBuilder {
    let tls = entra_pg_rustls::client_config(roots);
    reqwest::Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
}

/// As reqwest reads it from the process's own environment. Microsoft Entra is reached by HTTPS only.
fn proxy(environment: &Environment) -> Result<Option<Proxy>, Error> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let Some(url) = environment.first(&names) else {
        return Ok(None);
    };
    let except = environment.first(&["NO_PROXY", "no_proxy"]);
    let proxy = Proxy::all(url).map_err(|error| no_client(&error))?;
    Ok(Some(proxy.no_proxy(except.and_then(NoProxy::from_string))))
}

fn no_client(error: &reqwest::Error) -> Error {
    Error::new(
        ErrorKind::NoCredential,
        format!("no HTTP client: {}", chain(error)),
    )
    .with_hint("check HTTPS_PROXY and ALL_PROXY")
}

impl Client {
    fn memory(&self) -> MutexGuard<'_, Option<String>> {
        self.last_response
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        // Preliminary answers without end are read without a pause.
        let _awake = keep_awake();
        let mut address = request.url().clone();
        address.set_query(None);
        let result = self.http.execute_request(request).await;
        *self.memory() = Some(match &result {
            Ok(response) => format!("{address} returned HTTP {}", response.status()),
            Err(error) => format!("{address}: {}", chain(error)),
        });
        let (status, headers, body) = result?.deconstruct();
        let body = read(body).await?;
        if is_transient(status) {
            return Err(failure(status, headers, &body));
        }
        let now = azure_core::time::OffsetDateTime::now_utc();
        let body = if status.is_success() {
            token_response::normalise(body, now.unix_timestamp())?
        } else {
            body
        };
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = match &self.endpoint {
            Some(endpoint) => self.send(&endpoint.redirect(request)).await,
            None => self.send(request).await,
        };
        response.map_err(Final::error)
    }
}

/// All of a response, unless it is too long for a token.
async fn read(mut body: AsyncResponseBody) -> azure_core::Result<Vec<u8>> {
    let mut read = Vec::new();
    while let Some(chunk) = body.try_next().await? {
        if read.len() + chunk.len() > LONGEST_RESPONSE {
            let text = format!("the response is longer than {LONGEST_RESPONSE} bytes");
            return Err(azure_core::Error::with_message(
                AzureKind::DataConversion,
                text,
            ));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

/// With the endpoint's words, whatever their format.
fn failure(status: StatusCode, headers: Headers, body: &[u8]) -> azure_core::Error {
    let response = RawResponse::from_bytes(status, headers, Vec::new());
    let kind = AzureKind::HttpResponse {
        status,
        error_code: None,
        raw_response: Some(Box::new(response)),
    };
    azure_core::Error::with_message(kind, String::from_utf8_lossy(body).into_owned())
}

/// A proxy's address may hold a password.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

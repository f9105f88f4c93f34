//! Emulators and credentials for the tests.
//!
//! Tests that change nothing share an emulator; it runs on its own thread, since each test has its own runtime. It goes
//! when the process does: its supervisor sees to that.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use azure_core::{
    cloud::CustomConfiguration,
    credentials::Secret,
    http::{ClientOptions, HttpClient, RetryOptions, Transport},
};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use entra_pg_core::{Entra, RefreshPolicy, RootCertificates, Target};
use entra_pg_emulator::{CredentialSource, Emulator, EmulatorBuilder};

pub const SHORT_LIFETIME: Duration = Duration::from_secs(4);

/// Tokens of an hour. Change nothing in it.
pub fn shared() -> &'static Emulator {
    static SHARED: OnceLock<Emulator> = OnceLock::new();
    SHARED.get_or_init(|| start_aside(Emulator::builder().role("app").role("other")))
}

/// Tokens of a few seconds. Change nothing in it.
pub fn short_lived() -> &'static Emulator {
    static SHORT: OnceLock<Emulator> = OnceLock::new();
    SHORT.get_or_init(|| {
        start_aside(
            Emulator::builder()
                .role("app")
                .token_lifetime(SHORT_LIFETIME),
        )
    })
}

/// Tokens of an hour. Tables may be made in it, under names that are [`unique`].
pub fn scratch() -> &'static Emulator {
    static SCRATCH: OnceLock<Emulator> = OnceLock::new();
    SCRATCH.get_or_init(|| start_aside(Emulator::builder().role("app")))
}

/// A server without TLS. Change nothing in it.
pub fn without_tls() -> &'static Emulator {
    static PLAIN: OnceLock<Emulator> = OnceLock::new();
    PLAIN.get_or_init(|| start_aside(Emulator::builder().role("app").without_tls()))
}

fn start_aside(builder: EmulatorBuilder) -> Emulator {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            sender.send(builder.start().await).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    receiver
        .recv_timeout(Duration::from_secs(120))
        .expect("the emulator's thread lives")
        .expect("the emulator starts")
}

/// With the real credential for a client secret, against the emulator's Entra endpoint.
pub fn entra(emulator: &Emulator) -> Entra {
    Entra::new(credential(emulator))
}

pub fn credential(emulator: &Emulator) -> Arc<ClientSecretCredential> {
    let retry = RetryOptions::default();
    credential_over(emulator, Arc::new(http(emulator)), retry)
}

/// For tests that count requests, however slow the machine is.
pub fn no_second_request() -> RefreshPolicy {
    let mut policy = RefreshPolicy::default();
    policy.hedge_after = Duration::MAX;
    policy
}

/// An HTTP client that trusts the emulator.
pub fn http(emulator: &Emulator) -> reqwest::Client {
    let tls = RootCertificates::from_pem(emulator.ca_pem())
        .and_then(|roots| roots.to_der())
        .map(entra_pg_rustls::client_config)
        .expect("the emulator's certificate");
    reqwest::Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .no_proxy()
        .build()
        .expect("an HTTP client")
}

/// The same credential over an HTTP client of the test's own.
pub fn credential_over(
    emulator: &Emulator,
    http: Arc<dyn HttpClient>,
    retry: RetryOptions,
) -> Arc<ClientSecretCredential> {
    let environment: HashMap<_, _> = emulator
        .environment(CredentialSource::ClientSecret)
        .into_iter()
        .collect();
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = emulator.authority_host();
    let options = ClientSecretCredentialOptions {
        client_options: ClientOptions {
            transport: Some(Transport::new(http)),
            retry,
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        },
    };
    ClientSecretCredential::new(
        &environment["AZURE_TENANT_ID"],
        environment["AZURE_CLIENT_ID"].clone(),
        Secret::new(environment["AZURE_CLIENT_SECRET"].clone()),
        Some(options),
    )
    .expect("a credential")
}

/// The emulator's URL with its own root certificate, and an application name which identifies one test's connections.
pub fn url(emulator: &Emulator, application: &str) -> String {
    format!(
        "{}?sslrootcert={}&application_name={application}",
        emulator.url(),
        emulator.ca_file().display()
    )
}

pub fn target(emulator: &Emulator, application: &str) -> Target {
    Target::parse(&url(emulator, application)).expect("the emulator's URL")
}

/// A name that no other test uses.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub async fn connections(emulator: &Emulator, application: &str) -> u32 {
    let sql =
        format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}'");
    let count = emulator
        .control()
        .execute(&sql)
        .await
        .expect("the server answers");
    count.trim().parse().expect("a number")
}

/// Waits until `done` holds. The deadline is for a test that would hang, not for a machine that is slow.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let limit = Duration::from_secs(60);
    let wait = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(
        tokio::time::timeout(limit, wait).await.is_ok(),
        "not within {limit:?}: {what}"
    );
}

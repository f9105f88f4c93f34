//! What servers say reaches users with its cause and cure, through every adapter and the proxy.
//!
//! The texts are real where a source is known: see `connect/rejection.rs` and `connect/refusal.rs` of the core.

use entra_pg_core::{Entra, Error, ErrorKind, Rejection, RootCertificates, Target};
use entra_pg_proxy::Proxy;
use entra_pg_tests::{
    adapters::{ALL, NamedAdapter, named},
    refusing_server::RefusingServer,
};
use entra_pg_tokio_postgres::tokio_postgres::{Config, NoTls};
use futures::future::join_all;

use crate::fixtures::{entra, shared, short_lived};

/// SQLSTATE, message, kind, and a part of the cure.
type Row = (&'static str, &'static str, ErrorKind, &'static str);

const fn rejected(rejection: Rejection) -> ErrorKind {
    ErrorKind::Rejected(rejection)
}

const REFUSALS: [Row; 19] = [
    // Azure.
    (
        "28P01",
        "password authentication failed for user \"app\"",
        rejected(Rejection::Other),
        "pgaadauth_create_principal_with_oid",
    ),
    (
        "28000",
        "The access token has expired. Acquire a new token and try again.",
        rejected(Rejection::Expired),
        "clock",
    ),
    (
        "28000",
        "The access token has invalid format",
        rejected(Rejection::Format),
        "enabled",
    ),
    (
        "28000",
        "The access token does not have a valid audience claim. Please acquire a new token for the resource \"https://ossrdbms-aad.database.windows.net\".",
        rejected(Rejection::Audience),
        "scope",
    ),
    (
        "28000",
        "Service Principals cannot generate AAD_AUTH_TOKENTYPE_APP_USER tokens for role[expired]",
        rejected(Rejection::TokenType),
        "recreate",
    ),
    (
        "28000",
        "Microsoft Entra user token for role \"app\" is neither an AAD_AUTH_TOKENTYPE_APP_USER or an AAD_AUTH_TOKENTYPE_APP_OBO token.",
        rejected(Rejection::TokenType),
        "recreate",
    ),
    (
        "28000",
        "Azure AD access token not valid for role app readers (does not contain group ID ba0ea787-9e71-4e9e-834d-71aa7f32361b)",
        rejected(Rejection::NotInGroup),
        "add the principal to the group",
    ),
    (
        "28000",
        "role \"app\" does not exist",
        rejected(Rejection::UnknownRole),
        "create the role",
    ),
    (
        "28000",
        "role \"app\" is not permitted to log in",
        rejected(Rejection::NoLogin),
        "LOGIN",
    ),
    (
        "28000",
        "no pg_hba.conf entry for host \"192.0.2.1\", user \"app\", database \"orders\", no encryption",
        ErrorKind::Connect,
        "firewall",
    ),
    (
        "XX000",
        "cannot read pg_class without having selected a database",
        ErrorKind::Connect,
        "version 18",
    ),
    (
        "3D000",
        "database \"orders\" does not exist",
        ErrorKind::Connect,
        "PGDATABASE",
    ),
    (
        "42501",
        "permission denied for database \"orders\"",
        ErrorKind::Connect,
        "CONNECT",
    ),
    // PgBouncer.
    (
        "08P01",
        "unsupported startup parameter: jit",
        ErrorKind::Connect,
        "ignore_startup_parameters",
    ),
    (
        "08P01",
        "no such database: orders",
        ErrorKind::Connect,
        "PGDATABASE",
    ),
    (
        "08P01",
        "no such user",
        rejected(Rejection::UnknownRole),
        "create the role",
    ),
    ("08P01", "password too long", ErrorKind::Connect, "5432"),
    (
        "08P01",
        "query_wait_timeout",
        ErrorKind::Connect,
        "default_pool_size",
    ),
    (
        "08P01",
        "no more connections allowed (max_client_conn)",
        ErrorKind::Connect,
        "limit",
    ),
];

/// Pools try these again until their own timeout, so they are tried where nothing does.
const PASSING: [Row; 4] = [
    (
        "53300",
        "sorry, too many clients already",
        ErrorKind::Connect,
        "make the pools smaller",
    ),
    (
        "53300",
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        ErrorKind::Connect,
        "make the pools smaller",
    ),
    (
        "57P03",
        "the database system is starting up",
        ErrorKind::Connect,
        "wait",
    ),
    (
        "57P03",
        "the database system is not yet accepting connections",
        ErrorKind::Connect,
        "wait",
    ),
];

fn url(server: &RefusingServer) -> String {
    format!("postgres://app@localhost:{}/orders", server.port)
}

/// With certificates of its own: to read the platform's takes long, for so many.
fn target(server: &RefusingServer) -> Target {
    let roots = RootCertificates::from_pem(shared().ca_pem()).expect("certificates");
    let target = Target::parse(&url(server)).expect("a URL");
    let target = target.with_root_certificates(roots);
    target.dangerously_without_tls().expect("loopback")
}

async fn refused(adapter: NamedAdapter, server: &RefusingServer, entra: &Entra) -> Error {
    let (url, target) = (url(server), target(server));
    let error = adapter
        .adapter
        .open_sized(&url, target, entra, 1)
        .await
        .err();
    error.unwrap_or_else(|| panic!("{}: not refused", adapter.name))
}

fn check(name: &str, (_, message, kind, cure): Row, error: &Error) {
    assert_eq!(error.kind(), kind, "{name}: {error}");
    assert!(error.message().contains(message), "{name}: {error}");
    assert!(error.hint().contains(cure), "{name}: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_adapter_tells_cause_and_cure() {
    let entra = entra(shared());
    let tries = ALL
        .into_iter()
        .flat_map(|adapter| REFUSALS.map(|row| (adapter, row)));
    let tries = tries.map(|(adapter, row)| {
        let entra = entra.clone();
        tokio::spawn(async move {
            let server = RefusingServer::start(row.0, row.1).await;
            check(adapter.name, row, &refused(adapter, &server, &entra).await);
        })
    });
    for tried in join_all(tries).await {
        tried.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

#[tokio::test]
async fn another_token_is_requested_only_where_one_can_help() {
    for row in REFUSALS.into_iter().chain(PASSING) {
        // A cache of its own: it requests another token after a refusal, and then waits. For tokens of a few seconds the
        // Azure SDK asks the endpoint each time.
        let entra = entra(short_lived());
        let server = RefusingServer::start(row.0, row.1).await;
        let error = refused(named("tokio-postgres"), &server, &entra).await;
        check("tokio-postgres", row, &error);
        let helps =
            matches!(error.kind(), ErrorKind::Rejected(rejection) if rejection.is_retryable());
        assert_eq!(server.logins(), if helps { 2 } else { 1 }, "{error}");
        assert_eq!(error.is_transient(), is_passing(row), "{error}");
    }
}

fn is_passing((sqlstate, message, ..): Row) -> bool {
    let pooler_is_busy =
        sqlstate == "08P01" && (message.contains("timeout") || message.contains("max_client_conn"));
    pooler_is_busy || ["53300", "57P03"].contains(&sqlstate)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_keeps_cause_and_cure_and_passes_the_words_on() {
    let entra = entra(shared());
    for row in REFUSALS.into_iter().chain(PASSING) {
        let server = RefusingServer::start(row.0, row.1).await;
        let provider = entra.login_provider(target(&server)).expect("a provider");
        let proxy = Proxy::builder(provider);
        let proxy = proxy.bind_tcp(([127, 0, 0, 1], 0).into()).expect("a port");
        let mut config = Config::new();
        config
            .host(proxy.address().host())
            .port(proxy.address().port());
        let refused = config
            .user("anyone")
            .connect(NoTls)
            .await
            .err()
            .expect("refused");
        let refused = refused.as_db_error().expect("the server's error");
        assert_eq!(refused.code().code(), row.0);
        assert!(refused.message().contains(row.1), "{refused}");
        check("proxy", row, &proxy.last_error().expect("it is kept"));
        proxy.close().await;
    }
}

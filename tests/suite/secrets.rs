//! No secret is ever printed: not in a log at TRACE of any crate, not in an error, not in a `Debug` output, not in a panic.

use std::{collections::HashMap, fs, process::Stdio, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE};
use entra_pg_emulator::{Control, CredentialSource, Emulator, Fault};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rstest::rstest;
use tokio::{net::TcpListener, process::Command};

use crate::probe::emulator_command;

const ALL_SOURCES: [CredentialSource; 8] = [
    CredentialSource::ManagedIdentity,
    CredentialSource::Imds,
    CredentialSource::WorkloadIdentity,
    CredentialSource::ClientSecret,
    CredentialSource::ClientCertificate,
    CredentialSource::GitHubActions,
    CredentialSource::AzurePipelines,
    CredentialSource::AzureCli,
];

// ---------------------------------------------------------------------------------------------------------- the search

/// Every JSON Web Token begins with the base64 of `{"`, and its own base64 with that of `eyJ`.
const ANY_TOKEN: [&str; 2] = ["eyJ", "ZXlK"];

/// A secret in all the shapes in which programs write strings: as it is, percent-encoded, in base64 wherever it begins within
/// a longer text, in hexadecimal, and as the numbers of its bytes.
fn shapes(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut shapes = vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        format!("{bytes:?}").trim_matches(['[', ']']).to_owned(),
    ];
    // Three bytes make four characters; those at the ends also depend on what stands before and after.
    for skipped in 0..3 {
        let whole = &bytes[skipped..bytes.len() - (bytes.len() - skipped) % 3];
        shapes.extend([BASE64_STANDARD.encode(whole), BASE64_URL_SAFE.encode(whole)]);
    }
    shapes
}

/// The parts of a token without which it is of no use: its signature. A log may have cut it short.
fn signature(token: &str) -> &str {
    let signature = token.rsplit('.').next().unwrap_or_default();
    &signature[..32]
}

/// What must not be printed after this source was used.
fn secrets(emulator: &Emulator, source: CredentialSource) -> Vec<(String, String)> {
    let environment: HashMap<_, _> = emulator.environment(source).into_iter().collect();
    let mut secrets: Vec<_> = emulator
        .control()
        .recorded_tokens()
        .iter()
        .map(|token| ("a token".to_owned(), signature(token).to_owned()))
        .collect();
    for name in [
        "IDENTITY_HEADER",
        "AZURE_CLIENT_SECRET",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "SYSTEM_ACCESSTOKEN",
    ] {
        if let Some(value) = environment.get(name) {
            secrets.push((name.to_owned(), value.clone()));
        }
    }
    if let Some(file) = environment.get("AZURE_FEDERATED_TOKEN_FILE") {
        let token = fs::read_to_string(file).expect("the federated token");
        secrets.push((
            "the federated token".to_owned(),
            signature(token.trim()).to_owned(),
        ));
    }
    if let Some(file) = environment.get("AZURE_CLIENT_CERTIFICATE_PATH") {
        let pem = fs::read_to_string(file).expect("the certificate");
        let (_, key) = pem.split_once("PRIVATE KEY-----\n").expect("its key");
        let line = key.lines().nth(10).expect("a line in the middle");
        secrets.push(("the private key".to_owned(), line.to_owned()));
    }
    secrets
}

/// The first line that holds a secret, and which.
fn found(output: &str, secrets: &[(String, String)]) -> Option<String> {
    let shaped = secrets.iter().flat_map(|(what, secret)| {
        shapes(secret)
            .into_iter()
            .map(move |shape| (what.as_str(), shape))
    });
    let any = ANY_TOKEN.map(|shape| ("something like a token", shape.to_owned()));
    shaped.chain(any).find_map(|(what, shape)| {
        let line = output.lines().find(|line| line.contains(&shape))?;
        Some(format!("{what}: {line}"))
    })
}

// ------------------------------------------------------------------------------------------------------- what is searched

async fn run_leak_probe(
    emulator: &Emulator,
    source: CredentialSource,
    change: &[(&str, &str)],
) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-pg-leak-probe"));
    for name in emulator.conflicting_variables(source) {
        command.env_remove(name);
    }
    let output = command
        .envs(emulator.environment(source))
        .envs([("DATABASE_URL", quick(&emulator.url()))])
        .envs(change.iter().copied())
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    // It bounds a program that would hang, not one on a slow machine.
    let output = tokio::time::timeout(Duration::from_secs(600), output)
        .await
        .expect("it hangs")
        .expect("starts");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Pools only report a timeout; connects without a pool report the cause.
const HURRY: (&str, &str) = ("LEAK_PROBE_TIMEOUT", "1");

/// So that a server or an endpoint that hangs is soon given up.
fn quick(url: &str) -> String {
    format!("{url}?connect_timeout=3")
}

async fn start() -> Emulator {
    let builder = Emulator::builder()
        .role("app")
        .executable(emulator_command());
    let emulator = builder.start().await.expect("starts");
    emulator.control().record_tokens();
    emulator
}

async fn search(
    emulator: &Emulator,
    source: CredentialSource,
    change: &[(&str, &str)],
    during: &str,
) -> String {
    let output = run_leak_probe(emulator, source, change).await;
    let leak = found(&output, &secrets(emulator, source));
    assert_eq!(leak, None, "{during}, {source:?}");
    assert!(
        output.contains("\ndone"),
        "{during}, {source:?}: it did not end"
    );
    output
}

// -------------------------------------------------------------------------------------------------------------- the tests

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_prints_no_secret_whatever_the_credential() {
    let emulator = start().await;
    // A slow machine gets in, too.
    let url = format!("{}?connect_timeout=60", emulator.url());
    for source in ALL_SOURCES {
        let patient = [("DATABASE_URL", url.as_str())];
        let output = search(&emulator, source, &patient, "a connect").await;
        for crate_ in [
            "sqlx",
            "tokio_postgres",
            "hyper_util",
            "rustls",
            "entra_pg::connect",
        ] {
            // The Azure CLI speaks for itself.
            let over_http = crate_ != "hyper_util" || source != CredentialSource::AzureCli;
            assert!(
                output.contains(crate_) || !over_http,
                "{crate_} logs nothing"
            );
        }
        assert!(
            output.contains("PgPool") && output.contains("DatabaseConnection"),
            "{output}"
        );
        assert!(output.contains("panicked at") && output.contains("the secret is too short"));
    }
    assert!(emulator.control().recorded_tokens().len() >= ALL_SOURCES.len());
    emulator.stop().await.expect("stops");
}

/// One for each kind of secret that a request holds.
#[rstest]
#[case(CredentialSource::ManagedIdentity)]
#[case(CredentialSource::WorkloadIdentity)]
#[case(CredentialSource::ClientSecret)]
#[case(CredentialSource::ClientCertificate)]
#[case(CredentialSource::GitHubActions)]
#[case(CredentialSource::AzurePipelines)]
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_endpoint_prints_no_secret(#[case] source: CredentialSource) {
    let emulator = start().await;
    for fault in all_faults() {
        emulator.control().set_fault(Some(fault));
        let output = search(&emulator, source, &[HURRY], &fault.to_string()).await;
        assert!(output.contains("token failed: "), "{fault}: nothing failed");
    }
    emulator.stop().await.expect("stops");
}

/// As the emulator itself lists them.
fn all_faults() -> Vec<Fault> {
    let list = "?".parse::<Fault>().expect_err("unknown").to_string();
    let (_, names) = list.split_once("known are ").expect("a list");
    let names = names
        .split(", ")
        .map(|name| name.split('[').next().unwrap_or(name));
    let faults: Vec<Fault> = names.map(|name| name.parse().expect("a fault")).collect();
    assert!(faults.len() >= 10, "{faults:?}");
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_server_prints_no_secret() {
    let emulator = start().await;
    let control = emulator.control();
    let source = CredentialSource::ManagedIdentity;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent_port = silent.local_addr().expect("an address").port();
    let port = |port: u16| {
        let own = format!(":{}/", emulator.port());
        quick(&emulator.url().replace(&own, &format!(":{port}/")))
    };
    let url = |url: String| vec![("DATABASE_URL", url)];
    let nothing: fn(&Control) = |_| {};
    let not_yet_valid: fn(&Control) = |control| control.set_clock_skew(3600);
    let expired: fn(&Control) = |control| control.set_clock_skew(-7200);
    for (during, turn, change, expected) in [
        (
            "an unknown role",
            nothing,
            url(quick(&emulator.url_for("nobody"))),
            "refused the login",
        ),
        (
            "another host name",
            nothing,
            url(quick(&emulator.url().replace("localhost", "127.0.0.1"))),
            "could not be verified",
        ),
        (
            "no such database",
            nothing,
            url(quick(&emulator.url().replace("/postgres", "/nothing"))),
            "SQLSTATE 3D000",
        ),
        (
            "a server that is silent",
            nothing,
            url(port(silent_port)),
            "timed out after",
        ),
        ("no server", nothing, url(port(1)), "connection failed"),
        (
            "another audience",
            nothing,
            vec![("LEAK_PROBE_SCOPE", "https://vault.azure.net".to_owned())],
            "refused the login",
        ),
        (
            "a token of the future",
            not_yet_valid,
            Vec::new(),
            "refused the login",
        ),
        (
            "an expired token",
            expired,
            Vec::new(),
            "a token that expired",
        ),
    ] {
        turn(control);
        let change = change.iter().map(|(name, value)| (*name, value.as_str()));
        let change: Vec<_> = change.chain([HURRY]).collect();
        let output = search(&emulator, source, &change, during).await;
        assert!(
            output.contains(expected),
            "{during}: {expected:?} is not printed"
        );
        control.set_clock_skew(0);
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_and_a_server_without_tls_print_no_secret() {
    let revoked = start().await;
    let control = revoked.control();
    let source = CredentialSource::ManagedIdentity;
    control.set_repeat_tokens(true);
    search(&revoked, source, &[], "before it is revoked").await;
    control.revoke("app").expect("a role");
    let output = search(&revoked, source, &[HURRY], "a revoked token").await;
    assert!(output.contains("refused the login"), "{output}");
    revoked.stop().await.expect("stops");

    let plain = Emulator::builder().role("app").without_tls().start();
    let plain = plain.await.expect("starts");
    plain.control().record_tokens();
    let output = search(&plain, source, &[HURRY], "no TLS").await;
    assert!(output.contains("server does not support TLS"), "{output}");
    plain.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_the_url_is_not_repeated() {
    let emulator = start().await;
    let url = emulator.url().replace("app@", "app:hunter2hunter2@");
    let source = CredentialSource::ManagedIdentity;
    let output = search(&emulator, source, &[("DATABASE_URL", &url)], "a password").await;
    assert!(output.contains("the URL holds a password"));
    let password = [("the password".to_owned(), "hunter2hunter2".to_owned())];
    assert_eq!(found(&output, &password), None);
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_printed_is_found() {
    let emulator = start().await;
    let source = CredentialSource::ManagedIdentity;
    let output = run_leak_probe(&emulator, source, &[("LEAK_PROBE_PLANT", "1")]).await;
    let leak = found(&output, &secrets(&emulator, source)).expect("it was planted");
    assert!(leak.starts_with("a token: planted: "), "{leak}");
    emulator.stop().await.expect("stops");
}

#[test]
fn a_secret_is_found_in_every_shape() {
    let secret = "s3cret+/with~signs&more=1234567890";
    let secrets = [("it".to_owned(), secret.to_owned())];
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for output in [
        format!("before {secret} after"),
        format!(
            "client_secret={}",
            utf8_percent_encode(secret, NON_ALPHANUMERIC)
        ),
        BASE64_STANDARD.encode(secret),
        BASE64_STANDARD.encode(format!("u:{secret}:x")),
        BASE64_STANDARD.encode(format!("us:{secret}")),
        BASE64_URL_SAFE.encode(format!("use:{secret}!")),
        hex.to_uppercase(),
        hex,
        format!("{bytes:?}"),
        format!("{:?}", [b"x", bytes, b"yz"].concat()),
    ] {
        assert!(found(&output, &secrets).is_some(), "{output}");
    }
    assert_eq!(found("nothing of that kind", &secrets), None);
}

/// `Debug` output of a type is searched only if the leak probe prints it.
#[tokio::test(flavor = "multi_thread")]
async fn no_public_type_is_left_out() {
    let emulator = start().await;
    let output = search(
        &emulator,
        CredentialSource::ManagedIdentity,
        &[],
        "all types",
    )
    .await;
    let mut types = 0;
    for name in [
        "core/src/lib",
        "core/src/connect/mod",
        "diesel-async/src/lib",
        "proxy/src/lib",
        "sea-orm/src/lib",
        "sqlx/src/lib",
        "tokio-postgres/src/lib",
    ] {
        let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
        let source = fs::read_to_string(format!("{crates}/entra-pg-{name}.rs")).expect("a source");
        for public in public_types(&syn::parse_file(&source).expect("it compiles")) {
            types += 1;
            assert!(
                output.contains(&format!("\n{public}: ")),
                "{name}: {public}"
            );
        }
    }
    assert!(types >= 30, "only {types} were found");
    emulator.stop().await.expect("stops");
}

/// The types that a module exports. Traits have no `Debug`, nor have the driver's connection and its stream.
fn public_types(file: &syn::File) -> Vec<String> {
    const WITHOUT: [&str; 3] = ["IntoTarget", "Connection", "TlsStream"];
    let mut names = Vec::new();
    for item in &file.items {
        if let syn::Item::Use(exported) = item
            && matches!(exported.vis, syn::Visibility::Public(_))
        {
            leaves(&exported.tree, &mut names);
        }
    }
    names.retain(|name| name.starts_with(char::is_uppercase) && !WITHOUT.contains(&name.as_str()));
    names
}

fn leaves(tree: &syn::UseTree, names: &mut Vec<String>) {
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, names),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        syn::UseTree::Name(name) => names.push(name.ident.to_string()),
        syn::UseTree::Rename(renamed) => names.push(renamed.rename.to_string()),
        syn::UseTree::Glob(_) => {}
    }
}

//! Each fault is produced on purpose, and named by the check that meets it, with its cure.

use std::{net::TcpListener, time::Duration};

use entra_pg_emulator::{Emulator, Fault, Identity, IdentityKind, TokenSpec};
use rstest::rstest;
use tokio::process::Command;

use crate::{
    fixtures::{self, PERSON, bare, outcome, shared, signed_in},
    servers,
};

/// What the doctor must have found.
struct Diagnosis {
    check: &'static str,
    status: i32,
    cause: &'static str,
    cure: &'static str,
}

const fn found(
    check: &'static str,
    status: i32,
    cause: &'static str,
    cure: &'static str,
) -> Diagnosis {
    Diagnosis {
        check,
        status,
        cause,
        cure,
    }
}

async fn examine(what: &str, mut command: Command, expected: &Diagnosis) {
    command.arg("--json");
    let said = outcome(command).await;
    let report: serde_json::Value = serde_json::from_str(&said.stdout)
        .unwrap_or_else(|_| panic!("{what}: {}{}", said.stdout, said.stderr));
    let checks = report["checks"].as_array().expect("a list");
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check["status"] == "failed")
        .collect();
    assert_eq!(said.status, expected.status, "{what}: {report:#}");
    assert_eq!(report["exit_status"], said.status, "{what}");
    assert_eq!(failed.len(), 1, "{what}: {report:#}");
    assert_eq!(failed[0]["check"], expected.check, "{what}: {report:#}");
    let cause = failed[0]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains(expected.cause), "{what}: {report:#}");
    let cures = failed[0]["cures"].as_array().expect("a list");
    let named = cures.iter().any(|cure| {
        cure.as_str()
            .is_some_and(|cure| cure.contains(expected.cure))
    });
    assert!(named, "{what}: {report:#}");
    assert!(
        !said.stdout.contains("eyJ") && said.stderr.is_empty(),
        "{what}"
    );
}

fn doctor(emulator: &Emulator, url: &str) -> Command {
    fixtures::command(emulator, &["doctor", url])
}

const RETRY: Fault = Fault::TooManyRequests {
    retry_after: Duration::from_secs(60),
};

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_token_endpoint() {
    let emulator = Emulator::builder().start().await.expect("starts");
    let url = format!("{}?connect_timeout=3", emulator.url());
    for (fault, cause, cure) in [
        (Fault::BadRequest, "HTTP 400", "assign the identity"),
        (Fault::InternalServerError, "500", "retried"),
        (Fault::ServiceUnavailable, "503", "retried"),
        (RETRY, "429", ""),
        (Fault::Html, "no token", "another service or a proxy"),
        (Fault::Garbage, "no token", "another service or a proxy"),
        (
            Fault::EmptyToken,
            "an empty token",
            "the endpoint has a bug",
        ),
        (
            Fault::NoExpiry,
            "holds a token, but not when it expires",
            "must give expires_on or expires_in",
        ),
        (Fault::Hang, "within 3 s", "can be reached"),
        (Fault::Reset, "msi/token", "can be reached"),
    ] {
        emulator.control().set_fault(Some(fault));
        let expected = found("token", 4, cause, cure);
        examine(&fault.to_string(), doctor(&emulator, &url), &expected).await;
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_disagree() {
    let emulator = Emulator::builder().start().await.expect("starts");
    let url = emulator.url();
    for (skew, expected) in [
        (
            -7_200,
            found("token", 4, "expired", "set this machine's clock"),
        ),
        (
            3_600,
            found(
                "login",
                6,
                "the server refused the login",
                "the token becomes valid only in 59m",
            ),
        ),
    ] {
        emulator.control().set_clock_skew(skew);
        examine(&format!("skew {skew}"), doctor(&emulator, &url), &expected).await;
    }
    emulator.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_identity() {
    let emulator = Emulator::builder().start().await.expect("starts");
    let url = emulator.url();
    emulator.control().set_repeat_tokens(true);
    let healthy = outcome(doctor(&emulator, &url)).await;
    assert_eq!(healthy.status, 0, "{}", healthy.stdout);
    emulator.control().revoke("app").expect("a role");
    let expected = found("login", 6, "refused the login", "the token was revoked");
    examine("revoked", doctor(&emulator, &url), &expected).await;
    emulator.stop().await.expect("stops");
}

#[rstest]
#[case::not_mapped(
    "nobody@",
    "_with_oid('nobody', 'da354b4c-a70c-58fd-8cef-780f7570f553', 'service', false, false);"
)]
#[case::wrong_case("App@", "the principal is called app")]
#[tokio::test]
async fn a_role_that_is_not_the_principals(#[case] role: &str, #[case] cure: &'static str) {
    let url = shared().url().replace("app@", role);
    let expected = found("login", 6, "the server refused the login", cure);
    examine(role, doctor(shared(), &url), &expected).await;
}

#[tokio::test]
async fn a_database_that_does_not_exist() {
    let url = shared().url().replace("/postgres", "/nowhere");
    let expected = found("login", 6, "3D000", "CREATE DATABASE \"nowhere\";");
    examine("database", doctor(shared(), &url), &expected).await;
}

#[tokio::test]
async fn tokens_that_the_server_does_not_take() {
    let mint = |spec| shared().control().mint(spec).expect("a token");
    for (what, token, expected) in [
        (
            "another service's",
            mint(TokenSpec::new("app").audience("https://vault.azure.net")),
            found(
                "token",
                4,
                "for https://vault.azure.net",
                "check it, and the scope",
            ),
        ),
        (
            "expired",
            mint(TokenSpec::new("app").expired()),
            found("token", 4, "expired 1m", "sign in again"),
        ),
        (
            "of another key",
            mint(TokenSpec::new("app").signed_by_other_key()),
            found("login", 6, "refused the login", "issued by the tenant"),
        ),
        (
            "no token",
            "nonsense".to_owned(),
            found("login", 6, "refused the login", "does not exist"),
        ),
    ] {
        let az = fixtures::az(&token);
        let command = signed_in(shared(), &az, &["doctor"]);
        examine(what, command, &expected).await;
    }
}

#[tokio::test]
async fn a_server_of_another_cloud() {
    let emulator = Emulator::builder()
        .audience("https://ossrdbms-aad.database.usgovcloudapi.net")
        .start()
        .await
        .expect("starts");
    let expected = found("login", 6, "refused the login", "with --scope");
    examine("cloud", doctor(&emulator, &emulator.url()), &expected).await;
    let scope = "https://ossrdbms-aad.database.usgovcloudapi.net";
    let cured = fixtures::run(&emulator, &["doctor", "--scope", scope]).await;
    assert_eq!(cured.status, 0, "{}", cured.stdout);
    emulator.stop().await.expect("stops");
}

#[tokio::test]
async fn a_group_that_one_is_no_member_of() {
    let emulator = Emulator::builder()
        .role("developers")
        .identity(Identity::new(PERSON, IdentityKind::User))
        .start()
        .await
        .expect("starts");
    let az = fixtures::az(
        &emulator
            .control()
            .mint(TokenSpec::new(PERSON))
            .expect("a token"),
    );
    let url = emulator.url_for("developers");
    let command = signed_in(&emulator, &az, &["doctor", &url]);
    let expected = found(
        "login",
        6,
        "refused the login",
        "role-sql --name 'developers' --type group",
    );
    examine("group", command, &expected).await;
    emulator.stop().await.expect("stops");
}

#[tokio::test]
async fn no_credential() {
    for (what, variables, cause, cure) in [
        ("none", &[][..], "names no credential", "run az login"),
        (
            "incomplete",
            &[("AZURE_CLIENT_SECRET", "hunter2")],
            "needs AZURE_TENANT_ID and AZURE_CLIENT_ID",
            "set AZURE_TENANT_ID",
        ),
        (
            "unknown",
            &[("AZURE_TOKEN_CREDENTIALS", "nonsense")],
            "is nonsense",
            "use one of",
        ),
    ] {
        let url = format!(
            "{}?sslrootcert={}",
            shared().url(),
            shared().ca_file().display()
        );
        let mut command = bare(&["doctor", &url]);
        command
            .env("PATH", "/nonexistent")
            .envs(variables.iter().copied());
        examine(what, command, &found("credential", 3, cause, cure)).await;
    }
}

#[rstest]
#[case::password("postgres://app:hunter2@localhost/x", "holds a password", "remove it")]
#[case::sslmode(
    "postgres://app@localhost/x?sslmode=prefer",
    "clear text",
    "verify-full"
)]
#[case::parameter("postgres://app@localhost/x?sslmod=x", "sslmod", "known are")]
#[case::roots(
    "postgres://app@localhost/x?sslrootcert=/nonexistent",
    "/nonexistent",
    "sslrootcert"
)]
#[tokio::test]
async fn a_configuration_that_cannot_be_used(
    #[case] url: &str,
    #[case] cause: &'static str,
    #[case] cure: &'static str,
) {
    let expected = found("configuration", 3, cause, cure);
    examine(url, doctor(shared(), url), &expected).await;
}

#[tokio::test]
async fn servers_that_cannot_be_reached() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port");
    let url = format!("postgres://app@localhost:{}/x", closed.port());
    let expected = found("tcp", 5, "refused", "nothing listens there");
    examine("closed port", doctor(shared(), &url), &expected).await;
    let url = "postgres://app@no-such-server.invalid/x";
    let expected = found("dns", 5, "no-such-server.invalid was not found", "spelling");
    examine("unknown host", doctor(shared(), url), &expected).await;
}

#[tokio::test]
async fn servers_that_cannot_be_verified() {
    let plain = Emulator::builder()
        .without_tls()
        .start()
        .await
        .expect("starts");
    let renamed = Emulator::builder()
        .tls_name("elsewhere.example")
        .start()
        .await
        .expect("starts");
    for (what, emulator, url, cause, cure) in [
        (
            "no TLS",
            &plain,
            plain.url(),
            "does not support TLS",
            "ssl=on",
        ),
        (
            "another name",
            &renamed,
            renamed.url(),
            "for elsewhere.example, not for localhost",
            "as the host in the URL",
        ),
        (
            "an address",
            shared(),
            shared().url().replace("localhost", "127.0.0.1"),
            "for localhost, not for 127.0.0.1",
            "as the host in the URL",
        ),
        (
            "another root",
            shared(),
            format!(
                "{}?sslrootcert={}",
                shared().url(),
                renamed.ca_file().display()
            ),
            "issued by CN=entra-pg emulator CA",
            "remove it from the URL",
        ),
    ] {
        let expected = found("tls", 5, cause, cure);
        examine(what, doctor(emulator, &url), &expected).await;
    }
    plain.stop().await.expect("stops");
    renamed.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_listens_there_is_no_healthy_server() {
    let expired = servers::expired_certificate().await;
    for (what, port, roots, cause, cure) in [
        (
            "silence",
            servers::silent().await,
            None,
            "timed out after 2 s",
            "does not answer",
        ),
        (
            "a hang-up",
            servers::hangs_up().await,
            None,
            "in place of a response to the request for TLS",
            "a PostgreSQL server's",
        ),
        (
            "HTTP",
            servers::says(b"HTTP/1.1 400\r\n").await,
            None,
            "speaks HTTP",
            "name and port",
        ),
        (
            "an expired certificate",
            expired.port,
            Some(expired.roots.path()),
            "expired on 2020-01-02",
            "renew the server's certificate",
        ),
    ] {
        let roots = roots.map_or_else(String::new, |path| {
            format!("&sslrootcert={}", path.display())
        });
        let url = format!("postgres://app@localhost:{port}/x?connect_timeout=2{roots}");
        examine(what, doctor(shared(), &url), &found("tls", 5, cause, cure)).await;
    }
}

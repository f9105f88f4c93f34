//! Which tokens log in, through psql and the command `token`.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

use crate::command::{PROGRAM, Running, TempRoot, text};

/// psql, from `PATH` or beside the server.
fn psql() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let configured = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .map(|output| text(&output.stdout))
        .unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    std::env::split_paths(&path)
        .chain([PathBuf::from(configured.trim())])
        .chain(debian)
        .map(|directory| directory.join("psql"))
        .find(|program| program.is_file())
        .expect("psql is needed for this test; it comes with PostgreSQL's client programs")
}

fn token(running: &Running, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("token")
        .args(arguments)
        .envs(&running.environment)
        .output()
        .unwrap()
}

fn log_in(running: &Running, password: &str) -> Output {
    let mut command = Command::new(psql());
    command.args([
        &running.environment["DATABASE_URL"],
        "-AtX",
        "-c",
        "SELECT current_user",
    ]);
    command
        .envs(&running.environment)
        .env("PGPASSWORD", password)
        .output()
        .unwrap()
}

#[test]
fn only_a_good_token_of_the_right_principal_logs_in() {
    let root = TempRoot::new();
    let running = Running::start(&root, &["--role", "app", "--role", "eve"]);
    let reason = || {
        let status = running.http("GET", "/control/status", "");
        let status: Value = serde_json::from_str(status.split_once("\r\n\r\n").unwrap().1).unwrap();
        (
            status["logins"].clone(),
            text(
                status["last_rejection"]
                    .as_str()
                    .unwrap_or_default()
                    .as_bytes(),
            ),
        )
    };

    let good = text(&token(&running, &[]).stdout).trim().to_owned();
    let output = log_in(&running, &good);
    assert_eq!(text(&output.stdout), "app\n", "{}", text(&output.stderr));

    for (arguments, expected) in [
        (&["--lifetime", "-60"][..], "token expired 6"),
        (&["--other-key"], "signature"),
        (
            &["--audience", "https://vault.azure.net"],
            "audience https://vault.azure.net",
        ),
        (&["--role", "eve"], "is not that of role app"),
    ] {
        let bad = text(&token(&running, arguments).stdout).trim().to_owned();
        let output = log_in(&running, &bad);
        assert!(
            !output.status.success() && text(&output.stderr).contains("authentication failed"),
            "{arguments:?}"
        );
        assert!(
            reason().1.contains(expected),
            "{arguments:?}: {}",
            reason().1
        );
    }

    assert!(
        running
            .http("POST", "/control/revoke?role=app", "")
            .contains(" 204 ")
    );
    assert!(!log_in(&running, &good).status.success());
    assert_eq!(
        reason(),
        (
            serde_json::json!({ "accepted": 1, "rejected": 5 }),
            "token revoked".into()
        )
    );
    assert!(
        log_in(&running, text(&token(&running, &[]).stdout).trim())
            .status
            .success(),
        "a newer token is good"
    );
}

#[test]
fn a_token_for_an_unknown_role_is_an_error_that_lists_the_roles() {
    let root = TempRoot::new();
    let running = Running::start(&root, &["--role", "app", "--role", "O'Brien"]);
    let output = token(&running, &["--role", "ghost"]);
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("known are app, O'Brien"),
        "{}",
        text(&output.stderr)
    );
    let alone = Command::new(PROGRAM)
        .args(["token", "--control", "http://127.0.0.1:1"])
        .output()
        .unwrap();
    assert!(
        text(&alone.stderr).contains("entra-pg-emulator run"),
        "{}",
        text(&alone.stderr)
    );
}

#[test]
fn the_stand_in_az_prints_what_the_real_one_does() {
    let root = TempRoot::new();
    let ask = [
        "account",
        "get-access-token",
        "--output",
        "json",
        "--scope",
        "https://example.org/.default",
    ];
    let run = [
        "run",
        "--credential",
        "azure-cli",
        "--token-lifetime",
        "90s",
    ];
    let output = root.run(&[&run[..], &["--", "az"], &ask].concat());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["tokenType"], "Bearer");
    assert!(
        answer["expires_on"].is_i64() && answer["expiresOn"].is_string(),
        "{answer}"
    );
    assert_eq!(
        answer["accessToken"].as_str().unwrap().split('.').count(),
        3
    );

    let output = root.run(
        &[
            &run[..],
            &["--fault", "service-unavailable", "--", "az"],
            &ask,
        ]
        .concat(),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("az login"),
        "{}",
        text(&output.stderr)
    );
}

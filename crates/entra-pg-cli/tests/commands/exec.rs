//! `exec`: what the program gets, and that it is as if it had been started by itself.

use std::process::Stdio;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::io::AsyncReadExt;

use crate::fixtures::{command, ended, outcome, run, shared};

#[tokio::test]
async fn a_program_is_logged_in_by_its_environment_and_by_its_url() {
    let sql = "SELECT current_user || ' ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    for program in ["psql", "psql \"$DATABASE_URL\""] {
        let script = format!("{program} -XAtc \"{sql}\"");
        let outcome = run(shared(), &["exec", "--", "sh", "-c", &script]).await;
        assert_eq!(outcome.stdout, "app true\n", "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn variables_that_would_lead_elsewhere_are_removed() {
    let mut command = command(shared(), &["exec", "--", "psql", "-XAtc", "SELECT 1"]);
    command
        .env("PGSERVICE", "elsewhere")
        .env("PGSERVICEFILE", "/nonexistent")
        .env("PGPASSWORD", "old")
        .env("PGREQUIREAUTH", "scram-sha-256");
    let outcome = outcome(command).await;
    assert_eq!(outcome.stdout, "1\n", "{}", outcome.stderr);
}

/// The scope of the token is a guess then.
#[tokio::test]
async fn a_name_of_microsofts_that_is_not_known_is_warned_of() {
    for (host, warned) in [
        ("shop.1a2b.westus3.horizondb.azure.com", true),
        ("myserver.postgres.database.azure.com", false),
        ("db.contoso.com", false),
    ] {
        let url = format!("postgres://app@{host}/shop");
        let outcome = run(shared(), &["exec", &url, "--", "true"]).await;
        assert_eq!(outcome.status, 0, "{}", outcome.stderr);
        let warning = "of no known service or cloud";
        assert_eq!(
            outcome.stderr.contains(warning),
            warned,
            "{}",
            outcome.stderr
        );
    }
}

/// libpq before version 16 knows no other way to the platform's roots than a file's name.
#[tokio::test]
async fn without_a_file_of_its_own_libpq_is_given_the_platforms() {
    let mut command = command(shared(), &["exec", "--", "psql", "-XAtc", "SELECT 1"]);
    command.env_remove("PGSSLROOTCERT");
    let outcome = outcome(command).await;
    assert_eq!(outcome.stdout, "1\n", "{}", outcome.stderr);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_token_is_in_no_argument() {
    let script = "tr '\\0' ' ' < /proc/$$/cmdline; echo; test -n \"$PGPASSWORD\" && echo given";
    let outcome = run(shared(), &["exec", "--", "sh", "-c", script]).await;
    assert!(
        outcome.stdout.ends_with("\ngiven\n") && !outcome.stdout.contains("eyJ"),
        "{}",
        outcome.stdout
    );
}

#[tokio::test]
async fn the_programs_status_is_passed_on() {
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let outcome = run(shared(), &["exec", "--", "sh", "-c", script]).await;
        assert_eq!(outcome.status, expected, "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn signals_reach_the_program() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let script = "trap 'exit 42' INT TERM HUP; echo up; while :; do sleep 0.05; done";
        let mut child = command(shared(), &["exec", "--", "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut up = [0; 2];
        let mut output = child.stdout.take().expect("a pipe");
        output.read_exact(&mut up).await.expect("it is up");
        let id = child.id().expect("it runs");
        kill(Pid::from_raw(id.try_into().expect("a pid")), signal).expect("sent");
        let status = ended(&mut child).await;
        assert_eq!(status.code(), Some(42), "{signal}");
    }
}

//! `psql`: logged in without a token of its own, and otherwise as if it had been started by itself.

use std::{fs, io::Write, process::Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::{NamedTempFile, TempDir};
use tokio::io::AsyncReadExt;

use crate::{
    fixtures::{command, ended, outcome, run, shared},
    servers::says,
};

#[tokio::test]
async fn it_is_logged_in_over_tls() {
    let sql = "SELECT current_user || ' ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let outcome = run(shared(), &["psql", "-XAtc", sql]).await;
    assert_eq!(outcome.stdout, "app true\n", "{}", outcome.stderr);
}

#[tokio::test]
async fn a_url_selects_the_server() {
    let mut url = shared().url();
    url.push_str("?application_name=elsewhere");
    let dbname = format!("--dbname={url}");
    let sql = "SELECT current_setting('application_name') || ' ' || current_database()";
    for arguments in [
        &["psql", &url, "-XAtc", sql][..],
        &["psql", "-XAtd", &url, "-c", sql],
        &["psql", &dbname, "-XAtc", sql],
    ] {
        let mut command = command(shared(), arguments);
        command.env("DATABASE_URL", "postgres://nobody@localhost:1/x");
        let outcome = outcome(command).await;
        assert_eq!(
            outcome.stdout, "elsewhere postgres\n",
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn its_own_arguments_are_left_alone() {
    for arguments in [
        &["psql", "template1", "-XAtc", "SELECT current_database()"][..],
        &[
            "psql",
            "-XAtd",
            "template1",
            "-c",
            "SELECT current_database()",
        ],
        &["psql", "-XAt", "-v", "db=template1", "-f", "/dev/stdin"],
    ] {
        let mut script = NamedTempFile::new().expect("a file");
        writeln!(script, "SELECT :'db';").expect("written");
        let mut command = command(shared(), arguments);
        command.stdin(script.reopen().expect("opened"));
        let outcome = outcome(command).await;
        assert_eq!(outcome.stdout, "template1\n", "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn there_is_no_token_in_its_environment_and_nothing_is_left() {
    let place = TempDir::new_in("/tmp").expect("a folder");
    let mut command = command(shared(), &["psql", "-XAtc", r"\! env"]);
    command.env("TMPDIR", place.path()).env("PGPASSWORD", "old");
    let outcome = outcome(command).await;
    let place_of = format!("PGHOST={}", place.path().display());
    assert!(outcome.stdout.contains(&place_of), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("eyJ") && !outcome.stdout.contains("PGPASSWORD"));
    assert!(
        fs::read_dir(place.path())
            .expect("a folder")
            .next()
            .is_none()
    );
}

/// Another server, by `\connect`, is psql's own business: it gets no token, and its certificate is verified.
#[tokio::test]
async fn a_token_does_not_leave_to_another_server() {
    let url = shared().url();
    let port = url
        .rsplit_once(':')
        .and_then(|(_, rest)| rest.split('/').next());
    let direct = format!(
        "\\connect 'host=localhost port={} dbname=postgres'",
        port.expect("a port")
    );
    let outcome = run(shared(), &["psql", "-wXc", &direct]).await;
    assert_ne!(outcome.status, 0, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("no password supplied"),
        "{}",
        outcome.stderr
    );

    let unencrypted = format!("\\connect 'host=127.0.0.1 port={}'", says(b"N").await);
    let outcome = run(shared(), &["psql", "-wXc", &unencrypted]).await;
    assert_ne!(outcome.status, 0, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("SSL was required"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn its_status_is_passed_on() {
    let mut script = NamedTempFile::new().expect("a file");
    writeln!(script, "SELECT nonsense;").expect("written");
    let script = script.path().display().to_string();
    for (arguments, expected) in [
        (&["psql", "-Xc", "SELECT 1"][..], 0),
        (&["psql", "-Xc", "SELECT nonsense"], 1),
        (&["psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", &script], 3),
    ] {
        let outcome = run(shared(), arguments).await;
        assert_eq!(outcome.status, expected, "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn signals_reach_it() {
    for (signal, expected) in [(Signal::SIGINT, 1), (Signal::SIGTERM, 143)] {
        let sql = ["-c", "SELECT 'up'", "-c", "SELECT pg_sleep(60)"];
        let mut child = command(shared(), &["psql", "-XAt"])
            .args(sql)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let mut up = [0; 2];
        let mut output = child.stdout.take().expect("a pipe");
        output.read_exact(&mut up).await.expect("it is up");
        // psql cancels a query that it has sent: give it the time.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let id = child.id().expect("it runs");
        kill(Pid::from_raw(id.try_into().expect("a pid")), signal).expect("sent");
        let status = ended(&mut child).await;
        assert_eq!(status.code(), Some(expected), "{signal}");
    }
}

//! An example without its configuration.

use std::process::Stdio;

use rstest::rstest;
use tokio::process::Command;

use crate::probe::built;

#[rstest]
#[case("axum-sea-orm")]
#[case("axum-diesel-async")]
#[case("axum-sqlx")]
#[case("listen-notify")]
#[tokio::test]
async fn a_missing_url_ends_a_program_and_is_named(#[case] name: &str) {
    let output = Command::new(built(name))
        .env_remove("DATABASE_URL")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = output.await.expect("runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{stderr}");
    assert!(
        stderr.contains("set DATABASE_URL to postgres://"),
        "{stderr}"
    );
}

//! The quickstarts, which save something and end.

use std::{process::Stdio, time::Duration};

use rstest::rstest;
use tokio::time::timeout;

use super::program::{command, emulator};

#[rstest]
#[case("sea-orm-quickstart", &[r#"saved and found: Some(Model { id: 1, article: "tea" })"#])]
#[case("diesel-async-quickstart", &[r#"saved: Parcel { id: 1, article: "tea" }"#])]
#[case("deadpool-postgres-quickstart", &["saved: tea as 1", "saved: rice as 2"])]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quickstart_saves_with_a_token(#[case] name: &str, #[case] prints: &[&str]) {
    let emulator = emulator().await;
    let output = command(&emulator, name).stdin(Stdio::null()).output();
    let output = timeout(Duration::from_secs(120), output).await;
    let output = output.expect("ends").expect("runs");
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let saved: Vec<_> = stdout
        .lines()
        .filter(|line| line.starts_with("saved"))
        .collect();
    assert_eq!(saved, prints);
    emulator.stop().await.expect("stops");
}

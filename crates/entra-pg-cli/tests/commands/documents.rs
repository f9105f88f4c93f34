//! Completions and manual pages.

use std::fs;

use rstest::rstest;

use crate::fixtures::{bare, outcome};

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[case("elvish")]
#[case("powershell")]
#[tokio::test]
async fn every_subcommand_is_completed(#[case] shell: &str) {
    let script = outcome(bare(&["completions", shell])).await;
    assert_eq!(script.status, 0, "{}", script.stderr);
    for name in ["doctor", "exec", "psql", "role-sql", "token", "whoami"] {
        assert!(script.stdout.contains(name), "{shell} lacks {name}");
    }
}

#[tokio::test]
async fn bash_reads_its_completions() {
    let script = outcome(bare(&["completions", "bash"])).await.stdout;
    let checked = std::process::Command::new("bash")
        .args(["-nc", &script])
        .output()
        .expect("bash is installed");
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn every_subcommand_has_a_manual_page() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().display().to_string();
    let written = outcome(bare(&["man", &path])).await;
    assert_eq!(written.status, 0, "{}", written.stderr);
    for name in ["entra-pg.1", "entra-pg-doctor.1", "entra-pg-role-sql.1"] {
        let page = fs::read_to_string(folder.path().join(name)).expect(name);
        assert!(page.contains(".TH entra-pg"), "{name}");
    }
    let printed = outcome(bare(&["man"])).await.stdout;
    assert!(printed.contains(".TH entra-pg"));
}

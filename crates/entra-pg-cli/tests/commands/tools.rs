//! What other tools rely on.

use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::{PROGRAM, command, outcome, shared, write};

/// A folder with a program of this name, which prints the URLs that it gets.
fn tool(name: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let script = "#!/bin/sh\necho \"$DATABASE_URL $JDBC_DATABASE_URL\"\n";
    write(&folder.path().join(name), script, 0o755);
    folder
}

#[tokio::test]
async fn a_migration_tool_is_warned_about_ports_where_migrations_go_wrong() {
    for (how, port, name, warned) in [
        ("exec", 6432, "alembic", true),
        ("proxy", 6432, "flyway", true),
        ("exec", 8432, "diesel", true),
        ("exec", 5432, "alembic", false),
        ("exec", 6432, "pg_dump", false),
        ("proxy", 6432, "pg_dump", false),
    ] {
        let folder = tool(name);
        let program = folder.path().join(name).display().to_string();
        let url = format!("postgres://app@localhost:{port}/orders");
        let outcome = outcome(command(shared(), &[how, &url, "--", &program])).await;
        assert_eq!(outcome.status, 0, "{}", outcome.stderr);
        let found = outcome.stderr.contains("migrate through port 5432");
        assert_eq!(found, warned, "{how} {port} {name}: {}", outcome.stderr);
    }
}

/// `SQLAlchemy` takes only `postgresql://`, Java only its own form, and no socket.
#[tokio::test]
async fn every_program_finds_a_url_that_it_can_read() {
    for (how, jdbc) in [
        (&["exec"][..], "jdbc:postgresql://localhost:"),
        (&["proxy", "--port", "0"], "jdbc:postgresql://127.0.0.1:"),
        (&["proxy"], ""),
    ] {
        let folder = tool("show");
        let program = folder.path().join("show").display().to_string();
        let mut command = command(shared(), &[how, &["--", &program]].concat());
        command.env("JDBC_DATABASE_URL", "jdbc:postgresql://old.example/x");
        let outcome = outcome(command).await;
        let (url, found) = outcome.stdout.split_once(' ').expect("two URLs");
        assert!(url.starts_with("postgresql://app"), "{url}");
        let as_expected = if jdbc.is_empty() {
            found == "\n"
        } else {
            found.starts_with(jdbc) && found.contains("user=app")
        };
        assert!(
            as_expected,
            "{how:?}: {}",
            found.split("password").next().unwrap_or_default()
        );
        assert_eq!(found.contains("eyJ"), how == ["exec"]);
    }
}

/// As pgAdmin runs it: by a shell, without a terminal, and without a shell's environment.
#[tokio::test]
async fn a_password_command_prints_a_token_and_nothing_else() {
    let url = format!("postgresql://localhost:{}", shared().port());
    let prepared = command(shared(), &[]);
    let credential = prepared.as_std().get_envs().filter_map(|(name, value)| {
        let name = name.to_str()?;
        let kept = name.starts_with("IDENTITY_") || name.starts_with("AZURE_");
        Some((name.to_owned(), value.filter(|_| kept)?.to_owned()))
    });
    let mut shell = Command::new("/bin/sh");
    shell
        .env_clear()
        .envs(credential)
        .args(["-c", &format!("{PROGRAM} token {url}")]);
    let outcome = outcome(shell).await;
    assert_eq!((outcome.status, outcome.stderr.as_str()), (0, ""));
    let token = outcome.stdout.trim();
    assert!(token.starts_with("eyJ") && !token.contains(char::is_whitespace));
}

//! What cannot be done is refused with a status of its own, before anything is sent.

use rstest::rstest;

use crate::fixtures::{bare, command, outcome, run, shared};

#[rstest]
#[case::password(&["whoami", "postgres://app:hunter2@localhost/x"], 3, "the URL holds a password")]
#[case::sslmode(&["whoami", "postgres://app@localhost/x?sslmode=disable"], 3, "clear text")]
#[case::not_a_url(&["whoami", "localhost"], 3, "the URL cannot be read")]
#[case::scope(&["token", "--scope", "windows.net"], 3, "is not a token resource")]
#[case::credential(&["token", "--credential", "nonsense"], 3, "use one of")]
#[case::no_command(&["exec"], 2, "<COMMAND>...")]
#[case::no_separator(&["exec", "sqlx", "migrate", "run"], 2, "unexpected argument")]
#[case::exec_with_a_password(&["exec", "postgres://app:hunter2@localhost/x", "--", "true"], 125, "the URL holds a password")]
#[case::psql_with_a_password(&["psql", "-c", "x", "postgres://app:hunter2@localhost/x"], 125, "the URL holds a password")]
#[case::psql_elsewhere(&["psql", "-h", "elsewhere", "-c", "x"], 125, "the host, the port and the role belong in the URL")]
#[case::not_found(&["exec", "--", "no-such-program"], 127, "cannot run no-such-program")]
#[case::not_executable(&["exec", "--", "/etc/passwd"], 126, "cannot run /etc/passwd")]
#[case::prisma(&["exec", "--", "npx", "prisma", "migrate", "deploy"], 125, "entra-pg proxy")]
#[case::unknown(&["frobnicate"], 2, "unrecognized subcommand")]
#[tokio::test]
async fn it_is_named(#[case] arguments: &[&str], #[case] status: i32, #[case] said: &str) {
    let outcome = run(shared(), arguments).await;
    assert_eq!(outcome.status, status, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
}

#[tokio::test]
async fn no_credential_is_said_with_what_to_do() {
    for (arguments, status) in [
        (&["whoami"][..], 3),
        (
            &["exec", "postgres://app@localhost/x", "--", "/bin/true"],
            125,
        ),
    ] {
        let mut command = bare(arguments);
        command.env("PATH", "/nonexistent");
        let outcome = outcome(command).await;
        assert_eq!(outcome.status, status);
        assert!(
            outcome.stderr.contains("run az login"),
            "{}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn psql_that_is_not_installed_is_named() {
    let mut command = command(shared(), &["psql"]);
    command.env("PATH", "/nonexistent");
    let outcome = outcome(command).await;
    assert_eq!(outcome.status, 127);
    assert!(
        outcome.stderr.contains("postgresql-client"),
        "{}",
        outcome.stderr
    );
}

//! `az` as people have it: old, slow, chatty, logged out.

use entra_pg_emulator::TokenSpec;
use rstest::rstest;
use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::{az_script, outcome, shared, signed_in};

fn script(lines: &str) -> TempDir {
    az_script(
        &shared()
            .control()
            .mint(TokenSpec::new("app"))
            .expect("a token"),
        lines,
    )
}

/// Logs in to the server, with `connect_timeout` of one second.
fn log_in(az: &TempDir) -> Command {
    let mut command = signed_in(shared(), az, &["exec", "--", "true"]);
    command.env(
        "DATABASE_URL",
        format!("{}?connect_timeout=1", shared().url()),
    );
    command
}

#[rstest]
#[case::colours(r"printf '\033[1m'; sed 's/accessToken/&/' $ANSWER; printf '\033[0m'")]
#[case::byte_order_mark(r"printf '\357\273\277'; cat $ANSWER")]
#[case::warning_before("echo 'WARNING: {old} is deprecated'; cat $ANSWER")]
#[case::warning_after("cat $ANSWER; echo; echo 'WARNING: 2 updates available'")]
#[case::old_release(r#"sed 's/"expires_on":[0-9]*,//' $ANSWER"#)]
#[case::slower_than_a_connect_may_be("sleep 2; cat $ANSWER")]
#[case::the_tenant(r#"case "$*" in *"--tenant 8509643c"*) cat $ANSWER;; *) exit 1;; esac"#)]
#[tokio::test]
async fn az_logs_in_however_it_answers(#[case] lines: &str) {
    let az = script(lines);
    let mut command = log_in(&az);
    command.env("AZURE_TENANT_ID", " '8509643c-604d-545d-8cb9-658d06571c7f'");
    let outcome = outcome(command).await;
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
}

#[rstest]
#[case::expired(
    "AADSTS70043: The refresh token has expired",
    "run az login again",
    "log in again in this job"
)]
#[case::revoked(
    "AADSTS50173: The provided grant has expired",
    "run az login again",
    "log in again in this job"
)]
#[case::second_factor(
    "AADSTS50076: you must use multi-factor authentication",
    "second factor",
    "a pipeline cannot answer"
)]
#[case::proof(
    "AADSTS700024: Client assertion is not within its valid time range",
    "run az login again",
    "id-token: write"
)]
#[case::tenant("AADSTS90002: Tenant not found", "AZURE_TENANT_ID", "AZURE_TENANT_ID")]
#[case::never(
    "Please run 'az login' to setup account.",
    "run az login",
    "azure/login"
)]
#[tokio::test]
async fn azs_own_error_has_the_cure_that_fits_where_it_runs(
    #[case] error: &str,
    #[case] person: &str,
    #[case] pipeline: &str,
) {
    let az = script(&format!(
        r#"printf '\033[31mERROR: %s\033[0m\n' "{error}" >&2; exit 1"#
    ));
    for (variables, cure) in [
        (vec![], person),
        (vec![("GITHUB_ACTIONS", "true")], pipeline),
    ] {
        let mut command = log_in(&az);
        command.envs(variables);
        let outcome = outcome(command).await;
        let said = &outcome.stderr;
        assert!(
            said.contains(error) && said.contains(cure),
            "{cure:?} is missing in {said}"
        );
        assert!(
            !said.contains('\u{1b}') && !said.contains("another service"),
            "{said:?}"
        );
    }
}

#[rstest]
#[case::no_json("echo To sign in, open a page", "az printed no token")]
#[case::nothing("true", "az printed no token")]
#[case::no_expiry(
    r#"echo '{"accessToken":"opaque"}'"#,
    "az printed a token, but not when it expires"
)]
#[tokio::test]
async fn az_without_a_token_is_named(#[case] lines: &str, #[case] cause: &str) {
    let az = script(lines);
    let outcome = outcome(log_in(&az)).await;
    assert_ne!(outcome.status, 0);
    let said = &outcome.stderr;
    assert!(
        said.contains(cause) && said.contains("run az by hand"),
        "{said}"
    );
    assert!(
        !said.contains("another service") && !said.contains("opaque"),
        "{said}"
    );
}

//! No secret is ever said, whatever is logged.

use crate::fixtures::{az, command, outcome, shared, signed_in};
use entra_pg_emulator::{CredentialSource, TokenSpec};

/// Every JSON Web Token begins with the base64 of `{"`.
const TOKEN: &str = "eyJ";

#[tokio::test]
async fn nothing_is_said_at_the_highest_level() {
    let header = shared()
        .environment(CredentialSource::ManagedIdentity)
        .into_iter()
        .find_map(|(name, value)| (name == "IDENTITY_HEADER").then_some(value))
        .expect("it is set");
    let az = az(&shared()
        .control()
        .mint(TokenSpec::new("app").expired())
        .expect("a token"));
    let nobody = shared().url_for("nobody");
    let doctor = ["doctor"];
    for mut command in [
        command(shared(), &doctor),
        command(shared(), &["doctor", &nobody]),
        command(shared(), &["whoami"]),
        command(shared(), &["role-sql"]),
        command(shared(), &["exec", "--", "true"]),
        command(shared(), &["psql", "-XAtc", "SELECT 1"]),
        command(shared(), &["exec", "--", "no-such-program"]),
        signed_in(shared(), &az, &doctor),
    ] {
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "1");
        let shown = format!("{command:?}");
        let said = outcome(command).await;
        assert!(said.stderr.contains("TRACE") || said.stderr.contains("DEBUG"));
        for secret in [TOKEN, &header] {
            let line = said
                .stderr
                .lines()
                .chain(said.stdout.lines())
                .find(|line| line.contains(secret));
            assert!(line.is_none(), "{shown}: {}", line.unwrap_or_default());
        }
    }
}

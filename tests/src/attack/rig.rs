//! The stage: an emulator that gives the tokens, certificates, and the programs that are attacked.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use entra_pg_emulator::{CredentialSource, Emulator};
use tempfile::NamedTempFile;

use super::{
    certificate_modes::weak_roots,
    certificates::{Authority, authority, right},
    mode::{Attack, Mode},
    script::{Script, Stage, refusing},
    seen::Seen,
    server::{HostileServer, Props},
    victim::{Victim, run},
};

/// The name of the authority that is trusted.
pub(super) const AUTHORITY: &str = "the attack suite's CA";

/// Attacks one victim at a time, or many at once.
pub struct Rig {
    emulator: Emulator,
    programs: PathBuf,
    authority: Authority,
    props: Props,
    roots: NamedTempFile,
    slack: Duration,
}

impl Rig {
    /// `programs` is the folder of `entra-pg-victim` and `entra-pg`; `slack` is what may be added to a limit of time.
    pub async fn start(programs: PathBuf, slack: Duration) -> Self {
        let emulator = Emulator::builder().role("app").start();
        let emulator = emulator.await.expect("the emulator starts");
        let authority = authority(AUTHORITY);
        let tls = right(&authority).into_config();
        let roots = NamedTempFile::new().expect("a file");
        let all = [&authority.pem(), emulator.ca_pem(), weak_roots()].join("\n");
        std::fs::write(roots.path(), all).expect("written");
        let behind = SocketAddr::from(([127, 0, 0, 1], emulator.port()));
        Self {
            emulator,
            programs,
            authority,
            props: Props {
                tls,
                behind,
                https: false,
            },
            roots,
            slack,
        }
    }

    pub async fn attack(&self, mode: &Mode, victim: Victim) -> Seen {
        let (script, props) = self.staged(mode);
        let server = HostileServer::start(script, props).await;
        let source = mode.source();
        let mut command = victim.command(&self.programs);
        for name in self.emulator.conflicting_variables(source) {
            command.env_remove(name);
        }
        let mut variables = self.emulator.environment(source);
        let secrets = secrets(&variables);
        let mut port = server.port;
        if matches!(mode.attack, Attack::Endpoint(..)) {
            self.lead_to(port, &mut variables);
            port = self.emulator.port();
        }
        command
            .envs(variables)
            .env("DATABASE_URL", self.url(port, mode.patience()))
            .env("SSL_CERT_FILE", self.roots.path())
            .env_remove("SSL_CERT_DIR")
            // The symbols of a backtrace take more memory than an attack may.
            .env("RUST_BACKTRACE", "0");
        let ended = run(command).await;
        let mut heard = server.heard();
        heard.secrets.extend(secrets);
        Seen::judge(mode, victim, &ended, &heard, self.slack)
    }

    fn staged(&self, mode: &Mode) -> (Script, Props) {
        let mut props = self.props.clone();
        let script = match &mode.attack {
            Attack::Server(script) => script.clone(),
            Attack::Certificate(make) => {
                props.tls = make(&self.authority).into_config();
                refusing()
            }
            Attack::Endpoint(source, acts) => {
                props.https = *source == CredentialSource::ClientSecret;
                let (stage, acts) = (Stage::Accepted, acts.clone());
                Script { stage, acts }
            }
        };
        (script, props)
    }

    /// To the endpoint at this port.
    fn lead_to(&self, port: u16, variables: &mut [(String, String)]) {
        let control = self.emulator.control_url();
        let plain = control.trim_start_matches("http://").split('/').next();
        let plain = format!("http://{}", plain.unwrap_or_default());
        let entra = self.emulator.authority_host();
        for (_, value) in variables {
            *value = value
                .replace(&plain, &format!("http://localhost:{port}"))
                .replace(
                    entra.trim_end_matches('/'),
                    &format!("https://localhost:{port}"),
                );
        }
    }

    fn url(&self, port: u16, patience: Duration) -> String {
        let (roots, seconds) = (self.roots.path().display(), patience.as_secs());
        format!(
            "postgres://app@localhost:{port}/postgres?sslrootcert={roots}&connect_timeout={seconds}"
        )
    }

    pub async fn stop(self) {
        self.emulator.stop().await.expect("the emulator stops");
    }
}

/// What is in the environment that nobody may see.
fn secrets(variables: &[(String, String)]) -> Vec<String> {
    let secret = |name: &str| ["IDENTITY_HEADER", "AZURE_CLIENT_SECRET"].contains(&name);
    let secrets = variables.iter().filter(|(name, _)| secret(name));
    secrets.map(|(_, value)| value.clone()).collect()
}

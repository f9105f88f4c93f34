//! The stage: an emulator that gives the tokens, certificates, and the programs that are attacked.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use entra_pg_emulator::{CredentialSource, Emulator};
use tempfile::NamedTempFile;

use super::{
    certificate_modes::weak_roots,
    certificates::{Authority, authority, right},
    mode::{Attack, CONNECT_TIMEOUT, Mode},
    script::refusing,
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
            props: Props { tls, behind },
            roots,
            slack,
        }
    }

    pub async fn attack(&self, mode: &Mode, victim: Victim) -> Seen {
        let (script, props) = match &mode.attack {
            Attack::Server(script) => (script.clone(), self.props.clone()),
            Attack::Certificate(make) => {
                let tls = make(&self.authority).into_config();
                let behind = self.props.behind;
                (refusing(), Props { tls, behind })
            }
        };
        let server = HostileServer::start(script, props).await;
        let mut command = victim.command(&self.programs);
        let source = CredentialSource::ManagedIdentity;
        for name in self.emulator.conflicting_variables(source) {
            command.env_remove(name);
        }
        command
            .envs(self.emulator.environment(source))
            .env("DATABASE_URL", self.url(server.port))
            // The symbols of a backtrace take more memory than an attack may.
            .env("RUST_BACKTRACE", "0");
        let ended = run(command).await;
        Seen::judge(mode, victim, &ended, &server.heard(), self.slack)
    }

    fn url(&self, port: u16) -> String {
        let (roots, seconds) = (self.roots.path().display(), CONNECT_TIMEOUT.as_secs());
        format!(
            "postgres://app@localhost:{port}/postgres?sslrootcert={roots}&connect_timeout={seconds}"
        )
    }

    pub async fn stop(self) {
        self.emulator.stop().await.expect("the emulator stops");
    }
}

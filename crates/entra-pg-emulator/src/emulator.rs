//! The running emulator and its end.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::runtime::Runtime;

use crate::{
    Builder, Control, CredentialSource, Error, Identity, addresses::HOST, environment,
    postgres::Supervisor, state::State,
};

/// What stays as it is in the user part of a URL.
const USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Token endpoints and a PostgreSQL, running. Dropping it stops everything and leaves nothing behind,
/// which may block for a moment; [`Emulator::stop`] does not, and reports.
pub struct Emulator {
    running: Running,
    state: Arc<State>,
    control: Control,
    ca_file: PathBuf,
}

/// What must end with the emulator, or with an attempt to start it.
pub(crate) struct Running {
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) runtime: Option<Runtime>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.supervisor.shutdown() {
            tracing::warn!(target: "entra_pg_emulator", "{error}");
        }
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime blocks, which panics where the caller is async.
            runtime.shutdown_background();
        }
    }
}

impl Emulator {
    /// Says what to start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts an emulator with one role, `app`, and all defaults.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the message says what to do.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    pub(crate) fn new(running: Running, state: Arc<State>) -> Self {
        let control = Control::new(Arc::clone(&state));
        let ca_file = state.cluster.layout().ca();
        Self {
            running,
            state,
            control,
            ca_file,
        }
    }

    /// `postgres://ROLE@localhost:PORT/postgres` for the first role: no password, no parameters.
    pub fn url(&self) -> String {
        self.url_for(self.first_role())
    }

    /// The same for any role.
    pub fn url_for(&self, role: &str) -> String {
        url(role, self.port())
    }

    /// Always `localhost`, whatever name the certificate carries.
    pub fn host(&self) -> &str {
        HOST
    }

    /// PostgreSQL's port, on 127.0.0.1 and, where there is IPv6, `::1`.
    pub fn port(&self) -> u16 {
        self.state.cluster.port()
    }

    /// PEM file with the certificate of the emulator's CA, which signed PostgreSQL's and the Entra endpoint's.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// What is in [`Self::ca_file`].
    pub fn ca_pem(&self) -> &str {
        &self.state.ca_pem
    }

    /// The private directory; gone when the emulator has stopped.
    pub fn directory(&self) -> &Path {
        &self.state.cluster.layout().root
    }

    /// The Entra v2.0 endpoint, `https://localhost:PORT/`.
    pub fn authority_host(&self) -> String {
        self.state.authority_host()
    }

    /// The App Service endpoint, for `IDENTITY_ENDPOINT`.
    pub fn identity_endpoint(&self) -> String {
        format!("{}/msi/token", self.state.plain_url())
    }

    /// What the App Service endpoint asks for in the header `X-IDENTITY-HEADER`.
    pub fn identity_header(&self) -> &str {
        &self.state.identity_header
    }

    /// Base of the control API, `http://127.0.0.1:PORT`. IMDS is served below it as well, at
    /// `/metadata/identity/oauth2/token`, and it is an HTTP proxy for exactly `http://169.254.169.254/metadata/`.
    pub fn control_url(&self) -> String {
        self.state.plain_url()
    }

    /// The emulated directory's id.
    pub fn tenant_id(&self) -> String {
        self.state.tenant.to_string()
    }

    /// The identity of a role.
    pub fn identity(&self, role: &str) -> Option<&Identity> {
        self.state.identity(role)
    }

    /// Knobs and counters.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Everything a child process needs to find PostgreSQL and to get tokens from this source.
    /// Variables of other sources may be in the way: see [`Self::removed_environment`].
    pub fn environment(&self, source: CredentialSource) -> Vec<(String, String)> {
        environment::variables(source, &environment::facts(&self.state, self.first_role()))
    }

    /// Variables a child process must not inherit: those of other credential sources and settings of libpq
    /// that would override [`Self::environment`].
    pub fn removed_environment(&self, source: CredentialSource) -> Vec<&'static str> {
        environment::removed(&self.environment(source))
    }

    /// Prepares a command to run in the emulator's environment.
    pub fn prepare<'a>(
        &self,
        command: &'a mut Command,
        source: CredentialSource,
    ) -> &'a mut Command {
        for name in self.removed_environment(source) {
            command.env_remove(name);
        }
        command.envs(self.environment(source))
    }

    /// Stops everything and removes the directory.
    ///
    /// # Errors
    /// When something was left behind; the message names it.
    pub async fn stop(self) -> Result<(), Error> {
        let supervisor = Arc::clone(&self.running.supervisor);
        self.state
            .runtime
            .spawn_blocking(move || supervisor.shutdown())
            .await
            .map_err(|_| Error::Stopped)?
    }

    fn first_role(&self) -> &str {
        self.state
            .identities
            .first()
            .map(|identity| identity.name.as_str())
            .unwrap_or_default()
    }
}

pub(crate) fn url(role: &str, port: u16) -> String {
    format!(
        "postgres://{}@{HOST}:{port}/postgres",
        utf8_percent_encode(role, USER)
    )
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("url", &self.url())
            .field("directory", &self.directory())
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

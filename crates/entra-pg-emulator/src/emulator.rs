//! The running emulator and its end.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use tokio::runtime::Runtime;

use crate::{
    Control, CredentialSource, Error, Identity,
    environment::{self, Parts},
    postgres::Supervisor,
    resources::HOST,
};

/// A running emulator: token endpoints, and a PostgreSQL that accepts only their tokens.
///
/// Dropping it stops everything and leaves nothing behind. That blocks for a moment, or for 30 s if PostgreSQL does not end;
/// [`Emulator::stop`] does not block, and reports what failed.
pub struct Emulator {
    running: Running,
    control: Control,
    addresses: Addresses,
    ca_file: PathBuf,
}

/// What clients are given.
pub(crate) struct Addresses {
    /// `http://127.0.0.1:PORT`
    pub(crate) plain_url: String,
    pub(crate) ca_pem: String,
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
    pub(crate) fn new(running: Running, control: Control, addresses: Addresses) -> Self {
        let ca_file = control.cluster.layout().ca();
        Self {
            running,
            control,
            addresses,
            ca_file,
        }
    }

    /// Returns `postgres://ROLE@localhost:PORT/postgres` for the first role: no password, no parameters.
    pub fn url(&self) -> String {
        self.url_for(self.control.tenant.default_role())
    }

    /// Returns the same for any role.
    pub fn url_for(&self, role: &str) -> String {
        environment::url(role, self.port())
    }

    /// Returns `localhost`, whatever name the certificate carries.
    pub fn host(&self) -> &str {
        HOST
    }

    /// Returns PostgreSQL's port, on 127.0.0.1 and, where there is IPv6, `::1`.
    pub fn port(&self) -> u16 {
        self.control.cluster.port()
    }

    /// Returns the PEM file with the certificate of the emulator's CA, which signed PostgreSQL's and the Entra endpoint's.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Returns the content of [`Self::ca_file`].
    pub fn ca_pem(&self) -> &str {
        &self.addresses.ca_pem
    }

    /// Returns the private directory, which is removed when the emulator stops.
    pub fn directory(&self) -> &Path {
        &self.control.cluster.layout().root
    }

    /// Returns the Entra v2.0 endpoint, `https://localhost:PORT/`.
    pub fn authority_host(&self) -> String {
        self.control.tenant.authority_host.clone()
    }

    /// Returns the App Service endpoint, for `IDENTITY_ENDPOINT`.
    pub fn identity_endpoint(&self) -> String {
        environment::identity_endpoint(&self.addresses.plain_url)
    }

    /// Returns the secret that the App Service endpoint expects in the header `X-IDENTITY-HEADER`.
    pub fn identity_header(&self) -> &str {
        &self.control.tenant.identity_header
    }

    /// Returns the base of the control API, `http://127.0.0.1:PORT`. It also serves IMDS, at
    /// `/metadata/identity/oauth2/token`, and is an HTTP proxy for exactly `http://169.254.169.254/metadata/`.
    pub fn control_url(&self) -> String {
        self.addresses.plain_url.clone()
    }

    /// Returns the id of the emulated tenant.
    pub fn tenant_id(&self) -> String {
        self.control.tenant.id.clone()
    }

    /// Returns the identity of a role.
    pub fn identity(&self, role: &str) -> Option<&Identity> {
        self.control.tenant.identity(role)
    }

    /// Returns the handle for changes and counters.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Returns the variables with which a program finds PostgreSQL and gets tokens from this source.
    /// Other variables may override them: see [`Self::conflicting_variables`].
    ///
    /// ```no_run
    /// # use entra_pg_emulator::{CredentialSource, Emulator};
    /// # fn example(emulator: &Emulator) {
    /// let vars = emulator.environment(CredentialSource::WorkloadIdentity);
    /// assert!(vars.iter().any(|(name, _)| name == "AZURE_FEDERATED_TOKEN_FILE"));
    /// # }
    /// ```
    pub fn environment(&self, source: CredentialSource) -> Vec<(String, String)> {
        let inherited = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let no_proxy = inherited("NO_PROXY").or_else(|| inherited("no_proxy"));
        let parts = Parts {
            tenant: &self.control.tenant,
            layout: self.control.cluster.layout(),
            port: self.port(),
            plain_url: &self.addresses.plain_url,
            path: inherited("PATH").unwrap_or_default(),
            no_proxy: no_proxy.unwrap_or_default(),
        };
        environment::variables(source, &parts)
    }

    /// Returns the variables that a child process must not inherit: those of other credential sources, and settings of
    /// libpq that would override [`Self::environment`].
    pub fn conflicting_variables(&self, source: CredentialSource) -> Vec<&'static str> {
        environment::conflicting(&self.environment(source))
    }

    /// Sets up a command to run in the emulator's environment.
    ///
    /// ```no_run
    /// # use entra_pg_emulator::{CredentialSource, Emulator};
    /// # fn example(emulator: &Emulator) -> std::io::Result<()> {
    /// let mut command = std::process::Command::new("my-program");
    /// emulator.configure_command(&mut command, CredentialSource::ManagedIdentity).status()?;
    /// # Ok(()) }
    /// ```
    pub fn configure_command<'a>(
        &self,
        command: &'a mut Command,
        source: CredentialSource,
    ) -> &'a mut Command {
        for name in self.conflicting_variables(source) {
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
        self.control
            .runtime
            .spawn_blocking(move || supervisor.shutdown())
            .await
            .map_err(|_| Error::Stopped)?
    }
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

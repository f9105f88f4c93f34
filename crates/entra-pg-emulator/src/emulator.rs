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
    environment::{self, Values},
    postgres::Supervisor,
    resources::HOST,
};

/// A running emulator: token endpoints, and a PostgreSQL that accepts only their tokens.
///
/// Dropping it stops everything and leaves nothing behind, which may block for a moment; [`Emulator::stop`] does not, and
/// reports what failed.
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
    supervisor: Arc<Supervisor>,
    runtime: Option<Runtime>,
}

impl Running {
    pub(crate) fn new(supervisor: Arc<Supervisor>, runtime: Runtime) -> Self {
        Self {
            supervisor,
            runtime: Some(runtime),
        }
    }
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

    /// `postgres://ROLE@localhost:PORT/postgres` for the first role: no password, no parameters.
    pub fn url(&self) -> String {
        self.url_for(self.control.tenant.default_role())
    }

    /// The same for any role.
    pub fn url_for(&self, role: &str) -> String {
        environment::url(role, self.port())
    }

    /// Always `localhost`, whatever name the certificate carries.
    pub fn host(&self) -> &str {
        HOST
    }

    /// PostgreSQL's port, on 127.0.0.1 and, where there is IPv6, `::1`.
    pub fn port(&self) -> u16 {
        self.control.cluster.port()
    }

    /// PEM file with the certificate of the emulator's CA, which signed PostgreSQL's and the Entra endpoint's.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// What is in [`Self::ca_file`].
    pub fn ca_pem(&self) -> &str {
        &self.addresses.ca_pem
    }

    /// The private directory; gone when the emulator has stopped.
    pub fn directory(&self) -> &Path {
        &self.control.cluster.layout().root
    }

    /// The Entra v2.0 endpoint, `https://localhost:PORT/`.
    pub fn authority_host(&self) -> String {
        self.control.tenant.authority_host.clone()
    }

    /// The App Service endpoint, for `IDENTITY_ENDPOINT`.
    pub fn identity_endpoint(&self) -> String {
        format!("{}/msi/token", self.addresses.plain_url)
    }

    /// What the App Service endpoint asks for in the header `X-IDENTITY-HEADER`.
    pub fn identity_header(&self) -> &str {
        &self.control.tenant.identity_header
    }

    /// Base of the control API, `http://127.0.0.1:PORT`. IMDS is served below it as well, at
    /// `/metadata/identity/oauth2/token`, and it is an HTTP proxy for exactly `http://169.254.169.254/metadata/`.
    pub fn control_url(&self) -> String {
        self.addresses.plain_url.clone()
    }

    /// The emulated directory's id.
    pub fn tenant_id(&self) -> String {
        self.control.tenant.id.clone()
    }

    /// The identity of a role.
    pub fn identity(&self, role: &str) -> Option<&Identity> {
        self.control.tenant.identity(role)
    }

    /// Knobs and counters.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Everything a child process needs to find PostgreSQL and to get tokens from this source.
    /// Variables of other sources may be in the way: see [`Self::conflicting_variables`].
    pub fn environment(&self, source: CredentialSource) -> Vec<(String, String)> {
        environment::variables(source, &self.values())
    }

    /// Variables a child process must not inherit: those of other credential sources and settings of libpq
    /// that would override [`Self::environment`].
    pub fn conflicting_variables(&self, source: CredentialSource) -> Vec<&'static str> {
        environment::conflicting(&self.environment(source))
    }

    /// Prepares a command to run in the emulator's environment.
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

    fn values(&self) -> Values {
        let (tenant, layout) = (&self.control.tenant, self.control.cluster.layout());
        let text = |path: PathBuf| path.display().to_string();
        let inherited = |name: &str| std::env::var(name).unwrap_or_default();
        let role = tenant.default_role();
        Values {
            role: role.to_owned(),
            url: self.url(),
            port: self.port(),
            plain_url: self.addresses.plain_url.clone(),
            authority_host: tenant.authority_host.clone(),
            tenant: tenant.id.clone(),
            client_id: tenant
                .identity(role)
                .map_or("", Identity::client_id)
                .to_owned(),
            client_secret: tenant.client_secret.clone(),
            identity_header: tenant.identity_header.clone(),
            ca: text(layout.ca()),
            ca_bundle: text(layout.ca_bundle()),
            federated_token: text(layout.federated_token()),
            bin: text(layout.bin()),
            path: inherited("PATH"),
            no_proxy: [inherited("NO_PROXY"), inherited("no_proxy")]
                .into_iter()
                .find(|set| !set.is_empty())
                .unwrap_or_default(),
        }
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

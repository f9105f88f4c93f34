//! What to start, and starting it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{runtime::Runtime, task};
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use crate::{
    Emulator, Error, Identity, IdentityKind,
    addresses::{HOST, Listeners},
    az,
    ca::Authority,
    directory,
    emulator::Running,
    http,
    jwt::SigningKey,
    ldap, names,
    postgres::{Account, Binaries, Cluster, Setup, Supervisor},
    settings::Settings,
    state::{Counters, State},
    trust,
};

/// The role there is when none is asked for.
const DEFAULT_ROLE: &str = "app";

/// Says what an emulator consists of. Every method is optional.
#[derive(Clone, Debug)]
#[must_use = "nothing runs until `start` is awaited"]
pub struct Builder {
    identities: Vec<Identity>,
    settings: Settings,
    audience: String,
    tls_name: String,
    tls: bool,
    executable: Option<PathBuf>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            identities: Vec::new(),
            settings: Settings::default(),
            audience: "https://ossrdbms-aad.database.windows.net".into(),
            tls_name: HOST.into(),
            tls: true,
            executable: None,
        }
    }
}

impl Builder {
    /// Adds a PostgreSQL login role and a managed identity of the same name. The first one is the
    /// system-assigned identity and the user in [`Emulator::url`]. Without any there is `app`.
    pub fn role(self, name: impl Into<String>) -> Self {
        self.identity(Identity::new(name, IdentityKind::ManagedIdentity))
    }

    /// Adds a role with an identity of any kind. A user also becomes who is signed in to the stand-in `az`.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// How long tokens live; one hour by default.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.token_lifetime = lifetime;
        self
    }

    /// The audience PostgreSQL accepts; the public cloud's by default. Token endpoints serve any.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// The DNS name in PostgreSQL's certificate, `localhost` by default. The certificate never holds an IP address.
    pub fn tls_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.tls_name);
        self
    }

    /// PostgreSQL without TLS, to test that clients refuse it.
    pub fn without_tls(mut self) -> Self {
        self.tls = false;
        self
    }

    /// The `entra-pg-emulator` program that the stand-in `az` calls; by default the running program.
    pub fn executable(mut self, program: impl Into<PathBuf>) -> Self {
        self.executable = Some(program.into());
        self
    }

    pub(crate) fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Starts it. Cancelling the future undoes everything.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start, or when a name cannot be used; the message
    /// says what to do.
    pub async fn start(mut self) -> Result<Emulator, Error> {
        if self.identities.is_empty() {
            self = self.role(DEFAULT_ROLE);
        }
        names::check(&self.identities)?;
        let account = Account::unprivileged()?;
        let binaries = Binaries::find()?;
        // From here on everything is undone when `running` goes.
        let supervisor = Arc::new(Supervisor::start(&binaries, account)?);
        let running = Running {
            supervisor,
            runtime: Some(new_runtime()?),
        };
        let Some(runtime) = running.runtime.as_ref().map(Runtime::handle) else {
            return Err(Error::Stopped);
        };
        let cluster = Cluster::new(Arc::clone(&running.supervisor), binaries)?;
        let launched = runtime.spawn(self.launch(cluster, account)).await;
        let state = launched.map_err(|_| Error::Stopped)??;
        tracing::info!(target: "entra_pg_emulator", port = state.cluster.port(), "started");
        Ok(Emulator::new(running, state))
    }

    /// The rest of the start, on the emulator's own runtime.
    async fn launch(self, cluster: Cluster, account: Option<Account>) -> Result<Arc<State>, Error> {
        let authority = Authority::new()?;
        let certificate = if self.tls {
            Some(authority.postgres(&self.tls_name)?)
        } else {
            None
        };
        let keys = || Ok::<_, Error>((SigningKey::generate()?, SigningKey::generate()?));
        let (key, other_key) = task::spawn_blocking(keys)
            .await
            .map_err(|_| Error::Stopped)??;
        let listeners = Listeners::bind().await?;
        let roles: Vec<_> = self
            .identities
            .iter()
            .map(|identity| identity.name.clone())
            .collect();
        let state = Arc::new(State {
            key,
            other_key,
            tenant: Uuid::new_v5(&Uuid::NAMESPACE_URL, b"entra-pg:tenant"),
            identities: self.identities,
            audience: self.audience,
            identity_header: Uuid::new_v4().to_string(),
            client_secret: Uuid::new_v4().simple().to_string(),
            ca_pem: authority.pem(),
            ports: listeners.ports,
            cluster,
            runtime: tokio::runtime::Handle::current(),
            counters: Counters::default(),
            settings: self.settings.into(),
            serial: 0.into(),
            revoked: Mutex::default(),
            latest: Mutex::default(),
            record: Mutex::default(),
            last_rejection: Mutex::default(),
        });
        write_files(&state, self.executable)?;
        let tls = TlsAcceptor::from(authority.https()?);
        serve(&state, listeners, &tls);
        let (ldap_port, certificate) = (state.ports.ldap, certificate.as_ref());
        state
            .cluster
            .start(&Setup {
                account,
                ldap_port,
                certificate,
                roles: &roles,
            })
            .await?;
        Ok(state)
    }
}

fn new_runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("entra-pg-emulator")
        .enable_all()
        .build()
        .map_err(Error::io("start the emulator's threads"))
}

fn serve(state: &Arc<State>, listeners: Listeners, tls: &TlsAcceptor) {
    tokio::spawn(ldap::serve(listeners.ldap, Arc::clone(state)));
    tokio::spawn(http::serve(listeners.plain, None, http::plain(state)));
    for listener in listeners.secure {
        tokio::spawn(http::serve(
            listener,
            Some(tls.clone()),
            http::secure(state),
        ));
    }
}

/// The files clients are pointed to.
fn write_files(state: &State, executable: Option<PathBuf>) -> Result<(), Error> {
    let layout = state.cluster.layout();
    let executable = match executable {
        Some(executable) => executable,
        None => std::env::current_exe().map_err(Error::io("find the running program"))?,
    };
    directory::write(&layout.ca(), &state.ca_pem, 0o644)?;
    directory::write(&layout.ca_bundle(), &trust::bundle(&state.ca_pem), 0o644)?;
    directory::write(&layout.federated_token(), &state.federated_token()?, 0o600)?;
    directory::write(
        &layout.bin().join("az"),
        &az::script(&executable, &state.plain_url()),
        0o755,
    )
}

//! The options of an emulator.

use std::{path::PathBuf, time::Duration};

use crate::{
    Emulator, Error, Identity, IdentityKind, resources::HOST, settings::Settings,
    startup::Configuration,
};

/// The role there is when none is given.
const DEFAULT_ROLE: &str = "app";

/// Configures an emulator. Every method is optional.
///
/// ```no_run
/// # use std::time::Duration;
/// # use entra_pg_emulator::{Emulator, Error};
/// # async fn example() -> Result<(), Error> {
/// let emulator = Emulator::builder()
///     .role("app")
///     .role("reports")
///     .token_lifetime(Duration::from_secs(5))
///     .start()
///     .await?;
/// # emulator.stop().await }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing runs until `start` is awaited"]
pub struct EmulatorBuilder(Configuration);

impl Emulator {
    /// Configures an emulator.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder(Configuration {
            identities: Vec::new(),
            settings: Settings::default(),
            audience: "https://ossrdbms-aad.database.windows.net".into(),
            tls_name: Some(HOST.into()),
            executable: None,
        })
    }

    /// Starts an emulator with one role, `app`, and all defaults.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start; the message states the remedy.
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }
}

impl EmulatorBuilder {
    /// Adds a PostgreSQL login role and a managed identity of the same name. The first one is the
    /// system-assigned identity and the user in [`Emulator::url`]. Without any there is `app`.
    pub fn role(self, name: impl Into<String>) -> Self {
        self.identity(Identity::new(name, IdentityKind::ManagedIdentity))
    }

    /// Adds a role with an identity of any kind. The first user is signed in to the stand-in `az`.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.0.identities.push(identity);
        self
    }

    /// Sets how long tokens live; one hour by default.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.0.settings.token_lifetime = lifetime;
        self
    }

    /// Sets the audience that PostgreSQL accepts; the public cloud's by default. Token endpoints serve any.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.0.audience = audience.into();
        self
    }

    /// Sets the DNS name in PostgreSQL's certificate, `localhost` by default. The certificate never holds an IP address.
    pub fn tls_name(mut self, name: impl Into<String>) -> Self {
        self.0.tls_name = Some(name.into());
        self
    }

    /// Starts PostgreSQL without TLS, to test that clients refuse it.
    pub fn without_tls(mut self) -> Self {
        self.0.tls_name = None;
        self
    }

    /// Sets the `entra-pg-emulator` program that the stand-in `az` calls; by default the running program.
    pub fn executable(mut self, program: impl Into<PathBuf>) -> Self {
        self.0.executable = Some(program.into());
        self
    }

    /// Starts the emulator. Cancelling the future undoes everything.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or does not start, or when a name cannot be used; the message
    /// states the remedy.
    pub async fn start(mut self) -> Result<Emulator, Error> {
        if self.0.identities.is_empty() {
            self = self.role(DEFAULT_ROLE);
        }
        self.0.start().await
    }
}

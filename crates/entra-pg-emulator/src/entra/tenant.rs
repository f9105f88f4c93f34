//! The emulated tenant: its identities and secrets, the tokens it issues, the logins it decides about.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use uuid::Uuid;

use super::{
    ClientCertificate, Flow, Identity, IdentityKind, SigningKey, TokenSpec, Validity, clock,
    federation::Federation,
    issuer::{Issued, Issuer},
    verdict::{Mapping, Rules, judge},
};
use crate::{Error, settings::Settings, sync::lock};

pub(crate) struct Tenant {
    pub(crate) id: String,
    /// `https://localhost:PORT/`
    pub(crate) authority_host: String,
    /// Never empty; each has a role of its name.
    pub(crate) identities: Vec<Identity>,
    /// What PostgreSQL accepts.
    pub(crate) audience: String,
    pub(crate) identity_header: String,
    pub(crate) client_secret: String,
    /// What a pipeline's job shows to get its proof, and the connection that it may use.
    pub(crate) job_token: String,
    pub(crate) service_connection: String,
    pub(crate) federation: Federation,
    /// Its key is the federation's, since to make another takes a moment.
    pub(crate) certificate: ClientCertificate,
    pub(crate) issuer: Issuer,
    pub(crate) token_requests: AtomicU64,
    pub(crate) accepted_logins: AtomicU64,
    pub(crate) rejected_logins: AtomicU64,
    last_rejection: Mutex<Option<String>>,
    /// By object id: tokens with a smaller number are revoked.
    revoked_before: Mutex<HashMap<String, u64>>,
    settings: Mutex<Settings>,
}

impl Tenant {
    /// Generates the keys, which takes a moment.
    pub(crate) fn new(
        authority_host: String,
        identities: Vec<Identity>,
        audience: String,
        settings: Settings,
    ) -> Result<Self, Error> {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, b"entra-pg:tenant").to_string();
        let federation = Federation::new(&authority_host)?;
        Ok(Self {
            certificate: ClientCertificate::new(&federation.key)?,
            federation,
            issuer: Issuer::new(&id)?,
            id,
            authority_host,
            identities,
            audience,
            identity_header: Uuid::new_v4().to_string(),
            client_secret: Uuid::new_v4().simple().to_string(),
            job_token: Uuid::new_v4().simple().to_string(),
            service_connection: Uuid::new_v5(&Uuid::NAMESPACE_URL, b"entra-pg:connection")
                .to_string(),
            token_requests: 0.into(),
            accepted_logins: 0.into(),
            rejected_logins: 0.into(),
            last_rejection: Mutex::default(),
            revoked_before: Mutex::default(),
            settings: settings.into(),
        })
    }

    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    pub(crate) fn change_settings<T>(&self, change: impl FnOnce(&mut Settings) -> T) -> T {
        change(&mut lock(&self.settings))
    }

    pub(crate) fn identity(&self, role: &str) -> Option<&Identity> {
        self.identities
            .iter()
            .find(|identity| identity.name() == role)
    }

    /// The name of the first identity, which is the default.
    pub(crate) fn default_role(&self) -> &str {
        self.identities.first().map_or("", Identity::name)
    }

    /// Who is signed in to the stand-in `az`: the first user, or else the first identity.
    pub(crate) fn signed_in(&self) -> Option<&Identity> {
        self.identities
            .iter()
            .find(|identity| identity.kind() == IdentityKind::User)
            .or(self.identities.first())
    }

    /// The token that an endpoint returns.
    pub(crate) fn issue(
        &self,
        identity: &Identity,
        audience: &str,
        flow: Flow,
    ) -> Result<Issued, Error> {
        self.issuer
            .issue(identity, audience, flow, &self.settings())
    }

    /// Any token, good or bad, by the true clock.
    pub(crate) fn mint(&self, spec: &TokenSpec) -> Result<String, Error> {
        let stranger = || Identity::new(&spec.role, IdentityKind::ManagedIdentity);
        let identity = self.identity(&spec.role).cloned().unwrap_or_else(stranger);
        let flow = match identity.kind() {
            IdentityKind::User => Flow::AzureCli,
            _ => Flow::ManagedIdentity,
        };
        let lifetime = spec
            .lifetime
            .unwrap_or_else(|| clock::seconds(self.settings().token_lifetime));
        let validity = Validity::new(clock::seconds(clock::now()) + spec.valid_after, lifetime);
        let audience = spec.audience.as_deref().unwrap_or(&self.audience);
        let current = self.issuer.key();
        let key: &SigningKey = if spec.other_key {
            &self.federation.key
        } else {
            &current
        };
        self.issuer.sign(key, &identity, audience, flow, validity)
    }

    /// Refuses the tokens made so far for the identity of this role.
    pub(crate) fn revoke(&self, role: &str) -> Result<(), Error> {
        let identity = self.identity(role).ok_or_else(|| self.unknown_role(role))?;
        lock(&self.revoked_before).insert(identity.object_id().to_owned(), self.issuer.serial());
        Ok(())
    }

    pub(crate) fn unknown_role(&self, role: &str) -> Error {
        let known: Vec<_> = self.identities.iter().map(Identity::name).collect();
        Error::UnknownRole {
            role: role.to_owned(),
            known: known.join(", "),
        }
    }

    /// Decides about a login, and counts it.
    pub(crate) fn accepts(&self, role: &str, token: &str) -> bool {
        let key = self.issuer.key();
        let rules = Rules {
            key: &key,
            audience: &self.audience,
            now: clock::now(),
        };
        let mapping = self.identity(role).map(|identity| Mapping {
            object_id: identity.object_id(),
            revoked_before: lock(&self.revoked_before)
                .get(identity.object_id())
                .copied()
                .unwrap_or(0),
        });
        match judge(&rules, role, mapping, token) {
            Ok(()) => {
                self.accepted_logins.fetch_add(1, Relaxed);
                tracing::debug!(target: "entra_pg_emulator", role, "login accepted");
                true
            }
            Err(rejection) => {
                self.rejected_logins.fetch_add(1, Relaxed);
                tracing::info!(target: "entra_pg_emulator", role, "login rejected: {rejection}");
                *lock(&self.last_rejection) = Some(rejection.to_string());
                false
            }
        }
    }

    pub(crate) fn last_rejection(&self) -> Option<String> {
        lock(&self.last_rejection).clone()
    }
}

//! A source of tokens: a kind of credential, built again for each request.

use std::{fmt, sync::Arc};

use azure_core::{
    credentials::{AccessToken, TokenCredential},
    http::ClientOptions,
};

use super::{
    failure::explain,
    kind::{Kind, Limits},
    provided::Provided,
    transport::Transport,
};
use crate::{
    Error, ErrorKind, Scope,
    connect::{chain, one_line},
    environment::Environment,
};

#[derive(Clone)]
pub(crate) struct Credential(Arc<Inner>);

struct Inner {
    kind: Box<dyn Kind>,
    transport: Option<Transport>,
}

impl Credential {
    /// The application's own credential.
    pub(crate) fn provided(credential: Arc<dyn TokenCredential>) -> Self {
        Self(Arc::new(Inner {
            kind: Box::new(Provided(credential)),
            transport: None,
        }))
    }

    /// Builds the credential once, so that what is wrong with its settings is reported now.
    pub(crate) fn new(kind: Box<dyn Kind>, environment: &Environment) -> Result<Self, Error> {
        let transport = kind.transport(environment)?;
        kind.check()?;
        let credential = Self(Arc::new(Inner { kind, transport }));
        credential.build(&Scope::default()).map_err(|error| {
            Error::new(
                ErrorKind::NoCredential,
                format!("{credential} cannot be used: {}", chain(&error)),
            )
            .with_hint("correct the variable that the message names")
        })?;
        Ok(credential)
    }

    /// The Azure SDK caches too, and until 300 s before expiry would only repeat the token that a server has just refused.
    fn build(&self, scope: &Scope) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let options = match &self.0.transport {
            Some(transport) => transport.client_options(scope),
            None => ClientOptions::default(),
        };
        self.0.kind.build(options)
    }

    /// Requests a token. Does not retry beyond what the credential itself does.
    pub(crate) async fn request(&self, scope: &Scope) -> Result<AccessToken, Error> {
        if let Some(transport) = &self.0.transport {
            transport.forget();
        }
        let result = match self.build(scope) {
            Ok(credential) => credential.get_token(&[scope.as_str()], None).await,
            Err(error) => Err(error),
        };
        result.map_err(|error| {
            let error = explain(self, self.last_response(), self.0.kind.hint(), &error);
            let cure = self.0.kind.cure(error.message());
            match cure {
                Some(cure) if !error.is_transient() => error.with_hint(cure),
                _ => error,
            }
        })
    }

    /// What to do when there was no answer in time.
    pub(crate) fn timeout_hint(&self) -> &'static str {
        self.0.kind.timeout_hint()
    }

    /// How long a request may take.
    pub(crate) fn limits(&self) -> Limits {
        match &self.0.transport {
            Some(_) => Limits::HTTP,
            None => self.0.kind.limits(),
        }
    }

    /// What the request that is under way waits for, or what the endpoint responded last in it.
    pub(crate) fn last_response(&self) -> Option<String> {
        let responded = || self.0.transport.as_ref().and_then(Transport::last_response);
        self.0.kind.progress().or_else(responded)
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ids come from the environment.
        f.write_str(&one_line(&self.0.kind.to_string()))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({self})")
    }
}

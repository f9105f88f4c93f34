//! What a kind of credential has to say about itself. Each has a file, and a line in `selection.rs`.

use std::{fmt, sync::Arc, time::Duration};

use azure_core::{credentials::TokenCredential, http::ClientOptions};

use super::{
    cures::{self, Place},
    transport::Transport,
};
use crate::{Error, environment::Environment};

/// A credential that can be built again and again. `Display` is its name in logs and errors; it shows no secret.
pub(crate) trait Kind: fmt::Display + Send + Sync {
    /// The transport of its HTTP requests; `None` if it makes none.
    fn transport(&self, _: &Environment) -> Result<Option<Transport>, Error> {
        Ok(None)
    }

    /// Builds the credential. `options` are those of the transport.
    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>>;

    /// Reports before the first request what is wrong with a file that it needs.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What to do when the endpoint or the tool refuses.
    fn hint(&self) -> &'static str;

    /// How long a request may take, if it is not one over the transport.
    fn limits(&self) -> Limits {
        Limits::TOOL
    }

    /// What to do about a refusal that says why; `None` if nothing better than the hint is known.
    fn cure(&self, message: &str) -> Option<String> {
        cures::find(message, Place::Application, "")
    }

    /// What a request waits for just now, if it is not an endpoint.
    fn progress(&self) -> Option<String> {
        None
    }

    /// What to do when there was no answer in time.
    fn timeout_hint(&self) -> &'static str {
        ENDPOINT_HINT
    }
}

pub(super) const ENDPOINT_HINT: &str = "check that the token endpoint can be reached from here; connect_timeout in the URL says how long a connect waits";

/// How long a request for a token may take, as far as the kind of credential decides that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// When it is joined by a second one, if a caller needs the answer; the policy may make it later.
    pub(crate) hedge_after: Duration,
    /// The policy may make it shorter.
    pub(crate) timeout: Duration,
}

impl Limits {
    /// An endpoint responds in milliseconds, or after some seconds when it is busy.
    pub(super) const HTTP: Self = Self {
        hedge_after: Duration::ZERO,
        timeout: Duration::from_secs(30),
    };
    /// A tool starts an interpreter first, on a machine that may be slow; another one beside it makes it slower.
    pub(super) const TOOL: Self = Self {
        hedge_after: Duration::from_secs(10),
        timeout: Duration::MAX,
    };
    pub(super) const UNKNOWN: Self = Self {
        hedge_after: Duration::ZERO,
        timeout: Duration::MAX,
    };
}

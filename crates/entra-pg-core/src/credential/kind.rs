//! What a kind of credential has to say about itself. Each has a file, and a line in `selection.rs`.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};

use super::transport::Transport;
use crate::{Error, environment::Environment};

/// A credential that can be built again and again. `Display` is its name in logs and errors; it shows no secret.
pub(crate) trait Kind: fmt::Display + Send + Sync {
    /// The transport of its HTTP requests; `None` if it makes none.
    fn transport(&self, _: &Environment) -> Result<Option<Transport>, Error> {
        Ok(None)
    }

    /// Builds the credential. `options` are those of the transport.
    fn build(&self, options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>>;

    /// What to do when the endpoint or the tool refuses.
    fn hint(&self) -> &'static str;
}

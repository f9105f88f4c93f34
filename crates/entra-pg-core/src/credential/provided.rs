//! The application's own credential. It is called as it is, with whatever it caches.

use std::{fmt, sync::Arc};

use azure_core::{credentials::TokenCredential, http::ClientOptions};

use super::kind::{Kind, Limits};

pub(super) struct Provided(pub(super) Arc<dyn TokenCredential>);

impl fmt::Display for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the provided credential")
    }
}

impl Kind for Provided {
    fn build(&self, _: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        Ok(Arc::clone(&self.0))
    }

    fn hint(&self) -> &'static str {
        "the message is the credential's own"
    }

    fn limits(&self) -> Limits {
        Limits::UNKNOWN
    }

    fn cure(&self, _: &str) -> Option<String> {
        None
    }
}

//! Where tokens come from.

mod azure;
mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod selection;
mod tool;
mod transport;

use std::{fmt, sync::Arc};

use azure_core::credentials::{AccessToken, TokenCredential};

pub use self::selection::ManagedIdentity;
pub(crate) use self::selection::{Selection, Surroundings, select, select_by_name};
use self::{azure::Azure, failure::explain};
use crate::{Error, Scope};

/// A source of tokens, and how to speak of it in logs and errors.
#[derive(Clone)]
pub(crate) struct Credential(Arc<Source>);

enum Source {
    /// The user's own. It is asked as it is, caching and all.
    Given(Arc<dyn TokenCredential>),
    /// One that we build. It is built anew for every request: the Azure SDK caches too, and until 300 s before expiry
    /// would only repeat the token that a server has just refused.
    Azure(Azure),
}

impl Credential {
    pub(crate) fn given(credential: Arc<dyn TokenCredential>) -> Self {
        Self(Arc::new(Source::Given(credential)))
    }

    pub(crate) fn azure(selection: Selection) -> Result<Self, Error> {
        Ok(Self(Arc::new(Source::Azure(Azure::new(selection)?))))
    }

    /// Requests a token. Does not retry beyond what the credential itself does.
    pub(crate) async fn request(&self, scope: &Scope) -> Result<AccessToken, Error> {
        let result = match &*self.0 {
            Source::Given(credential) => credential.get_token(&[scope.as_str()], None).await,
            Source::Azure(azure) => match azure.build() {
                Ok(credential) => credential.get_token(&[scope.as_str()], None).await,
                Err(error) => Err(error),
            },
        };
        result.map_err(|error| explain(self, &error))
    }

    /// What the endpoint answered last in the request that is under way.
    pub(crate) fn last_answer(&self) -> Option<String> {
        match &*self.0 {
            Source::Given(_) => None,
            Source::Azure(azure) => azure.last_answer(),
        }
    }

    fn selection(&self) -> Option<&Selection> {
        match &*self.0 {
            Source::Given(_) => None,
            Source::Azure(azure) => Some(azure.selection()),
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.selection() {
            Some(selection) => selection.fmt(f),
            None => f.write_str("the given credential"),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({self})")
    }
}

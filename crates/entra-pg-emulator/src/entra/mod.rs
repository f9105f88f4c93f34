//! The emulated Microsoft Entra [`Tenant`]: identities, keys, tokens, and the verdict on each login.

pub(crate) mod clock;

mod certificate;
mod claims;
mod federation;
mod identity;
mod issuer;
mod signing_key;
mod tenant;
mod token_spec;
mod verdict;

pub(crate) use certificate::ClientCertificate;
pub(crate) use claims::{Flow, Validity, issuer_url};
pub(crate) use federation::Proof;
pub use identity::{Identity, IdentityKind};
pub(crate) use identity::{SUBSCRIPTION, find_managed};
pub(crate) use signing_key::SigningKey;
pub(crate) use tenant::Tenant;
pub use token_spec::TokenSpec;

//! Azure for your laptop: token endpoints for unmodified Azure SDKs, and a real, throwaway
//! PostgreSQL that accepts only the tokens they issue.
//!
//! ```no_run
//! use std::time::Duration;
//! use entra_pg_emulator::{CredentialSource, Emulator};
//!
//! # async fn example() -> Result<(), entra_pg_emulator::Error> {
//! let emulator = Emulator::builder()
//!     .role("app")
//!     .token_lifetime(Duration::from_secs(5))
//!     .start()
//!     .await?;
//! println!("{}", emulator.url()); // postgres://app@localhost:…/postgres, without a password
//! for (name, value) in emulator.environment(CredentialSource::ManagedIdentity) {
//!     println!("{name}={value}");
//! }
//! emulator.control().revoke("app")?;
//! emulator.stop().await
//! # }
//! ```
//!
//! - [`EmulatorBuilder`] configures it: roles, their identities, token lifetime, TLS.
//! - [`Emulator`] is the running emulator. Dropping it stops everything and removes its directory.
//! - [`Control`] changes it while it runs: faults, latency, clock skew, revocation, restarts.
//!
//! The emulator has its own runtime and threads, so a test may block, pause its clock or end its runtime
//! without disturbing the emulator. It listens on loopback only.
//!
//! PostgreSQL is the machine's own, unmodified. It requests a cleartext password over TLS, as Azure does,
//! and its `ldap` authentication method asks the emulator for the verdict. No token is ever logged.
//!
//! The feature `command`, on by default, builds the program `entra-pg-emulator` and adds nothing to the
//! library. In `dev-dependencies`, turn it off: `default-features = false`.

#![cfg(unix)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod builder;
mod control;
mod emulator;
mod endpoints;
mod entra;
mod environment;
mod error;
mod fault;
mod postgres;
mod resources;
mod settings;
mod startup;
mod sync;

pub use builder::EmulatorBuilder;
pub use control::{Control, Logins};
pub use emulator::Emulator;
pub use entra::{Identity, IdentityKind, TokenSpec};
pub use environment::CredentialSource;
pub use error::Error;
pub use fault::{Fault, UnknownFault};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_be_shared_between_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<(Emulator, EmulatorBuilder, Control, Logins)>();
        check::<(CredentialSource, Fault, UnknownFault, Error)>();
        check::<(Identity, IdentityKind, TokenSpec)>();
    }
}

//! Azure for your laptop: token endpoints that unmodified Azure SDKs talk to, and a real, throwaway
//! PostgreSQL that accepts only the tokens they hand out.
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
//! emulator.control().revoke("app");
//! emulator.stop().await
//! # }
//! ```
//!
//! - [`EmulatorBuilder`] says what is started: roles, their identities, token lifetime, TLS.
//! - [`Emulator`] is the running thing. Dropping it stops everything and removes its directory.
//! - [`Control`] turns knobs while it runs: faults, latency, clock skew, revocation, restarts.
//!
//! Everything runs on a runtime and threads of its own, so a test may block, pause its clock or end
//! its runtime without disturbing the emulator. Everything listens on loopback only.
//!
//! PostgreSQL is the machine's own, unmodified. It asks clients for a cleartext password over TLS, as
//! Azure does, and its `ldap` authentication method asks the emulator for the verdict. Nothing here
//! logs a token.

#![cfg(unix)]

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

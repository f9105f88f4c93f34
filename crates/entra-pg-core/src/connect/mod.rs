//! What adapters are made of: one way to connect, one set of errors, one place that reports.
//!
//! An adapter is a mapping of options, a mapping of errors, and one call of [`LoginProvider::connect`]. That call owns what
//! every adapter needs: one deadline over token, TCP, TLS, authentication and preparation; the [`Step`] that a connect has
//! reached; which of the target's hosts and addresses is tried, and for how long ([`LoginProvider::reach`]); one more try with another token if that can help; the last error; spans, events and metrics. The adapter's
//! `open` dials with the driver, keeps the deadline by [`Attempt::timeout`], and maps the driver's error to a [`Failure`],
//! from which the core makes the [`Error`](crate::Error) with cause and cure. Where users can change the driver's options,
//! it checks the result with [`LoginProvider::check_destination`]: a token goes to the target's hosts only, over TLS that
//! is verified against [`Target::root_certificates`](crate::Target::root_certificates).
//!
//! ```no_run
//! use entra_pg_core::{Entra, Error, IntoTarget, Login, connect::{Attempt, Failure, ServerAddress, Step}};
//!
//! # struct Client;
//! # struct DriverError { sqlstate: Option<(String, String)>, io: std::io::Error }
//! # async fn driver_connect(server: &ServerAddress, user: &str, password: &str) -> Result<Client, DriverError> { Ok(Client) }
//! pub async fn connect(target: impl IntoTarget, entra: &Entra) -> Result<Client, Error> {
//!     let provider = entra.login_provider(target)?;
//!     let open = async |login: Login, attempt: Attempt| {
//!         let dial = async |server: ServerAddress, attempt: Attempt| {
//!             let dial = driver_connect(&server, login.user(), login.token().secret());
//!             attempt.timeout(Step::Connecting, dial).await?.map_err(failure)
//!         };
//!         provider.reach(&attempt, dial).await
//!     };
//!     provider.connect("my-driver", open).await
//! }
//!
//! fn failure(error: DriverError) -> Failure {
//!     match error.sqlstate {
//!         Some((sqlstate, message)) => Failure::refused(sqlstate, message),
//!         None => Failure::broken(&error.io),
//!     }
//! }
//! ```

mod attempt;
mod authentication;
mod certificate_fault;
mod failure;
mod login_provider;
mod printable;
mod reach;
mod redact;
mod refusal;
mod rejection;
mod request_tls;
mod retry;
mod server_address;
mod server_state;
mod share;
mod step;
mod task;
mod tls_fault;
mod tried;
mod unanswered;
mod wording;

#[cfg(any(test, fuzzing))]
pub(crate) use self::failure::refused;
pub use self::{
    attempt::Attempt,
    authentication::unsupported_authentication,
    failure::Failure,
    login_provider::{Login, LoginProvider},
    printable::{is_printable, one_line},
    redact::{chain, quotes_token, redact},
    rejection::Rejection,
    request_tls::request_tls,
    server_address::ServerAddress,
    server_state::ServerState,
    share::Share,
    step::Step,
};

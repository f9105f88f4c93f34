//! Tokens, and the cache that keeps them fresh.

mod access_token;
mod background;
mod cache;
mod claims;
mod clock;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod get;
mod policy;
mod publish;
mod refresh;
mod rejections;
mod request;
#[cfg(interleavings)]
pub mod scenarios;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod ticks;

pub(crate) use self::clock::Clock;
pub use self::{
    access_token::Token,
    cache::{TokenCache, TokenUpdates},
    claims::Claims,
    policy::RefreshPolicy,
    status::Status,
};

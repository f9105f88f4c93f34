//! What an adapter accepts as the place to connect to.

use super::target::Target;
use crate::Error;

/// A URL or another connection string that [`Target::parse`] reads, or a [`Target`] made from one. Sealed: it is not meant to be implemented for other types.
///
/// ```
/// use entra_pg_core::{Error, IntoTarget, Target};
///
/// fn database(target: impl IntoTarget) -> Result<Option<String>, Error> {
///     Ok(target.into_target()?.database().map(str::to_owned))
/// }
///
/// # fn main() -> Result<(), Error> {
/// let url = "postgres://app@myserver.postgres.database.azure.com/orders";
/// assert_eq!(database(url)?, database(Target::parse(url)?)?);
/// # Ok(())
/// # }
/// ```
pub trait IntoTarget: sealed::Sealed {
    /// Returns the target, reading the URL if it is one, which may block as [`Target::parse`] does.
    ///
    /// # Errors
    /// As [`Target::parse`].
    fn into_target(self) -> Result<Target, Error>;
}

impl IntoTarget for Target {
    fn into_target(self) -> Result<Target, Error> {
        Ok(self)
    }
}

impl IntoTarget for &Target {
    fn into_target(self) -> Result<Target, Error> {
        Ok(self.clone())
    }
}

impl IntoTarget for &str {
    fn into_target(self) -> Result<Target, Error> {
        Target::parse(self)
    }
}

impl IntoTarget for String {
    fn into_target(self) -> Result<Target, Error> {
        Target::parse(&self)
    }
}

impl IntoTarget for &String {
    fn into_target(self) -> Result<Target, Error> {
        Target::parse(self)
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Target {}
    impl Sealed for &super::Target {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for &String {}
}

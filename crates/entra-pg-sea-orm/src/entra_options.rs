//! What goes beyond SeaORM's own options.

use entra_pg_sqlx::{Strategy, entra_pg_core::Target};

/// Options of [`connect_with`](crate::connect_with). The default is what [`connect`](crate::connect) uses.
///
/// ```
/// use entra_pg_sea_orm::{EntraOptions, Strategy};
///
/// let options = EntraOptions::new().strategy(Strategy::Rotate);
/// ```
#[derive(Clone, Debug, Default)]
pub struct EntraOptions {
    pub(crate) strategy: Strategy,
    pub(crate) target: Option<Target>,
}

impl EntraOptions {
    /// Creates the default options: rotation, and the target that the options' URL names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how connections get their tokens.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Takes role, scope, root certificates and `connect_timeout` from this target. Host, port, database and session settings
    /// are those of the options' URL; another host is refused.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }
}

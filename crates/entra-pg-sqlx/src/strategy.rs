//! The two ways in which a pool's connections get their tokens.

use entra_pg_core::Entra;

/// How a pool's connections get their tokens. `&Entra` alone means [`Rotate`](Self::Rotate).
///
/// Both give the plain pool, and both keep it usable for as long as tokens can be had. Rotation costs nothing per query, and is
/// behind for a moment after a process was frozen past its token's expiry. Per connection is exact: a token that the server
/// refuses is replaced and tried once more, and it needs no `close()`; it costs a copy of every byte.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Strategy<'a> {
    /// A task gives the pool each new token.
    Rotate(&'a Entra),
    /// Each connection passes through a proxy in this process, which fetches a token for it.
    #[cfg(feature = "per-connection")]
    PerConnection(&'a Entra),
}

impl<'a> Strategy<'a> {
    /// Whose tokens.
    pub fn entra(self) -> &'a Entra {
        match self {
            Self::Rotate(entra) => entra,
            #[cfg(feature = "per-connection")]
            Self::PerConnection(entra) => entra,
        }
    }
}

impl<'a> From<&'a Entra> for Strategy<'a> {
    fn from(entra: &'a Entra) -> Self {
        Self::Rotate(entra)
    }
}

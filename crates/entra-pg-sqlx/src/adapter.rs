//! For adapters on top of this one, as that for SeaORM: a pool that they open in their own way.

pub use crate::pool::{OpenFailure, connect_pool};

//! What the suite, the fault table and the soak share: the adapters, the emulators, and one way of measuring.

pub mod adapters;
mod guides;
pub mod record;
pub mod relay;
pub mod rows;
pub mod subject;
pub mod world;

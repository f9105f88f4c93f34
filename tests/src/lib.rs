//! What the suite, the fault table and the soak share: the adapters, the emulators, and how operations are measured.

pub mod adapter_fixture;
pub mod adapters;
pub mod attack;
pub mod blackhole;
pub mod counting_relay;
pub mod fixtures;
mod guides;
pub mod pasted;
pub mod record;
pub mod recovery;
pub mod refusing_server;
pub mod relay;
pub mod round_trips;
pub mod scenarios;
pub mod standby;
pub mod token_endpoint;

//! The proxy: with real clients, with servers and clients that misbehave, from its start to its end, and under pools.

mod clients;
mod lifecycle;
mod pools;
pub mod raw;
pub mod servers;
mod strangers;

use entra_pg_emulator::Emulator;
use entra_pg_proxy::{Proxy, ProxyBuilder, entra_pg_core::Target};

use crate::fixtures::{entra, short_lived, target, unique};

/// A proxy to the emulator; other processes of this user may connect.
fn proxy_to(emulator: &Emulator) -> ProxyBuilder {
    builder(emulator, target(emulator, &unique("proxy")))
}

/// A proxy to some other server. Its tokens live so shortly that the Azure SDK, too, asks for another when it is to.
fn proxy_for(target: Target) -> ProxyBuilder {
    builder(short_lived(), target)
}

fn builder(emulator: &Emulator, target: Target) -> ProxyBuilder {
    Proxy::builder(entra(emulator).login_provider(target).expect("a database"))
}

//! Where clients connect: a socket file or a port, and the check of who is at the other end.

mod address;
#[cfg(unix)]
mod directory;
mod listener;
#[cfg(unix)]
mod peer;
#[cfg(unix)]
mod socket_file;

pub use self::address::Address;
pub(crate) use self::listener::{Client, Listener, bind_tcp};
#[cfg(unix)]
pub(crate) use self::{
    peer::{Admission, Peer},
    socket_file::{PRIVATE_PORT, SocketFile, bind_in, bind_private},
};

/// Windows has none.
#[cfg(not(unix))]
pub(crate) type SocketFile = std::convert::Infallible;

//! Where clients connect: a socket file or a port, and the check of who is at the other end.

mod address;
mod directory;
mod listener;
mod peer;
mod socket_file;

pub use self::address::Address;
pub(crate) use self::{
    listener::{Client, Listener, bind_tcp},
    peer::{Admission, Peer},
    socket_file::{PRIVATE_PORT, SocketFile, bind_in, bind_private},
};

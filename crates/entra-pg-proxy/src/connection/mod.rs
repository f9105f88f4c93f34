//! One client's connection. The modules stand in the order in which it passes through them.

/// 1. Accepts a client when the waiting room has a place.
mod accept;
mod episode;
mod waiting_room;

/// 2. Serves the client from its first packet to its end, with the modules below.
mod serve;

/// 3. Reads what the client wants: encryption, to cancel a query, or a session. Most others are closed without a response.
mod first_packet;
mod first_request;
mod startup;
mod unserved;

/// 4. Connects to the server: a token, TCP, TLS, authentication.
mod connect;

mod dial;
mod keepalive;

mod authenticate;
mod server_message;
mod server_state;
mod startup_response;

/// 5. Copies bytes in both directions until one side ends.
mod relay;

/// In place of 4 and 5: forwards a request to cancel a query to where its session runs.
mod cancel;
mod sessions;

pub(crate) use self::{accept::accept, dial::Upstream, serve::Shared, waiting_room::WaitingRoom};
#[cfg(any(test, fuzzing))]
pub(crate) use self::{
    first_packet::{FirstPacket, MAX_FIRST_PACKET, remaining_length},
    server_message::ServerMessage,
};

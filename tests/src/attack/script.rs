//! What a hostile server does to a connection.

use super::messages::refusal;

/// How far it goes along with the protocol before it shows its nature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A connection was accepted.
    Accepted,
    /// A request for TLS has come.
    Requested,
    /// It was granted, and the handshake is done, with a certificate that is right.
    Secured,
    /// The startup packet has come.
    Started,
    /// A password was asked for, and has come.
    Told,
    /// The client was let in.
    LetIn,
}

/// One thing that it does then. At the end it closes the connection.
#[derive(Clone, Debug)]
pub enum Act {
    Send(Vec<u8>),
    /// A byte at a time, so many milliseconds apart.
    Trickle(Vec<u8>, u64),
    /// Again and again, for as long as the client takes it.
    Flood(Vec<u8>),
    /// Waits for a whole request of HTTP.
    Request,
    /// What this makes of the token, or of the request.
    Quote(fn(&str) -> Vec<u8>),
    /// Waits for the next message, or for one more connection's worth of bytes.
    Read,
    /// So many bytes of its own side of a handshake with a certificate that is right.
    Handshake(u64),
    /// Passes everything on between the client and a server that is well, a byte at a time.
    Pieces,
    /// Nothing, until the client goes.
    Silence,
    Reset,
}

/// A script: where it begins, and what it does from there on.
#[derive(Clone, Debug)]
pub struct Script {
    pub stage: Stage,
    pub acts: Vec<Act>,
}

/// What a server does whose certificate should not have been accepted.
pub(super) fn refusing() -> Script {
    Script {
        stage: Stage::Told,
        acts: vec![Act::Send(refusal(
            "28P01",
            "nothing is wrong with the certificate",
        ))],
    }
}

//! An address that drops packets, as one behind a firewall does: a listener whose backlog is full.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

/// Longer than a connect on this machine takes; a connect that is merely slow costs one more try.
const DROPPED: Duration = Duration::from_millis(500);

/// Accepts nothing until it is dropped.
pub struct Blackhole {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Blackhole {
    pub async fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a free port");
        let listener = socket.listen(1).expect("listens");
        let address = listener.local_addr().expect("an address");
        let mut waiting = Vec::new();
        while let Ok(connected) = timeout(DROPPED, TcpStream::connect(address)).await {
            waiting.push(connected.expect("the backlog has room"));
        }
        Self {
            listener,
            _waiting: waiting,
        }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("an address").port()
    }
}

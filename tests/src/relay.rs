//! A TCP relay in front of PostgreSQL: the address that a name leads to, and the network in between.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What happens to a connection that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayMode {
    Forward(SocketAddr),
    /// It is closed at once.
    Close,
    /// It is accepted, and then nothing happens.
    Silent,
    /// The request for TLS is accepted, and then nothing happens.
    SilentAfterTls,
    /// The request for TLS is accepted, and the connection is closed.
    HangUp,
}

/// Listens on a free port of 127.0.0.1 until it is dropped.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    mode: Mutex<RelayMode>,
    /// Changes whenever all connections are to end.
    cut: watch::Sender<u64>,
}

impl Relay {
    pub async fn start(mode: RelayMode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            mode: Mutex::new(mode),
            cut: watch::Sender::new(0),
        });
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// For connections that arrive from now on.
    pub fn set(&self, mode: RelayMode) {
        *self.shared.mode() = mode;
    }

    /// Ends all connections, the silent ones included.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Nothing reads the mode any more, and open connections end.
        self.shared.cut.send_modify(|count| *count = u64::MAX);
    }
}

impl Shared {
    fn mode(&self) -> MutexGuard<'_, RelayMode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut end = shared.cut.subscribe();
    loop {
        tokio::select! {
            _ = end.wait_for(|count| *count == u64::MAX) => return,
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                let (mode, mut cut) = (*shared.mode(), shared.cut.subscribe());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cut.changed() => {}
                        () = carry(client, mode) => {}
                    }
                });
            }
        }
    }
}

async fn carry(mut client: TcpStream, mode: RelayMode) {
    if let RelayMode::Forward(address) = mode {
        if let Ok(mut server) = TcpStream::connect(address).await {
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
        return;
    }
    if mode == RelayMode::Close {
        return;
    }
    if mode != RelayMode::Silent {
        let mut request = [0; 8];
        let _ = client.read_exact(&mut request).await;
        let _ = client.write_all(b"S").await;
    }
    if mode != RelayMode::HangUp {
        let mut ignored = Vec::new();
        let _ = client.read_to_end(&mut ignored).await;
    }
}

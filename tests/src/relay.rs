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
pub enum Way {
    To(SocketAddr),
    /// It ends at once.
    Closed,
    /// It is accepted, and nothing more is said.
    Silence,
    /// The request for TLS is agreed to, and nothing more is said.
    SilenceAfterTls,
    /// The request for TLS is agreed to, and the connection ends.
    HangUp,
}

/// Listens on a free port of 127.0.0.1 until it is dropped.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    way: Mutex<Way>,
    /// Changes whenever all connections are to end.
    cut: watch::Sender<u64>,
}

impl Relay {
    pub async fn start(way: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            way: Mutex::new(way),
            cut: watch::Sender::new(0),
        });
        tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// For connections that arrive from now on.
    pub fn set(&self, way: Way) {
        *self.shared.way() = way;
    }

    /// Ends all connections, the silent ones included.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Nobody asks for the way any more, and whoever is connected is let go.
        self.shared.cut.send_modify(|count| *count = u64::MAX);
    }
}

impl Shared {
    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut end = shared.cut.subscribe();
    loop {
        tokio::select! {
            _ = end.wait_for(|count| *count == u64::MAX) => return,
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                let (way, mut cut) = (*shared.way(), shared.cut.subscribe());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cut.changed() => {}
                        () = carry(client, way) => {}
                    }
                });
            }
        }
    }
}

async fn carry(mut client: TcpStream, way: Way) {
    if let Way::To(address) = way {
        if let Ok(mut server) = TcpStream::connect(address).await {
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
        return;
    }
    if way == Way::Closed {
        return;
    }
    if way != Way::Silence {
        let mut request = [0; 8];
        let _ = client.read_exact(&mut request).await;
        let _ = client.write_all(b"S").await;
    }
    if way != Way::HangUp {
        let mut ignored = Vec::new();
        let _ = client.read_to_end(&mut ignored).await;
    }
}

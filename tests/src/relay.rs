//! A TCP relay in front of PostgreSQL: the address that a name leads to, and the network in between.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use socket2::{SockFilter, SockRef};
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
    /// The request for TLS is answered with these bytes, and the connection is closed.
    Says(&'static [u8]),
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
    /// Changes when the connections up to now are to be forgotten; those that come then have another.
    forget: Mutex<watch::Sender<()>>,
}

impl Relay {
    pub async fn start(mode: RelayMode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            mode: Mutex::new(mode),
            cut: watch::Sender::new(0),
            forget: Mutex::default(),
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

    /// Forgets all open connections, as a gateway does: what clients send on them is dropped and never acknowledged, not even by
    /// the kernel, and nothing is sent to them. Connections that arrive from now on are not affected.
    pub async fn forget(&self) {
        let forget = std::mem::take(&mut *self.shared.forget());
        forget.send_replace(());
        forget.closed().await;
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

    fn forget(&self) -> MutexGuard<'_, watch::Sender<()>> {
        self.forget.lock().unwrap_or_else(PoisonError::into_inner)
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
                let forgotten = shared.forget().subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cut.changed() => {}
                        () = carry_until(client, mode, forgotten) => {}
                    }
                });
            }
        }
    }
}

async fn carry_until(mut client: TcpStream, mode: RelayMode, mut forgotten: watch::Receiver<()>) {
    tokio::select! {
        Ok(()) = forgotten.changed() => {
            drop_packets(&client);
            drop(forgotten);
            pending().await
        }
        () = carry(&mut client, mode) => {}
    }
}

/// A filter that accepts no byte of any packet. It runs before TCP sees the packet.
fn drop_packets(client: &TcpStream) {
    const RETURN: u16 = 0x06;
    let nothing = SockFilter::new(RETURN, 0, 0, 0);
    let attached = SockRef::from(client).attach_filter(&[nothing]);
    attached.expect("Linux takes a filter");
}

async fn carry(client: &mut TcpStream, mode: RelayMode) {
    if let RelayMode::Forward(address) = mode {
        if let Ok(mut server) = TcpStream::connect(address).await {
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let _ = copy_bidirectional(client, &mut server).await;
        }
        return;
    }
    if mode == RelayMode::Close {
        return;
    }
    if mode != RelayMode::Silent {
        let mut request = [0; 8];
        let _ = client.read_exact(&mut request).await;
        let answer = if let RelayMode::Says(words) = mode {
            words
        } else {
            b"S"
        };
        let _ = client.write_all(answer).await;
    }
    if !matches!(mode, RelayMode::HangUp | RelayMode::Says(_)) {
        let mut ignored = Vec::new();
        let _ = client.read_to_end(&mut ignored).await;
    }
}

//! Counts how often a connection's client waits for the server: what a connect costs on a network, whatever that network is.
//!
//! A round trip begins when the client sends something after an answer has reached it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use entra_pg_emulator::Emulator;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Listens on a free port of 127.0.0.1, and forwards to an emulator.
pub struct CountingRelay {
    port: u16,
    root: String,
    /// In the order of their arrival.
    connections: Arc<Mutex<Vec<Arc<Count>>>>,
}

struct Count {
    round_trips: AtomicU32,
    /// Whether the client has an answer to what it has sent.
    answered: AtomicBool,
}

impl CountingRelay {
    /// Each answer is on its way for so long.
    pub async fn start(emulator: &Emulator, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let relay = Self {
            port: listener.local_addr().expect("an address").port(),
            root: emulator.ca_file().display().to_string(),
            connections: Arc::default(),
        };
        let (server, connections) = (emulator.port(), Arc::clone(&relay.connections));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let count = Arc::new(Count {
                    // TCP's own.
                    round_trips: AtomicU32::new(1),
                    answered: AtomicBool::new(true),
                });
                locked(&connections).push(Arc::clone(&count));
                tokio::spawn(forward(client, server, delay, count));
            }
        });
        relay
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// For the role `app`.
    pub fn url(&self) -> String {
        let Self { port, root, .. } = self;
        format!("postgres://app@localhost:{port}/postgres?sslrootcert={root}")
    }

    /// The round trips that each connection has begun.
    pub fn counts(&self) -> Vec<u32> {
        let connections = locked(&self.connections);
        let counts = connections
            .iter()
            .map(|count| count.round_trips.load(SeqCst));
        counts.collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn forward(client: TcpStream, server: u16, delay: Duration, count: Arc<Count>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    for end in [&client, &server] {
        let _ = end.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        requests(from_client, to_server, &count),
        answers(from_server, to_client, delay, &count),
    );
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: &Count) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if count.answered.swap(false, SeqCst) {
            count.round_trips.fetch_add(1, SeqCst);
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration, count: &Count) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        tokio::time::sleep(delay).await;
        count.answered.store(true, SeqCst);
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

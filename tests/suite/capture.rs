//! Forwards a TCP connection and keeps what the client sent.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic under this lock").clone()
    }

    fn add(&self, bytes: &[u8]) {
        self.0
            .lock()
            .expect("no panic under this lock")
            .extend_from_slice(bytes);
    }
}

/// Listens on a free port of 127.0.0.1 and forwards to `port` there.
pub async fn capture(port: u16) -> (u16, Captured) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let own = listener.local_addr().expect("an address").port();
    let captured = Captured::default();
    let capture = captured.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port))
                .await
                .expect("the server listens");
            tokio::spawn(forward(client, server, capture.clone()));
        }
    });
    (own, captured)
}

async fn forward(client: TcpStream, server: TcpStream, captured: Captured) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let upstream = async move {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            captured.add(&buffer[..length]);
            if to_server.write_all(&buffer[..length]).await.is_err() {
                break;
            }
        }
    };
    let downstream = async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    tokio::join!(upstream, downstream);
}

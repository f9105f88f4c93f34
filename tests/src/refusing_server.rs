//! A server on loopback, without TLS, which requests the token and then refuses the login in any words.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const CLEARTEXT: &[u8] = b"R\0\0\0\x08\0\0\0\x03";

/// Lives as long as the runtime.
pub struct RefusingServer {
    pub port: u16,
    logins: Arc<AtomicUsize>,
}

impl RefusingServer {
    pub async fn start(sqlstate: &'static str, message: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let logins = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&logins);
        let refusal = error_response(sqlstate, message);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (count, refusal) = (Arc::clone(&count), refusal.clone());
                tokio::spawn(async move {
                    if refuse(client, &refusal).await.is_ok() {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { port, logins }
    }

    /// How many logins it has refused.
    pub fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }
}

async fn refuse(mut client: TcpStream, refusal: &[u8]) -> std::io::Result<()> {
    let length = client.read_u32().await?;
    skip(&mut client, length).await?;
    client.write_all(CLEARTEXT).await?;
    client.read_u8().await?;
    let length = client.read_u32().await?;
    skip(&mut client, length).await?;
    client.write_all(refusal).await?;
    client.shutdown().await
}

/// The rest of a message whose length has been read.
async fn skip(client: &mut TcpStream, length: u32) -> std::io::Result<()> {
    let mut rest = vec![0; length.saturating_sub(4) as usize];
    client.read_exact(&mut rest).await.map(|_| ())
}

fn error_response(sqlstate: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).expect("a short message");
    [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
}

//! A managed identity endpoint that is not there yet, or misbehaves at first, and then serves the emulator's tokens.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use entra_pg_core::{Entra, RefreshPolicy};
use entra_pg_emulator::{CredentialSource, Emulator};
use tokio::{
    io::{self, AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpSocket, TcpStream},
};

/// What happens to one request in place of a token.
#[derive(Clone, Debug)]
pub enum Misbehaviour {
    Respond(String),
    Reset,
    Hang,
}

/// What the endpoint says about itself.
pub const WORDS: &str = "the endpoint's own words";

impl Misbehaviour {
    /// This status, with these lines among the headers.
    pub fn status(status: u16, headers: &[&str]) -> Self {
        Self::saying(status, headers, WORDS)
    }

    /// This status, with these words in the body's JSON.
    pub fn saying(status: u16, headers: &[&str], words: &str) -> Self {
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let body = serde_json::json!({ "message": words }).to_string();
        let length = body.len();
        Self::Respond(format!(
            "HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
        ))
    }
}

/// Has a port from the beginning on, where it refuses connections until it listens.
pub struct TokenEndpoint {
    address: SocketAddr,
    emulator: SocketAddr,
    socket: Mutex<Option<TcpSocket>>,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    first: Mutex<VecDeque<Misbehaviour>>,
    otherwise: Mutex<Option<Misbehaviour>>,
    connections: AtomicU64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TokenEndpoint {
    pub fn absent(emulator: &Emulator) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        socket.bind(any).expect("a free port");
        let control = emulator.control_url();
        let authority = control.trim_start_matches("http://").split('/').next();
        Self {
            address: socket.local_addr().expect("an address"),
            emulator: authority
                .and_then(|authority| authority.parse().ok())
                .expect("an address"),
            socket: Mutex::new(Some(socket)),
            script: Arc::default(),
        }
    }

    /// Listens, and misbehaves on its first requests.
    pub fn misbehaving(emulator: &Emulator, first: impl IntoIterator<Item = Misbehaviour>) -> Self {
        let endpoint = Self::absent(emulator);
        locked(&endpoint.script.first).extend(first);
        endpoint.listen();
        endpoint
    }

    /// On the next request.
    pub fn misbehave_once(&self, now: Misbehaviour) {
        locked(&self.script.first).push_back(now);
    }

    /// Whether it will misbehave on the next request, and then be well.
    pub fn is_about_to_misbehave(&self) -> bool {
        !locked(&self.script.first).is_empty()
    }

    /// From now on, on every request; `None` ends it.
    pub fn misbehave(&self, otherwise: Option<Misbehaviour>) {
        *locked(&self.script.otherwise) = otherwise;
    }

    pub fn listen(&self) {
        if let Some(socket) = locked(&self.socket).take() {
            let listener = socket.listen(1_024).expect("listens");
            tokio::spawn(serve(listener, self.emulator, Arc::clone(&self.script)));
        }
    }

    /// How many connections there were, each for one request.
    pub fn connections(&self) -> u64 {
        self.script.connections.load(SeqCst)
    }

    /// The credential of this source, at this endpoint.
    pub fn entra(&self, emulator: &Emulator, source: CredentialSource) -> Entra {
        self.entra_with(emulator, source, RefreshPolicy::default())
    }

    pub fn entra_with(
        &self,
        emulator: &Emulator,
        source: CredentialSource,
        policy: RefreshPolicy,
    ) -> Entra {
        let own = format!("http://{}", self.emulator);
        let here = format!("http://{}", self.address);
        let variables = emulator.environment(source).into_iter();
        Entra::builder()
            .vars(variables.map(|(name, value)| (name, value.replace(&own, &here))))
            .refresh_policy(policy)
            .build()
            .expect("a credential")
    }
}

async fn serve(listener: TcpListener, emulator: SocketAddr, script: Arc<Script>) {
    while let Ok((client, _)) = listener.accept().await {
        script.connections.fetch_add(1, SeqCst);
        let first = locked(&script.first).pop_front();
        let now = first.or_else(|| locked(&script.otherwise).clone());
        tokio::spawn(carry(client, emulator, now));
    }
}

async fn carry(mut client: TcpStream, emulator: SocketAddr, now: Option<Misbehaviour>) {
    match now {
        Some(Misbehaviour::Hang) => {
            // Until the client gives up.
            let _ = io::copy(&mut client, &mut io::sink()).await;
        }
        Some(Misbehaviour::Reset) => {
            let _ = client.set_zero_linger();
        }
        Some(Misbehaviour::Respond(response)) => {
            let mut request = BufReader::new(client);
            let _ = head(&mut request).await;
            let _ = request.write_all(response.as_bytes()).await;
            let _ = request.shutdown().await;
            // So that a reset does not overtake the response.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        None => {
            let _ = forward(BufReader::new(client), emulator).await;
        }
    }
}

/// One request, so that the next one is a connection of its own.
async fn forward(mut client: BufReader<TcpStream>, emulator: SocketAddr) -> io::Result<()> {
    let head = head(&mut client).await?;
    let mut server = TcpStream::connect(emulator).await?;
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    server.write_all(head.as_bytes()).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// The first line and the headers.
async fn head(request: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while request.read_line(&mut head).await? > 2 {}
    Ok(head)
}

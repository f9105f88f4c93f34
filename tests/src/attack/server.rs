//! A hostile server, which acts out a script on each connection and remembers what it was sent.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, duplex, split},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;

use super::{
    messages::{asks_for_password, lets_in, ready},
    script::{Act, Script, Stage},
};

/// What is remembered of each kind of connection.
const MEMORY: usize = 256 * 1024;

/// What came over all connections.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub connections: usize,
    /// Before TLS.
    pub plain: Vec<u8>,
    /// Within TLS.
    pub secured: Vec<u8>,
    /// The passwords among it, each a token; and what else nobody may see.
    pub secrets: Vec<String>,
}

/// What a server needs to play its part.
#[derive(Clone)]
pub(super) struct Props {
    pub(super) tls: Arc<ServerConfig>,
    /// A server that is well.
    pub(super) behind: SocketAddr,
    /// Whether TLS begins at once.
    pub(super) https: bool,
}

/// Listens until it is dropped.
pub(super) struct HostileServer {
    pub(super) port: u16,
    heard: Arc<Mutex<Heard>>,
    listening: tokio::task::AbortHandle,
}

impl HostileServer {
    pub(super) async fn start(script: Script, props: Props) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::<Mutex<Heard>>::default();
        let memory = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (script, props) = (script.clone(), props.clone());
                locked(&memory).connections += 1;
                let peer = Peer::new(client, Arc::clone(&memory));
                tokio::spawn(async move { peer.play(&script, &props).await });
            }
        });
        Self {
            port,
            heard,
            listening: listening.abort_handle(),
        }
    }

    pub(super) fn heard(&self) -> Heard {
        locked(&self.heard).clone()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn locked(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

type Stream = Either<TcpStream, tokio_rustls::server::TlsStream<TcpStream>>;

struct Peer {
    stream: Stream,
    heard: Arc<Mutex<Heard>>,
    /// The token, or a request.
    told: String,
}

impl Peer {
    fn new(client: TcpStream, heard: Arc<Mutex<Heard>>) -> Self {
        let _ = client.set_nodelay(true);
        Self {
            stream: Either::Left(client),
            heard,
            told: String::new(),
        }
    }

    /// A client that goes is the end of it.
    async fn play(mut self, script: &Script, props: &Props) -> io::Result<()> {
        if props.https {
            self = self.secure(props).await?;
        }
        let mut peer = self.come_to(script.stage, props).await?;
        for act in &script.acts {
            peer.act(act, props).await?;
        }
        peer.stream.shutdown().await?;
        // So that a reset does not overtake what was sent.
        let _ = timeout(Duration::from_secs(1), peer.listen()).await;
        Ok(())
    }

    async fn come_to(mut self, stage: Stage, props: &Props) -> io::Result<Self> {
        if stage >= Stage::Requested {
            self.packet().await?;
        }
        if stage >= Stage::Secured {
            self.stream.write_all(b"S").await?;
            self = self.secure(props).await?;
        }
        if stage >= Stage::Started {
            self.packet().await?;
        }
        if stage >= Stage::Told {
            self.stream.write_all(&asks_for_password()).await?;
            self.password().await?;
        }
        if stage >= Stage::LetIn {
            let welcome = [lets_in(), ready()].concat();
            self.stream.write_all(&welcome).await?;
        }
        Ok(self)
    }

    async fn secure(mut self, props: &Props) -> io::Result<Self> {
        if let Either::Left(client) = self.stream {
            let secured = TlsAcceptor::from(Arc::clone(&props.tls)).accept(client);
            self.stream = Either::Right(secured.await?);
        }
        Ok(self)
    }

    async fn act(&mut self, act: &Act, props: &Props) -> io::Result<()> {
        match act {
            Act::Send(bytes) => self.stream.write_all(bytes).await,
            Act::Trickle(bytes, pause) => {
                for byte in bytes {
                    self.stream.write_all(&[*byte]).await?;
                    self.stream.flush().await?;
                    sleep(Duration::from_millis(*pause)).await;
                }
                Ok(())
            }
            Act::Flood(bytes) => {
                let many = bytes.repeat(16 * 1024 / bytes.len().max(1) + 1);
                loop {
                    self.stream.write_all(&many).await?;
                }
            }
            Act::Quote(quote) => {
                let quoted = quote(&self.told);
                self.stream.write_all(&quoted).await
            }
            Act::Request => self.request().await,
            Act::Read => self.read(&mut [0; 16 * 1024]).await.map(drop),
            Act::Handshake(bytes) => self.handshake(*bytes, props).await,
            Act::Pieces => self.pass_on(props.behind).await,
            Act::Silence => self.listen().await,
            Act::Reset => {
                match &self.stream {
                    Either::Left(client) => client.set_zero_linger()?,
                    Either::Right(client) => client.get_ref().0.set_zero_linger()?,
                }
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }

    /// The part of a handshake that the client may see, and then nothing.
    async fn handshake(&mut self, bytes: u64, props: &Props) -> io::Result<()> {
        let Either::Left(client) = &mut self.stream else {
            return Ok(());
        };
        let (ours, theirs) = duplex(MEMORY);
        tokio::spawn(TlsAcceptor::from(Arc::clone(&props.tls)).accept(theirs));
        let (from_server, mut to_server) = split(ours);
        let (mut from_client, mut to_client) = client.split();
        let mut part = from_server.take(bytes);
        let answers = copy(&mut part, &mut to_client);
        tokio::try_join!(copy(&mut from_client, &mut to_server), answers).map(drop)
    }

    async fn pass_on(&mut self, behind: SocketAddr) -> io::Result<()> {
        let Either::Left(client) = &mut self.stream else {
            return Ok(());
        };
        let mut server = TcpStream::connect(behind).await?;
        server.set_nodelay(true)?;
        let (mut from_server, mut to_server) = server.split();
        let (mut from_client, mut to_client) = client.split();
        let answers = async {
            while let Ok(byte) = from_server.read_u8().await {
                to_client.write_u8(byte).await?;
            }
            to_client.shutdown().await
        };
        tokio::try_join!(copy(&mut from_client, &mut to_server), answers).map(drop)
    }

    /// A request of HTTP, and its body if it comes at once.
    async fn request(&mut self) -> io::Result<()> {
        let (mut buffer, mut request) = (vec![0; 16 * 1024], String::new());
        while !request.contains("\r\n\r\n") {
            match self.read(&mut buffer).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => request.push_str(&String::from_utf8_lossy(&buffer[..more])),
            }
        }
        if request.starts_with("POST") && request.ends_with("\r\n\r\n") {
            let more = self.read(&mut buffer).await?;
            request.push_str(&String::from_utf8_lossy(&buffer[..more]));
        }
        self.told = request;
        Ok(())
    }

    async fn listen(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        while self.read(&mut buffer).await? > 0 {}
        Ok(())
    }

    /// A packet without a tag.
    async fn packet(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length).clamp(4, 64 * 1024);
        let mut body = vec![0; length as usize - 4];
        self.read_exact(&mut body).await?;
        Ok(body)
    }

    async fn password(&mut self) -> io::Result<()> {
        self.read_exact(&mut [0]).await?;
        let body = self.packet().await?;
        let token = String::from_utf8_lossy(&body);
        self.told = token.trim_end_matches('\0').to_owned();
        locked(&self.heard).secrets.push(self.told.clone());
        Ok(())
    }

    async fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => filled += more,
            }
        }
        Ok(())
    }

    /// Everything that is read comes through here.
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer).await?;
        let mut heard = locked(&self.heard);
        let kept = match self.stream {
            Either::Left(_) => &mut heard.plain,
            Either::Right(_) => &mut heard.secured,
        };
        let room = MEMORY.saturating_sub(kept.len());
        kept.extend_from_slice(&buffer[..length.min(room)]);
        Ok(length)
    }
}

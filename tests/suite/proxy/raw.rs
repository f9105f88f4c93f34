//! A client that speaks the protocol byte by byte, for what real clients never do.

use bytes::BytesMut;
use entra_pg_proxy::Address;
use postgres_protocol::message::{
    backend::{ERROR_RESPONSE_TAG, READY_FOR_QUERY_TAG},
    frontend,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};
use tokio_util::either::Either;

pub struct Raw(pub Either<UnixStream, TcpStream>);

impl Raw {
    pub async fn connect(address: &Address) -> std::io::Result<Self> {
        Ok(Self(match address {
            Address::Tcp(address) => Either::Right(TcpStream::connect(address).await?),
            unix => Either::Left(UnixStream::connect(unix.to_string()).await?),
        }))
    }

    /// Connects as this role.
    pub async fn begin(address: &Address, user: &str) -> Self {
        Self::begin_with(address, &startup(user)).await
    }

    /// Connects, and sends this first.
    pub async fn begin_with(address: &Address, bytes: &[u8]) -> Self {
        let mut raw = Self::connect(address).await.expect("connects");
        raw.send(bytes).await;
        raw
    }

    /// As [`begin`](Self::begin), and reads up to where queries may come.
    pub async fn ready(address: &Address) -> Self {
        let mut raw = Self::begin(address, "app").await;
        loop {
            let (tag, body) = raw.message().await.expect("a message");
            assert_ne!(tag, ERROR_RESPONSE_TAG, "{}", text(&body));
            if tag == READY_FOR_QUERY_TAG {
                return raw;
            }
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("the proxy reads");
    }

    pub async fn query(&mut self, sql: &str) {
        let mut message = BytesMut::new();
        frontend::query(sql, &mut message).expect("no zeros");
        self.send(&message).await;
    }

    /// The next message; `None` at the end.
    pub async fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let tag = self.0.read_u8().await.ok()?;
        let length = self.0.read_u32().await.ok()?;
        let mut body = vec![0; length as usize - 4];
        self.0.read_exact(&mut body).await.ok()?;
        Some((tag, body))
    }

    /// The text of the error, which is the proxy's only message.
    pub async fn error(&mut self) -> String {
        let (tag, body) = self.message().await.expect("an answer");
        assert_eq!(tag, ERROR_RESPONSE_TAG, "{}", text(&body));
        assert_eq!(self.message().await, None, "and nothing after it");
        text(&body)
    }
}

pub fn startup(user: &str) -> BytesMut {
    let mut packet = BytesMut::new();
    let parameters = [("user", user), ("database", "postgres")];
    frontend::startup_message(parameters, &mut packet).expect("no zeros");
    packet
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', " ")
}

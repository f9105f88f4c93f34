//! Requests to the HTTP API of a running emulator.

use std::error::Error;

use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header::HOST},
};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime};
use url::{Position, Url};

/// What a request led to: status and body, or why there was no response.
pub(crate) type Answer = Result<(StatusCode, String), Box<dyn Error>>;

/// Sends one request and waits for the response as long as it takes.
pub(crate) fn send(method: Method, url: &Url, body: String) -> Answer {
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(exchange(method, url, body))
}

async fn exchange(method: Method, url: &Url, body: String) -> Answer {
    let address = url.socket_addrs(|| None)?;
    let stream = TcpStream::connect(&*address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .body(body)?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await?;
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}

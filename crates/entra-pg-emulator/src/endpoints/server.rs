//! The HTTP server, which is also the proxy through which SDKs reach the metadata endpoint.

use std::{io, net::SocketAddr, os::fd::AsFd, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use socket2::Socket;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use super::response::Reset;
use crate::resources::accept;

/// The only host that the plain listener is a proxy for.
const METADATA_HOST: &str = "169.254.169.254";

/// Accepts connections until the task is aborted.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    loop {
        let (stream, peer) = accept(&listener).await;
        tokio::spawn(connection(stream, peer, tls.clone(), router.clone()));
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, router: Router) {
    let result = async {
        // A second handle to the socket, to reset it while hyper owns the first.
        let socket = Socket::from(stream.as_fd().try_clone_to_owned()?);
        match tls {
            Some(tls) => serve_connection(tls.accept(stream).await?, socket, router).await,
            None => serve_connection(stream, socket, router).await,
        }
    };
    if let Err(error) = result.await {
        tracing::debug!(target: "entra_pg_emulator", %peer, "HTTP: {error}");
    }
}

async fn serve_connection<T>(stream: T, socket: Socket, router: Router) -> io::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = Arc::new(socket);
    let service = service_fn(|request: Request<Incoming>| {
        let (mut router, socket) = (router.clone(), Arc::clone(&socket));
        async move {
            let response = if is_served(request.uri()) {
                Service::call(&mut router, request.map(Body::new))
                    .await
                    .unwrap_or_else(|never| match never {})
            } else {
                refuse_proxy(request.uri())
            };
            if response.extensions().get::<Reset>().is_some() {
                socket.set_linger(Some(Duration::ZERO))?;
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            Ok(response)
        }
    });
    http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

/// Requests with an absolute URI are for a proxy. The server is one for the metadata endpoint only.
fn is_served(uri: &Uri) -> bool {
    let metadata = uri.scheme_str() == Some("http")
        && uri.host() == Some(METADATA_HOST)
        && uri.port_u16().is_none_or(|port| port == 80)
        && uri.path().starts_with("/metadata/");
    uri.authority().is_none() || metadata
}

fn refuse_proxy(uri: &Uri) -> Response {
    let host = uri.host().unwrap_or_default();
    let message = format!(
        "entra-pg-emulator is a proxy for http://{METADATA_HOST}/metadata/ only, not for {host}\n"
    );
    (StatusCode::FORBIDDEN, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_proxy_for_the_metadata_endpoint_and_nothing_else() {
        for (uri, expected) in [
            ("/control/status", true),
            (
                "http://169.254.169.254/metadata/identity/oauth2/token?resource=x",
                true,
            ),
            ("http://169.254.169.254:80/metadata/instance", true),
            ("http://169.254.169.254:8080/metadata/instance", false),
            ("http://169.254.169.254/control/status", false),
            ("https://169.254.169.254/metadata/instance", false),
            ("http://example.org/metadata/instance", false),
            ("example.org:443", false),
        ] {
            assert_eq!(is_served(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}

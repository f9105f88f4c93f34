//! rustls under the driver, reporting its steps: the driver connects in one call, and an error should name where it stopped.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use entra_pg_core::connect::{Attempt, Step};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Socket,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect},
};
use tokio_postgres_rustls::MakeRustlsConnect;

type RustlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// What a server may send until the login has ended, in bytes. The driver itself would collect a message of any length.
const MAX_STARTUP_RESPONSE: usize = 256 * 1024;

/// The encrypted stream under a [`Connection`](crate::Connection).
pub struct TlsStream {
    inner: RustlsStream,
    /// Until the login has ended.
    startup: Option<Startup>,
}

struct Startup {
    attempt: Attempt,
    received: usize,
}

/// Makes handshakes that report their steps to an attempt.
pub(crate) struct ReportingTls<T> {
    inner: T,
    attempt: Attempt,
}

impl<T> ReportingTls<T> {
    pub(crate) fn new(inner: T, attempt: Attempt) -> Self {
        Self { inner, attempt }
    }
}

impl MakeTlsConnect<Socket> for ReportingTls<MakeRustlsConnect> {
    type Stream = TlsStream;
    type TlsConnect = ReportingTls<<MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect>;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        let inner = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.inner, host)?;
        Ok(ReportingTls::new(inner, self.attempt.clone()))
    }
}

impl<C> TlsConnect<Socket> for ReportingTls<C>
where
    C: TlsConnect<Socket, Stream = RustlsStream, Error = io::Error, Future: Send + 'static>,
{
    type Stream = TlsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        self.attempt.set_step(Step::TlsHandshake);
        let handshake = self.inner.connect(stream);
        let attempt = self.attempt;
        Box::pin(async move {
            let stream = handshake.await?;
            attempt.set_step(Step::Authentication);
            let received = 0;
            Ok(TlsStream {
                inner: stream,
                startup: Some(Startup { attempt, received }),
            })
        })
    }
}

impl TlsStream {
    fn count(&mut self, received: usize) -> io::Result<()> {
        let authenticating =
            |startup: &&mut Startup| startup.attempt.step() == Step::Authentication;
        let Some(startup) = self.startup.as_mut().filter(authenticating) else {
            self.startup = None;
            return Ok(());
        };
        startup.received += received;
        if startup.received > MAX_STARTUP_RESPONSE {
            return Err(io::Error::other(format!(
                "the server sent more than {MAX_STARTUP_RESPONSE} bytes before it was ready"
            )));
        }
        Ok(())
    }
}

impl tokio_postgres::tls::TlsStream for TlsStream {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        Poll::Ready(self.count(buffer.filled().len() - before))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

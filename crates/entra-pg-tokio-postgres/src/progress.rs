//! How far a connect has come, so that an error and a timeout can say where it stopped: the driver does it all in one call.

use std::{fmt::Write, future::Future, io, pin::Pin, time::Duration};

use entra_pg_core::{
    Error, ErrorKind,
    observe::{Progress, Step},
};
use tokio_postgres::{
    Socket,
    tls::{MakeTlsConnect, TlsConnect},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The encrypted stream under a connection.
pub type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

const WORTH_TELLING: Duration = Duration::from_secs(1);

/// The error of a connect that ran out of time at this step. `token_took` is the part of the limit that went by before.
pub(crate) fn timed_out(step: Step, limit: Duration, token_took: Duration) -> Error {
    let (during, hint) = match step {
        Step::Handshake => (
            "the TLS handshake",
            "the server, or something in between, stalls",
        ),
        Step::Authentication => (
            "authentication",
            "the server accepts connections but stalls: check its health",
        ),
        Step::Preparation | Step::Ready => (
            "setting up the session",
            "the server accepts connections but stalls: check its health",
        ),
        Step::Token | Step::Connecting | Step::Reaching => (
            "reaching the server",
            "check the host's name and port, and that the server's firewall lets this machine in",
        ),
    };
    let limit = limit.as_secs_f64();
    let mut message = format!("{during} was not done within {limit} s");
    if token_took > WORTH_TELLING {
        let _ = write!(
            message,
            ", of which the token took {:.1} s",
            token_took.as_secs_f64()
        );
    }
    Error::new(ErrorKind::ConnectTimeout, message)
        .with_hint(hint)
        .transient(true)
}

/// rustls, noting the steps.
pub(crate) struct Tls<T> {
    inner: T,
    progress: Progress,
}

impl<T> Tls<T> {
    pub(crate) fn new(inner: T, progress: Progress) -> Self {
        Self { inner, progress }
    }
}

impl MakeTlsConnect<Socket> for Tls<MakeRustlsConnect> {
    type Stream = TlsStream;
    type TlsConnect = Tls<<MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect>;
    type Error = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Error;

    fn make_tls_connect(&mut self, host: &str) -> Result<Self::TlsConnect, Self::Error> {
        let inner = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.inner, host)?;
        Ok(Tls::new(inner, self.progress.clone()))
    }
}

impl<C> TlsConnect<Socket> for Tls<C>
where
    C: TlsConnect<Socket, Stream = TlsStream, Error = io::Error, Future: Send + 'static>,
{
    type Stream = TlsStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TlsStream>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        self.progress.reach(Step::Handshake);
        let handshake = self.inner.connect(stream);
        let progress = self.progress;
        Box::pin(async move {
            let stream = handshake.await?;
            progress.reach(Step::Authentication);
            Ok(stream)
        })
    }
}

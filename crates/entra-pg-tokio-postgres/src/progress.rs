//! How far a connect has come, so that an error and a timeout can say where it stopped: the driver does it all in one call.

use std::{future::Future, io, pin::Pin};

use entra_pg_core::observe::{Progress, Step};
use tokio_postgres::{
    Socket,
    tls::{MakeTlsConnect, TlsConnect},
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The encrypted stream under a connection.
pub type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

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

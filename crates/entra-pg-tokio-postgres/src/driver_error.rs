//! Our error as one of the driver's, for a pool whose errors can only be the driver's.

use std::{
    error::Error as StdError,
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use entra_pg_core::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{Config, NoTls, config::SslMode};

/// Returns an error of the driver's whose [`source`](StdError::source) leads to this one. The driver makes its errors itself,
/// of what a stream reports, so it is given a stream that reports this.
pub(crate) async fn driver_error(error: Error) -> tokio_postgres::Error {
    let mut config = Config::new();
    // A name, or the driver would ask the system for one.
    config.user("nobody").ssl_mode(SslMode::Disable);
    match config.connect_raw(Failed(error), NoTls).await {
        Err(error) => error,
        Ok(_) => unreachable!("nothing is opened over a stream that fails"),
    }
}

/// A stream that has failed.
struct Failed(Error);

impl Failed {
    fn error<T>(&self) -> Poll<io::Result<T>> {
        Poll::Ready(Err(io::Error::other(NotOpened(self.0.clone()))))
    }
}

impl AsyncRead for Failed {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.error()
    }
}

impl AsyncWrite for Failed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.error()
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.error()
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.error()
    }
}

/// Between the two: an I/O error hides what it is made of, but not the source of that.
#[derive(Debug)]
struct NotOpened(Error);

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection was opened")
    }
}

impl StdError for NotOpened {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::iter::successors;

    use entra_pg_core::{ErrorKind, connect::chain};

    use super::*;

    #[tokio::test]
    async fn the_cause_is_not_hidden_in_the_drivers_error() {
        let cause = Error::new(ErrorKind::NoUser, "no user").with_transient(true);
        let error = driver_error(cause.clone()).await;
        let mut causes = successors(error.source(), |&error| error.source());
        let found = causes.find_map(|error| error.downcast_ref::<Error>());
        let found = found.expect("the cause is in the chain");
        assert!(found.kind() == ErrorKind::NoUser && found.is_transient());
        assert!(chain(&error).ends_with(&cause.to_string()), "{error:?}");
        assert!(
            format!("{error:?}").contains(&cause.to_string()),
            "what `main` prints"
        );
    }
}

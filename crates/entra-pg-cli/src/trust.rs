//! The file of root certificates for a program.

use std::path::{Path, PathBuf};

use entra_pg_core::RootCertificates;

/// Returns the target's own file, or the one in which this platform keeps its roots. `None` where there is none, as on macOS
/// without OpenSSL: then only a program that knows `system` can verify a server.
pub(crate) fn file(roots: &RootCertificates) -> Option<PathBuf> {
    match roots.file() {
        Some(file) => Some(absolute(file)),
        // The file for OpenSSL, so that libpq before version 16, which does not know `system`, finds it.
        None => openssl_probe::probe().cert_file,
    }
}

/// A program may change its directory.
pub(crate) fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

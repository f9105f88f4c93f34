//! Which certificates are trusted, and the rustls configuration that follows from it.
//!
//! The crypto provider is always named: with two compiled in, rustls's process-wide default panics. Configurations are
//! built once, not per connection.

use std::{
    fmt, fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::{Error, ErrorKind};

/// The certificates that a server's must lead to.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Roots {
    /// The platform's certificate store (or Mozilla's, with the feature `webpki-roots`). Azure's servers are signed by
    /// roots in both.
    #[default]
    Platform,
    /// Only these. (sqlx, and so SeaORM, cannot leave the platform's out: there these are trusted in addition.)
    Only(OwnRoots),
}

/// Root certificates from a file or from memory, checked.
#[derive(Clone)]
pub struct OwnRoots {
    pem: Arc<[u8]>,
    file: Option<Arc<Path>>,
    config: Arc<ClientConfig>,
}

impl Roots {
    /// Reads a file of PEM certificates, now and once.
    ///
    /// # Errors
    /// [`ErrorKind::RootCertificates`] if it cannot be read or holds no usable certificate.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let pem = fs::read(path).map_err(|error| {
            unusable(&format!("cannot read {}: {error}", path.display())).with_hint(
                "check sslrootcert or PGSSLROOTCERT; sslrootcert=system uses the platform's store",
            )
        })?;
        Self::read(pem, Some(path), &path.display().to_string())
    }

    /// Takes PEM certificates from memory.
    ///
    /// # Errors
    /// [`ErrorKind::RootCertificates`] if there is no usable certificate in it.
    pub fn from_pem(pem: impl Into<Vec<u8>>) -> Result<Self, Error> {
        Self::read(pem.into(), None, "the given text")
    }

    fn read(pem: Vec<u8>, file: Option<&Path>, origin: &str) -> Result<Self, Error> {
        let bad = |reason: &str| {
            unusable(&format!("{origin} {reason}")).with_hint(
                "it must hold certificates between BEGIN CERTIFICATE and END CERTIFICATE lines",
            )
        };
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| bad("is not valid PEM"))?;
            store.add(certificate).map_err(|error| {
                bad(&format!("holds a certificate that cannot be used: {error}"))
            })?;
        }
        if store.is_empty() {
            return Err(bad("holds no certificate"));
        }
        Ok(Self::Only(OwnRoots {
            pem: pem.into(),
            file: file.map(Arc::from),
            config: client_config(store)?,
        }))
    }

    /// The certificates as PEM, for drivers that take them so. `None` for the platform's.
    pub fn pem(&self) -> Option<&[u8]> {
        match self {
            Self::Platform => None,
            Self::Only(own) => Some(&own.pem),
        }
    }

    /// The file that they were read from, for programs that take its name.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Platform => None,
            Self::Only(own) => own.file.as_deref(),
        }
    }

    /// A rustls configuration that trusts these roots and checks the server's name. The same one at every call.
    ///
    /// # Errors
    /// [`ErrorKind::RootCertificates`] if the platform has no certificates.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, Error> {
        static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        match self {
            Self::Only(own) => Ok(Arc::clone(&own.config)),
            Self::Platform => match PLATFORM.get() {
                Some(config) => Ok(Arc::clone(config)),
                None => Ok(Arc::clone(PLATFORM.get_or_init({
                    let config = client_config(platform()?)?;
                    || config
                }))),
            },
        }
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Platform => "Platform",
            Self::Only(_) => "Only(…)",
        })
    }
}

pub(crate) fn client_config(roots: RootCertStore) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&format!("rustls: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn platform() -> Result<RootCertStore, Error> {
    #[allow(unused_mut, reason = "neither feature may be on")]
    let mut store = RootCertStore::empty();
    #[cfg(feature = "native-roots")]
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    #[cfg(feature = "webpki-roots")]
    store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if store.is_empty() {
        return Err(
            unusable("the platform has no root certificates").with_hint(
                "install them (Debian: ca-certificates), name a file in sslrootcert, or enable the feature webpki-roots",
            ),
        );
    }
    Ok(store)
}

fn unusable(message: &str) -> Error {
    Error::new(ErrorKind::RootCertificates, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<Roots, Error>) -> String {
        result.map(|_| ()).expect_err("must be refused").to_string()
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let text = message(Roots::from_file("/nonexistent/root.crt"));
        assert!(
            text.contains("/nonexistent/root.crt") && text.contains("sslrootcert"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_file_is_not_the_platforms_store() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = message(Roots::from_file(file.path()));
        assert!(text.contains("holds no certificate"), "{text}");
    }

    #[test]
    fn a_damaged_certificate_is_not_skipped() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(message(Roots::from_pem(pem)).contains("cannot be used"));
    }
}

//! Which certificates a server's must lead to.

use std::{fmt, path::Path, sync::Arc};

use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{certificate_format, platform_roots};
use crate::{Error, ErrorKind, environment::Environment, file};

/// The certificates that a server's must lead to.
///
/// ```no_run
/// # fn main() -> Result<(), entra_pg_core::Error> {
/// use entra_pg_core::{RootCertificates, Target};
///
/// let certificates = RootCertificates::from_file("/etc/ssl/my-ca.pem")?;
/// let target = Target::parse("postgres://app@db.example/orders")?.with_root_certificates(certificates);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum RootCertificates {
    /// The platform's certificate store (or Mozilla's, with the feature `webpki-roots`). Azure's servers are signed by
    /// roots in both.
    #[default]
    Platform,
    /// Only these. (sqlx, and so SeaORM, cannot leave the platform's out: there these are trusted in addition.)
    Custom(CustomRoots),
}

/// Root certificates from a file or from memory, checked.
#[derive(Clone)]
pub struct CustomRoots {
    pem: Arc<[u8]>,
    der: Arc<[Vec<u8>]>,
    file: Option<Arc<Path>>,
}

impl CustomRoots {
    fn parse(pem: Vec<u8>, file: Option<&Path>, origin: &str) -> Result<Self, Error> {
        let bad = |reason: &str| {
            unusable(&format!("{origin} {reason}")).with_hint(
                "it must hold certificates between BEGIN CERTIFICATE and END CERTIFICATE lines",
            )
        };
        let mut der = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| bad("is not valid PEM"))?;
            entra_pg_rustls::check_root(&certificate).map_err(|error| {
                bad(&format!("holds a certificate that cannot be used: {error}"))
            })?;
            der.push(certificate.to_vec());
        }
        if der.is_empty() {
            return Err(match certificate_format::recognise(&pem) {
                Some((what, command)) => other_format(origin, file, what, command),
                None => bad("holds no certificate"),
            });
        }
        Ok(Self {
            pem: pem.into(),
            der: der.into(),
            file: file.map(Arc::from),
        })
    }

    /// Returns the certificates as PEM, for drivers that take them so.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// Returns the file that they were read from, for programs that take its name.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

impl RootCertificates {
    /// Reads a file of PEM certificates, now and once. Blocks for 5 s at most, if the file is on a dead mount.
    ///
    /// # Errors
    /// [`ErrorKind::RootCertificates`] if it cannot be read or holds no usable certificate.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let pem = file::read(path).map_err(|unreadable| {
            let hint = unreadable.cure().unwrap_or(
                "check sslrootcert or PGSSLROOTCERT; sslrootcert=system uses the platform's store",
            );
            unusable(&format!("cannot read {}: {unreadable}", path.display())).with_hint(hint)
        })?;
        CustomRoots::parse(pem.to_vec(), Some(path), &path.display().to_string()).map(Self::Custom)
    }

    /// Takes PEM certificates from memory.
    ///
    /// # Errors
    /// [`ErrorKind::RootCertificates`] if there is no usable certificate in it.
    pub fn from_pem(pem: impl Into<Vec<u8>>) -> Result<Self, Error> {
        CustomRoots::parse(pem.into(), None, "the given text").map(Self::Custom)
    }

    /// Returns the certificates as PEM; `None` for the platform's.
    pub fn pem(&self) -> Option<&[u8]> {
        match self {
            Self::Platform => None,
            Self::Custom(roots) => Some(roots.pem()),
        }
    }

    /// Returns the file that they were read from; `None` for the platform's, and for those from memory.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Platform => None,
            Self::Custom(roots) => roots.file(),
        }
    }

    /// Returns the certificates in DER, for a TLS configuration. For the platform's, it reads the store: make one configuration
    /// and share it, as with `entra_pg_rustls::client_config`. That blocks for milliseconds, or for 5 s at most where a mount is
    /// dead.
    ///
    /// ```
    /// # fn main() -> Result<(), entra_pg_core::Error> {
    /// use entra_pg_core::RootCertificates;
    ///
    /// let config = entra_pg_rustls::client_config(RootCertificates::Platform.to_der()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::RootCertificates`] if the platform has no certificates.
    pub fn to_der(&self) -> Result<Vec<Vec<u8>>, Error> {
        match self {
            Self::Platform => Self::platform_in(&Environment::of_process()),
            Self::Custom(roots) => Ok(roots.der.to_vec()),
        }
    }

    /// The platform's, as a program in this environment finds them.
    pub(crate) fn platform_in(environment: &Environment) -> Result<Vec<Vec<u8>>, Error> {
        platform_roots::load(environment)
    }
}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("Platform"),
            Self::Custom(roots) => f.debug_tuple("Custom").field(roots).finish(),
        }
    }
}

impl fmt::Debug for CustomRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomRoots")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

fn other_format(origin: &str, file: Option<&Path>, what: &str, command: Option<&str>) -> Error {
    let error = unusable(&format!("{origin} is {what}, not certificates in PEM"));
    let file = file.map_or("FILE".into(), |file| file.display().to_string());
    match command {
        Some(iconv) if iconv.starts_with("iconv") => {
            error.with_hint(format!("convert it: {iconv} '{file}' > root.pem"))
        }
        Some(openssl) => {
            error.with_hint(format!("convert it: {openssl} -in '{file}' -out root.pem"))
        }
        None => error.with_hint("name the file of the root certificates, in PEM"),
    }
}

fn unusable(message: &str) -> Error {
    Error::new(ErrorKind::RootCertificates, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<RootCertificates, Error>) -> String {
        result.map(|_| ()).expect_err("must be refused").to_string()
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let text = message(RootCertificates::from_file("/nonexistent/root.crt"));
        assert!(
            text.contains("/nonexistent/root.crt") && text.contains("sslrootcert"),
            "{text}"
        );
    }

    #[test]
    fn an_empty_file_is_not_the_platforms_store() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = message(RootCertificates::from_file(file.path()));
        assert!(text.contains("holds no certificate"), "{text}");
    }

    #[test]
    fn a_root_in_der_is_named_with_the_command_that_converts_it() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("one");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), made.cert.der()).expect("a file");
        let text = message(RootCertificates::from_file(file.path()));
        let command = format!("openssl x509 -inform der -in '{}'", file.path().display());
        assert!(
            text.contains("is a certificate in DER") && text.contains(&command),
            "{text}"
        );
        let text = message(RootCertificates::from_pem(made.signing_key.serialize_pem()));
        assert!(text.contains("is a private key"), "{text}");
        assert!(!text.contains("BEGIN"), "{text}");
    }

    #[test]
    fn a_damaged_certificate_is_not_skipped() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(message(RootCertificates::from_pem(pem)).contains("cannot be used"));
    }
}

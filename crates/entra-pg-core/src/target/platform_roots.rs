//! The platform's root certificates, as a program in an environment finds them: `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the
//! store.

use crate::{Error, ErrorKind, environment::Environment};

pub(super) fn load(environment: &Environment) -> Result<Vec<Vec<u8>>, Error> {
    let Found {
        mut certificates,
        problem,
    } = native::load(environment);
    certificates.extend(compiled_in());
    if !certificates.is_empty() {
        return Ok(certificates);
    }
    let because = problem.as_ref().map(|problem| format!(": {problem}"));
    let error = Error::new(
        ErrorKind::RootCertificates,
        format!(
            "the platform has no root certificates{}",
            because.unwrap_or_default()
        ),
    );
    Err(error.with_hint(match problem {
        Some(_) => "correct SSL_CERT_FILE and SSL_CERT_DIR, or unset them",
        None => "install them (Debian: ca-certificates), name a file in sslrootcert, or enable the feature webpki-roots",
    }))
}

#[derive(Default)]
struct Found {
    certificates: Vec<Vec<u8>>,
    /// The first one, for the case that nothing else is found.
    problem: Option<String>,
}

#[cfg(feature = "native-roots")]
mod native {
    use std::{
        env, fs,
        path::{Path, PathBuf},
    };

    use rustls_pki_types::{CertificateDer, pem::PemObject};

    use super::{Found, copies};
    use crate::{
        environment::Environment,
        file::{self, Unreadable},
    };

    pub(super) fn load(environment: &Environment) -> Found {
        let file = environment.get("SSL_CERT_FILE").map(PathBuf::from);
        let folders = environment.get("SSL_CERT_DIR").map(env::split_paths);
        let folders: Vec<_> = folders.into_iter().flatten().collect();
        let found = file::within(file::READ_TIMEOUT, || match (file, folders) {
            (None, folders) if folders.is_empty() => Found {
                certificates: copies(&rustls_native_certs::load_native_certs().certs),
                problem: None,
            },
            (file, folders) => Found::at(file.as_deref(), &folders),
        });
        found.unwrap_or_else(|unreadable| Found {
            problem: Some(format!("cannot read them: {unreadable}")),
            ..Found::default()
        })
    }

    impl Found {
        fn at(file: Option<&Path>, folders: &[PathBuf]) -> Self {
            let mut found = Self::default();
            if let Some(file) = file
                && let Err(unreadable) = found.add(file)
            {
                found.problem(file, "SSL_CERT_FILE", &unreadable.to_string());
            }
            for folder in folders {
                match fs::read_dir(folder) {
                    // What else lies there is no certificate.
                    Ok(entries) => entries
                        .flatten()
                        .for_each(|entry| _ = found.add(&entry.path())),
                    Err(error) => found.problem(folder, "SSL_CERT_DIR", &error.to_string()),
                }
            }
            found.certificates.sort_unstable();
            found.certificates.dedup();
            found
        }

        fn add(&mut self, file: &Path) -> Result<(), Unreadable> {
            let content = file::read_here(file)?;
            let certificates = CertificateDer::pem_slice_iter(&content).flatten();
            self.certificates
                .extend(certificates.map(|der| der.to_vec()));
            Ok(())
        }

        fn problem(&mut self, path: &Path, variable: &str, reason: &str) {
            let text = || format!("cannot read {} ({variable}): {reason}", path.display());
            self.problem.get_or_insert_with(text);
        }
    }
}

#[cfg(not(feature = "native-roots"))]
mod native {
    pub(super) fn load(_: &crate::environment::Environment) -> super::Found {
        super::Found::default()
    }
}

#[cfg(feature = "webpki-roots")]
fn compiled_in() -> Vec<Vec<u8>> {
    copies(webpki_root_certs::TLS_SERVER_ROOT_CERTS)
}

#[cfg(not(feature = "webpki-roots"))]
fn compiled_in() -> Vec<Vec<u8>> {
    Vec::new()
}

#[cfg(any(feature = "native-roots", feature = "webpki-roots"))]
fn copies(certificates: &[rustls_pki_types::CertificateDer<'_>]) -> Vec<Vec<u8>> {
    certificates.iter().map(|der| der.to_vec()).collect()
}

#[cfg(all(test, unix, feature = "native-roots"))]
mod tests {
    use std::{fs, os::unix::fs::symlink, process::Command};

    use super::*;

    fn with(variable: &str, value: &std::path::Path) -> Found {
        let value = value.display().to_string();
        native::load(&Environment::from_pairs([(variable, value)]))
    }

    #[test]
    fn a_pipe_among_the_certificates_holds_nothing_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo runs").success());
        let found = with("SSL_CERT_FILE", &pipe);
        assert!(found.certificates.is_empty());
        let problem = found.problem.expect("it is named");
        assert!(
            problem.ends_with("(SSL_CERT_FILE): it is a pipe, not a file"),
            "{problem}"
        );

        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("one");
        let root = folder.path().join("root.pem");
        fs::write(&root, made.cert.pem()).expect("written");
        // As `openssl rehash` does.
        symlink(&root, folder.path().join("01234567.0")).expect("a link");
        let found = with("SSL_CERT_DIR", folder.path());
        assert_eq!(found.certificates, [made.cert.der().to_vec()]);
        assert_eq!(found.problem, None);
        let found = with("SSL_CERT_DIR", &folder.path().join("none"));
        assert!(
            found
                .problem
                .expect("it is named")
                .contains("none (SSL_CERT_DIR): No such")
        );
    }
}

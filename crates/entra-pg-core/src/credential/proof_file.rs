//! A file with an application's proof of its identity: a federated token, or a certificate with its key. It is read again for
//! each request, since the platform replaces it.

use std::{path::Path, time::Duration};

use super::kind::ENDPOINT_HINT;
use crate::{
    Error, ErrorKind,
    file::{Content, SharedFile, Unreadable, read_within},
};

/// How long the selection of a credential, which is no task, may be held up.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct ProofFile {
    path: String,
    variable: &'static str,
    file: SharedFile,
}

impl ProofFile {
    pub(super) fn new(path: String, variable: &'static str) -> Self {
        let file = SharedFile::new(&path);
        Self {
            path,
            variable,
            file,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Reads and parses the file once, so that what is wrong with it is reported when the credential is selected. Only a file
    /// that does not respond is left to the requests: each of them has a deadline.
    pub(super) fn check<T>(
        &self,
        parse: impl FnOnce(&str, &[u8]) -> Result<T, Error>,
    ) -> Result<(), Error> {
        match read_within(Path::new(&self.path), CHECK_TIMEOUT) {
            Ok(content) => parse(&self.path, &content).map(drop),
            Err(Unreadable::Late(_)) => Ok(()),
            Err(unreadable) => Err(self.cannot_read(&unreadable)),
        }
    }

    pub(super) async fn read(&self) -> Result<Content, Error> {
        let content = self.file.read().await;
        content.map_err(|unreadable| self.cannot_read(&unreadable))
    }

    /// What a request waits for, if it is this file.
    pub(super) fn progress(&self) -> Option<String> {
        let (path, variable) = (&self.path, self.variable);
        let text = || format!("reading {path} ({variable}) has not ended");
        self.file.is_being_read().then(text)
    }

    pub(super) fn timeout_hint(&self) -> &'static str {
        if self.file.is_being_read() {
            Unreadable::DEAD
        } else {
            ENDPOINT_HINT
        }
    }

    fn cannot_read(&self, unreadable: &Unreadable) -> Error {
        let (path, variable) = (&self.path, self.variable);
        Error::new(
            ErrorKind::NoCredential,
            format!("cannot read {path} ({variable}): {unreadable}"),
        )
        .with_hint(
            unreadable
                .cure()
                .unwrap_or("correct the path, and let this user read the file"),
        )
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, path::PathBuf, process::Command};

    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    fn pipe(folder: &TempDir) -> PathBuf {
        let path = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo runs").success());
        path
    }

    fn endless(_: &TempDir) -> PathBuf {
        "/dev/zero".into()
    }

    fn long(folder: &TempDir) -> PathBuf {
        let path = folder.path().join("long");
        fs::write(&path, vec![b'a'; 5 << 20]).expect("written");
        path
    }

    fn folder(folder: &TempDir) -> PathBuf {
        folder.path().to_owned()
    }

    fn nothing(folder: &TempDir) -> PathBuf {
        folder.path().join("none")
    }

    #[rstest]
    #[case(pipe, "it is a pipe, not a file (write the content to a regular file")]
    #[case(
        endless,
        "it is a device, not a file (write the content to a regular file"
    )]
    #[case(folder, "it is a directory, not a file (name the file in it")]
    #[case(long, "it is longer than 4 MiB (this is another file")]
    #[case(nothing, "No such file or directory (os error 2) (correct the path")]
    #[tokio::test]
    async fn what_is_no_proof_is_named_with_its_path_when_it_is_selected_and_later(
        #[case] make: fn(&TempDir) -> PathBuf,
        #[case] expected: &str,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = make(&folder).display().to_string();
        let file = ProofFile::new(path.clone(), "VARIABLE");
        let selected = file.check(|_, _| Ok(())).expect_err("none");
        let later = file.read().await.expect_err("none");
        for error in [selected, later] {
            let expected = format!("cannot read {path} (VARIABLE): {expected}");
            assert!(error.to_string().contains(&expected), "{error}");
        }
        assert_eq!(file.progress(), None);
        assert_eq!(file.timeout_hint(), ENDPOINT_HINT);
    }
}

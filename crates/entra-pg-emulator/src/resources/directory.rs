//! The emulator's private directory: mode 0700, short enough for a Unix socket, gone at the end.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, lchown},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::Account;
use crate::Error;

/// Unix socket paths are cut off at 104 bytes on macOS; this leaves room for `s/.s.PGSQL.12345.lock`.
const LONGEST: usize = 75;

/// Paths within the directory.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

macro_rules! paths {
    ($($method:ident: $name:literal),* $(,)?) => {
        impl Layout {
            $(pub(crate) fn $method(&self) -> PathBuf {
                self.root.join($name)
            })*
        }
    };
}

paths! {
    data: "data",
    socket: "s",
    bin: "bin",
    log: "postgres.log",
    initdb_log: "initdb.log",
    ca: "ca.pem",
    ca_bundle: "ca-bundle.pem",
    server_certificate: "server.crt",
    server_key: "server.key",
    federated_token: "federated-token",
    client_certificate: "client-certificate.pem",
}

/// Creates the directory and its subdirectories, for the account PostgreSQL will run as.
pub(crate) fn create(account: Option<Account>) -> Result<TempDir, Error> {
    let parent = parent(&std::env::temp_dir(), account.is_some());
    let directory = tempfile::Builder::new()
        .prefix("epg-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(Error::io(format!(
            "create a directory in {}",
            parent.display()
        )))?;
    let layout = Layout {
        root: directory.path().to_owned(),
    };
    for path in [layout.socket(), layout.bin()] {
        fs::create_dir(&path).map_err(Error::io(format!("create {}", path.display())))?;
        change_owner(&path, account)?;
    }
    change_owner(&layout.root, account)?;
    Ok(directory)
}

/// Changes the owner of a path, so that the account can remove everything even if we no longer can. Does not follow a
/// link: the account could have put it there.
pub(crate) fn change_owner(path: &Path, account: Option<Account>) -> Result<(), Error> {
    let Some(account) = account else {
        return Ok(());
    };
    lchown(path, Some(account.uid), Some(account.gid))
        .map_err(Error::io(format!("change the owner of {}", path.display())))
}

/// Writes a file with the given permissions. It is always a new one, so that root never writes through a link of the account.
pub(crate) fn write(path: &Path, content: &str, mode: u32) -> Result<(), Error> {
    let replace = || {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(content.as_bytes())?;
        file.set_permissions(fs::Permissions::from_mode(mode))
    };
    replace().map_err(Error::io(format!("write {}", path.display())))
}

/// `TMPDIR`, unless its path is too long for a socket, or another account could not reach or remove
/// what is in it.
fn parent(preferred: &Path, other_account: bool) -> PathBuf {
    let fits = preferred.as_os_str().len() + "/epg-abcdef".len() <= LONGEST;
    let allows = |path: &Path, mode: u32| {
        path.metadata()
            .is_ok_and(|found| found.permissions().mode() & mode == mode)
    };
    let open = allows(preferred, 0o003) && preferred.ancestors().all(|path| allows(path, 0o001));
    if fits && (open || !other_account) {
        preferred.to_owned()
    } else {
        PathBuf::from("/tmp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_look_inside() {
        let directory = create(None).unwrap();
        let mode = directory.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let directory = create(None).unwrap();
        let (elsewhere, link) = (
            directory.path().join("elsewhere"),
            directory.path().join("link"),
        );
        fs::write(&elsewhere, "kept").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        write(&link, "new", 0o644).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "kept");
        assert_eq!(fs::read_to_string(&link).unwrap(), "new");
        let mode = link.symlink_metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644);
    }

    #[test]
    fn a_long_or_closed_temporary_directory_is_not_used() {
        let short = tempfile::Builder::new()
            .prefix("t")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in("/tmp")
            .unwrap();
        assert_eq!(parent(short.path(), false), short.path());
        assert_eq!(parent(short.path(), true), Path::new("/tmp"), "mode 0700");
        assert_eq!(
            parent(&short.path().join("x".repeat(80)), false),
            Path::new("/tmp")
        );
    }
}

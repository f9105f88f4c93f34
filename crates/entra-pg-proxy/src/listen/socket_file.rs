//! A socket's file and its directory: closed to other users, and removed with the proxy.
//!
//! Only what was created here is removed: a socket by the number of its file, a directory if it is empty. A stale socket, which
//! a killed process has left, is replaced if it belongs to this user and no process listens on it.

use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions, TryLockError},
    io,
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        net::{SocketAddr, UnixListener},
    },
    path::{Path, PathBuf, absolute},
    time::Duration,
};

use entra_pg_core::{Error, ErrorKind};
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;

use super::{
    address::socket_path,
    directory::{cannot_use, check_directory},
    listener::prepare,
};

const PREFIX: &str = "entra-pg-proxy-";
/// The port in the name of a socket in a private directory.
pub(crate) const PRIVATE_PORT: u16 = 5432;
/// A private directory younger than this may not have been locked yet.
const LOCK_GRACE: Duration = Duration::from_secs(60);

/// Removes the socket when dropped, and the directory if it was created for it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode number of the file. Another file may have taken its name since.
    identity: (u64, u64),
    _directory: Directory,
}

#[derive(Debug)]
enum Directory {
    Existing,
    Created(PathBuf),
    /// Locked for as long as the process lives, so that others see whether it does.
    Private {
        _directory: TempDir,
        _lock: File,
    },
}

impl SocketFile {
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Self::Created(path) = self {
            let _ = fs::remove_dir(path);
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Listens in a new temporary directory of mode 0700.
pub(crate) fn bind_private(user: u32) -> Result<(UnixListener, SocketFile), Error> {
    let parent = parent(&std::env::temp_dir());
    remove_abandoned(&parent, user);
    let failed = |error| {
        cannot_listen(
            &format!("a private directory in {}", parent.display()),
            &error,
        )
        .with_hint("set TMPDIR to a writable directory")
    };
    let directory = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(failed)?;
    let lock = File::open(directory.path()).map_err(failed)?;
    lock.try_lock().map_err(|error| failed(error.into()))?;
    let path = socket_path(directory.path(), PRIVATE_PORT);
    bind(
        path,
        Directory::Private {
            _directory: directory,
            _lock: lock,
        },
    )
}

/// Listens in this directory, which is created if it does not exist.
pub(crate) fn bind_in(
    directory: &Path,
    port: u16,
    user: u32,
) -> Result<(UnixListener, SocketFile), Error> {
    // libpq takes a relative path for the name of a host.
    let directory = &absolute(directory).map_err(|error| cannot_use(directory, &error))?;
    let path = socket_path(directory, port);
    if SocketAddr::from_pathname(&path).is_err() {
        return Err(listen_error(&format!(
            "{} is too long for the path of a socket",
            path.display()
        ))
        .with_hint("choose a directory with a shorter path"));
    }
    // Nothing is created where others decide.
    check_directory(directory, user)?;
    let created = create(directory)?;
    check_directory(directory, user)?;
    // One process at a time looks for a stale socket, so that none removes what another has just created.
    let lock = File::open(directory).map_err(|error| cannot_use(directory, &error))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => listen_error(&format!(
            "another process is creating a socket in {}",
            directory.display()
        ))
        .with_hint("try again, or choose another directory"),
        TryLockError::Error(error) => cannot_use(directory, &error),
    })?;
    remove_stale(&path, user)?;
    bind(path, created)
}

fn bind(path: PathBuf, directory: Directory) -> Result<(UnixListener, SocketFile), Error> {
    let shown = path.display().to_string();
    let failed = |error| cannot_listen(&shown, &error);
    let listener = UnixListener::bind(&path).map_err(failed)?;
    let identity = identity(&fs::symlink_metadata(&path).map_err(failed)?);
    let file = SocketFile {
        path,
        identity,
        _directory: directory,
    };
    fs::set_permissions(&file.path, Permissions::from_mode(0o600)).map_err(failed)?;
    prepare(&listener).map_err(failed)?;
    Ok((listener, file))
}

fn create(directory: &Path) -> Result<Directory, Error> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => Ok(Directory::Created(directory.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Directory::Existing),
        Err(error) => Err(cannot_use(directory, &error)),
    }
}

/// Removes a stale socket at `path`. Anything else there is an error.
fn remove_stale(path: &Path, user: u32) -> Result<(), Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot_listen(&path.display().to_string(), &error)),
    };
    let shown = path.display();
    let elsewhere = "choose another port or directory";
    if !found.file_type().is_socket() {
        return Err(
            listen_error(&format!("{shown} exists and is not a socket")).with_hint(elsewhere)
        );
    }
    if found.uid() != user {
        return Err(listen_error(&format!("{shown} belongs to another user")).with_hint(elsewhere));
    }
    if is_listened_to(path) {
        return Err(
            listen_error(&format!("another process listens at {shown}")).with_hint(elsewhere)
        );
    }
    fs::remove_file(path).map_err(|error| cannot_listen(&shown.to_string(), &error))
}

/// A refused connection means no. Any other failure counts as yes: above all, a full queue.
fn is_listened_to(path: &Path) -> bool {
    let probe = || -> io::Result<()> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    !probe().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Removes private directories of killed processes: this user's, and not locked.
fn remove_abandoned(parent: &Path, user: u32) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_abandoned(&path, user) {
            let _ = fs::remove_file(socket_path(&path, PRIVATE_PORT));
            let _ = fs::remove_dir(&path);
        }
    }
}

fn is_abandoned(directory: &Path, user: u32) -> bool {
    let old_enough = fs::symlink_metadata(directory).is_ok_and(|found| {
        let age = found.modified().ok().and_then(|time| time.elapsed().ok());
        found.is_dir() && found.uid() == user && age.is_some_and(|age| age > LOCK_GRACE)
    });
    old_enough && File::open(directory).is_ok_and(|lock| lock.try_lock().is_ok())
}

/// `preferred`, unless its path is too long for a socket in a directory in it.
fn parent(preferred: &Path) -> PathBuf {
    let longest = socket_path(&preferred.join(format!("{PREFIX}abcdef")), PRIVATE_PORT);
    match SocketAddr::from_pathname(longest) {
        Ok(_) => preferred.to_owned(),
        Err(_) => PathBuf::from("/tmp"),
    }
}

fn cannot_listen(path: &str, error: &io::Error) -> Error {
    listen_error(&format!("cannot listen in {path}: {error}"))
}

fn listen_error(message: &str) -> Error {
    Error::new(ErrorKind::Listen, message)
}

#[cfg(test)]
#[path = "socket_file_tests.rs"]
mod tests;

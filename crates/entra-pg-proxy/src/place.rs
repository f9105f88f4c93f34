//! A socket's place in the file system: made so that nobody else can reach it, and gone when the proxy is.
//!
//! Nothing is removed but what was made here: a socket by the number of its file, a directory only if it is empty. A socket
//! that was left behind by a process that was killed is replaced, if it is this user's and nobody listens.

use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions},
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

use crate::address::socket;

const PREFIX: &str = "entra-pg-proxy-";
/// The port in the name of a socket whose users are told the path by us.
pub(crate) const PRIVATE_PORT: u16 = 5432;
/// A private directory younger than this may not have been locked yet.
const SETTLED: Duration = Duration::from_secs(60);

/// Removes the socket when dropped, and the directory if it was made for it.
#[derive(Debug)]
pub(crate) struct Place {
    socket: PathBuf,
    /// Device and number of the file, to tell it from one that has taken its name since.
    identity: (u64, u64),
    _directory: Directory,
}

#[derive(Debug)]
enum Directory {
    Found,
    Made(PathBuf),
    /// Locked for as long as the process lives, which is how others tell whether it does.
    Private {
        _directory: TempDir,
        _lock: File,
    },
}

impl Place {
    pub(crate) fn directory(&self) -> &Path {
        self.socket.parent().unwrap_or(Path::new("."))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Self::Made(path) = self {
            let _ = fs::remove_dir(path);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.socket).is_ok_and(|found| identity(&found) == self.identity) {
            let _ = fs::remove_file(&self.socket);
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Listens in a new directory of mode 0700 among the temporary ones.
pub(crate) fn private(user: u32) -> Result<(UnixListener, Place), Error> {
    let parent = parent(&std::env::temp_dir());
    remove_abandoned(&parent, user);
    let failed = |error| {
        refuse(
            &format!("a private directory in {}", parent.display()),
            &error,
        )
        .with_hint("set TMPDIR to a directory that can be written to")
    };
    let directory = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(failed)?;
    let lock = File::open(directory.path()).map_err(failed)?;
    lock.try_lock().map_err(|error| failed(error.into()))?;
    let path = socket(directory.path(), PRIVATE_PORT);
    bind(
        path,
        Directory::Private {
            _directory: directory,
            _lock: lock,
        },
    )
}

/// Listens in this directory, which is made if there is none.
pub(crate) fn within(
    directory: &Path,
    port: u16,
    user: u32,
) -> Result<(UnixListener, Place), Error> {
    // libpq takes a relative path for the name of a host.
    let directory = &absolute(directory).map_err(|error| cannot_use(directory, &error))?;
    let path = socket(directory, port);
    if SocketAddr::from_pathname(&path).is_err() {
        return Err(taken(&format!(
            "{} is too long for the path of a socket",
            path.display()
        ))
        .with_hint("choose a directory with a shorter path"));
    }
    let made = make(directory)?;
    check_directory(directory, user)?;
    // One at a time looks for a left-over socket, so that none removes what another has just made.
    let lock = File::open(directory).map_err(|error| cannot_use(directory, &error))?;
    lock.try_lock().map_err(|_| {
        taken(&format!(
            "another process is making a socket in {}",
            directory.display()
        ))
        .with_hint("try again, or choose another directory")
    })?;
    make_way(&path, user)?;
    bind(path, made)
}

fn bind(socket: PathBuf, directory: Directory) -> Result<(UnixListener, Place), Error> {
    let shown = socket.display().to_string();
    let failed = |error| refuse(&shown, &error);
    let listener = UnixListener::bind(&socket).map_err(failed)?;
    let identity = identity(&fs::symlink_metadata(&socket).map_err(failed)?);
    let place = Place {
        socket,
        identity,
        _directory: directory,
    };
    fs::set_permissions(&place.socket, Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok((listener, place))
}

fn make(directory: &Path) -> Result<Directory, Error> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => Ok(Directory::Made(directory.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Directory::Found),
        Err(error) => Err(cannot_use(directory, &error)),
    }
}

fn check_directory(directory: &Path, user: u32) -> Result<(), Error> {
    let found = fs::metadata(directory).map_err(|error| cannot_use(directory, &error))?;
    let shown = directory.display();
    if !found.is_dir() {
        Err(taken(&format!("{shown} is not a directory"))
            .with_hint("give the directory that the socket is to be in"))
    } else if found.uid() != user {
        Err(taken(&format!("{shown} belongs to another user"))
            .with_hint("choose a directory of your own"))
    } else if found.mode() & 0o077 != 0 {
        Err(
            taken(&format!("{shown} is open to other users")).with_hint(format!(
                "close it with chmod 700 {shown}, or choose a new directory"
            )),
        )
    } else {
        Ok(())
    }
}

/// Removes what a killed process has left at `path`; refuses to touch anything else.
fn make_way(path: &Path, user: u32) -> Result<(), Error> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refuse(&path.display().to_string(), &error)),
    };
    let shown = path.display();
    let elsewhere = "choose another port or directory";
    if !found.file_type().is_socket() {
        return Err(taken(&format!("{shown} exists and is not a socket")).with_hint(elsewhere));
    }
    if found.uid() != user {
        return Err(taken(&format!("{shown} belongs to another user")).with_hint(elsewhere));
    }
    if is_listened_to(path) {
        return Err(taken(&format!("another process listens at {shown}")).with_hint(elsewhere));
    }
    fs::remove_file(path).map_err(|error| refuse(&shown.to_string(), &error))
}

/// Everything but a refusal counts as somebody who listens: a full queue, above all.
fn is_listened_to(path: &Path) -> bool {
    let knock = || -> io::Result<()> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    !knock().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Private directories of processes that were killed: this user's, and locked by nobody.
fn remove_abandoned(parent: &Path, user: u32) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_abandoned(&path, user) {
            let _ = fs::remove_file(socket(&path, PRIVATE_PORT));
            let _ = fs::remove_dir(&path);
        }
    }
}

fn is_abandoned(directory: &Path, user: u32) -> bool {
    let settled = fs::symlink_metadata(directory).is_ok_and(|found| {
        let age = found.modified().ok().and_then(|time| time.elapsed().ok());
        found.is_dir() && found.uid() == user && age.is_some_and(|age| age > SETTLED)
    });
    settled && File::open(directory).is_ok_and(|lock| lock.try_lock().is_ok())
}

/// `preferred`, unless its path is too long for a socket in a directory in it.
fn parent(preferred: &Path) -> PathBuf {
    let longest = socket(&preferred.join(format!("{PREFIX}abcdef")), PRIVATE_PORT);
    match SocketAddr::from_pathname(longest) {
        Ok(_) => preferred.to_owned(),
        Err(_) => PathBuf::from("/tmp"),
    }
}

fn cannot_use(directory: &Path, error: &io::Error) -> Error {
    refuse(&directory.display().to_string(), error)
        .with_hint("give a directory of your own, or the name of one that can be made")
}

fn refuse(place: &str, error: &io::Error) -> Error {
    taken(&format!("cannot listen in {place}: {error}"))
}

fn taken(message: &str) -> Error {
    Error::new(ErrorKind::Listen, message)
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;

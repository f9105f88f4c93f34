//! Reads the files that the configuration names: regular ones, up to a length.
//!
//! A file on a dead mount is a read that never returns. So each read has a thread that nothing waits for: no task is held up
//! by it, nor the end of a runtime or of the process.

use std::{
    fmt,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use futures::{FutureExt, channel::oneshot, future::Shared};
use zeroize::Zeroizing;

/// All public root certificates together have a quarter of a MiB, a token some thousand bytes.
const LONGEST: u64 = 4 << 20;
/// For a caller that cannot wait as a task does. A disk responds in milliseconds.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A file's content, which may be a secret.
pub(crate) type Content = Arc<Zeroizing<Vec<u8>>>;
type Outcome = Result<Content, Unreadable>;

/// Reads a file, for a caller that has no task to wait in. Blocks for seconds at most.
pub(crate) fn read(path: &Path) -> Outcome {
    read_within(path, READ_TIMEOUT)
}

/// Reads a file, and waits for no longer than this.
pub(crate) fn read_within(path: &Path, limit: Duration) -> Outcome {
    let path = path.to_owned();
    within(limit, move || read_here(&path))?
}

/// The result of a job that may never return.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unreadable> {
    let (sender, receiver) = mpsc::channel();
    // Once it is late, nobody receives.
    let deliver = move |result| drop(sender.send(result));
    detach(job, deliver)?;
    receiver.recv_timeout(limit).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => Unreadable::Late(limit),
        mpsc::RecvTimeoutError::Disconnected => Unreadable::panicked(),
    })
}

fn detach<T>(
    job: impl FnOnce() -> T + Send + 'static,
    deliver: impl FnOnce(T) + Send + 'static,
) -> Result<(), Unreadable> {
    let thread = thread::Builder::new().name("entra-pg-file".to_owned());
    let spawned = thread.spawn(move || deliver(job()));
    spawned
        .map(drop)
        .map_err(|error| Unreadable::system(&error))
}

/// Reads a file on this thread. It is `regular` before it is opened, since to open a device has effects, and after that, since
/// it may have been replaced.
pub(crate) fn read_here(path: &Path) -> Outcome {
    let failed = |error: io::Error| Unreadable::system(&error);
    regular(&fs::metadata(path).map_err(failed)?)?;
    let file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    regular(&metadata)?;
    let expected = usize::try_from(metadata.len().min(LONGEST)).unwrap_or_default();
    // With room for all of it: what grows leaves copies in memory.
    let mut content = Zeroizing::new(Vec::with_capacity(expected + 1));
    let read = file.take(LONGEST + 1).read_to_end(&mut content);
    match read.map_err(failed)? as u64 {
        0..=LONGEST => Ok(Arc::new(content)),
        _ => Err(Unreadable::TooLong),
    }
}

/// A pipe that took the file's place since it was looked at is opened without waiting for who writes to it.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    use nix::libc::{O_NOCTTY, O_NONBLOCK};

    let mut options = OpenOptions::new();
    let options = options.read(true).custom_flags(O_NONBLOCK | O_NOCTTY);
    options.open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

fn regular(found: &Metadata) -> Result<(), Unreadable> {
    if found.is_file() {
        return Ok(());
    }
    Err(Unreadable::NotAFile(if found.is_dir() {
        "a directory"
    } else {
        special(found)
    }))
}

#[cfg(unix)]
fn special(found: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;

    let found = found.file_type();
    if found.is_fifo() {
        "a pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: &Metadata) -> &'static str {
    "a device"
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// In the system's words.
    System(String),
    /// What there is in its place.
    NotAFile(&'static str),
    TooLong,
    Late(Duration),
}

impl Unreadable {
    fn system(error: &io::Error) -> Self {
        Self::System(error.to_string())
    }

    fn panicked() -> Self {
        Self::System("the thread that read it panicked".to_owned())
    }

    /// What to do about it; `None` where that depends on the file.
    pub(crate) fn cure(&self) -> Option<&'static str> {
        match self {
            Self::System(_) => None,
            Self::NotAFile("a directory") => Some("name the file in it"),
            Self::NotAFile(_) => Some("write the content to a regular file, and name that"),
            Self::TooLong => Some("this is another file than was meant: correct the path"),
            Self::Late(_) => Some(Self::DEAD),
        }
    }

    /// The cure for a read that does not return.
    pub(crate) const DEAD: &str = "check the disk or the network mount that the file is on";
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(words) => f.write_str(words),
            Self::NotAFile(what) => write!(f, "it is {what}, not a file"),
            Self::TooLong => write!(f, "it is longer than {} MiB", LONGEST >> 20),
            Self::Late(limit) => write!(f, "no response within {} s", limit.as_secs_f64()),
        }
    }
}

/// A file that is read again and again, by one thread at most: a second reader gets what the first one is waiting for.
#[derive(Debug)]
pub(crate) struct SharedFile {
    path: PathBuf,
    reading: Mutex<Option<Reading>>,
}

type Reading = Shared<oneshot::Receiver<Outcome>>;

impl SharedFile {
    pub(crate) fn new(path: &str) -> Self {
        Self {
            path: path.into(),
            reading: Mutex::default(),
        }
    }

    /// Reads it. Waits as long as that takes: the caller has a deadline.
    pub(crate) async fn read(&self) -> Outcome {
        let outcome = self.reading()?.await;
        // It may be a secret, which is cleared with its last reader.
        self.lock().take_if(|reading| !is_pending(reading));
        outcome.unwrap_or_else(|_| Err(Unreadable::panicked()))
    }

    /// Returns `true` while a read has not returned.
    pub(crate) fn is_being_read(&self) -> bool {
        self.lock().as_ref().is_some_and(is_pending)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reading>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> Result<Reading, Unreadable> {
        let mut reading = self.lock();
        if let Some(pending) = reading.clone().filter(is_pending) {
            return Ok(pending);
        }
        let (sender, receiver) = oneshot::channel();
        let path = self.path.clone();
        // Nobody receives when all callers have given up.
        let deliver = move |outcome| drop(sender.send(outcome));
        detach(move || read_here(&path), deliver)?;
        Ok(reading.insert(receiver.shared()).clone())
    }
}

fn is_pending(reading: &Reading) -> bool {
    reading.clone().now_or_never().is_none()
}

#[cfg(test)]
#[cfg(unix)]
#[path = "file_tests.rs"]
mod tests;

use std::{
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Instant,
};

use rstest::rstest;
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn pipe(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo runs").success());
    path
}

fn sparse(folder: &TempDir, length: u64) -> PathBuf {
    let path = folder.path().join("sparse");
    let file = File::create(&path).expect("a file");
    file.set_len(length).expect("a length");
    path
}

/// What would stop a plain read of each: the first two for ever.
#[rstest]
#[case::a_pipe(pipe, Unreadable::NotAFile("a pipe"))]
#[case::an_endless_device(|_: &TempDir| "/dev/zero".into(), Unreadable::NotAFile("a device"))]
#[case::a_directory(|folder: &TempDir| folder.path().to_owned(), Unreadable::NotAFile("a directory"))]
#[case::a_socket(
    |folder: &TempDir| {
        let path = folder.path().join("socket");
        UnixListener::bind(&path).map(drop).expect("a socket");
        path
    },
    Unreadable::NotAFile("a socket")
)]
#[case::a_link_to_a_pipe(
    |folder: &TempDir| {
        let link = folder.path().join("link");
        symlink(pipe(folder), &link).expect("a link");
        link
    },
    Unreadable::NotAFile("a pipe")
)]
#[case::one_byte_too_long(|folder: &TempDir| sparse(folder, LONGEST + 1), Unreadable::TooLong)]
#[case::a_terabyte(|folder: &TempDir| sparse(folder, 1 << 40), Unreadable::TooLong)]
#[case::nothing(
    |folder: &TempDir| folder.path().join("none"),
    Unreadable::System("No such file or directory (os error 2)".to_owned())
)]
fn what_is_no_file_of_the_configuration_is_named(
    #[case] make: fn(&TempDir) -> PathBuf,
    #[case] expected: Unreadable,
) {
    let folder = folder();
    assert_eq!(read(&make(&folder)), Err(expected));
}

#[test]
fn a_file_is_read_whole() {
    let folder = folder();
    let path = folder.path().join("file");
    for content in [&b""[..], b"\0content\n"] {
        fs::write(&path, content).expect("written");
        assert_eq!(**read(&path).expect("its content"), content);
    }
    assert_eq!(
        read(&sparse(&folder, LONGEST)).expect("zeros").len() as u64,
        LONGEST
    );
    // Such a file has no length.
    assert!(
        !read(Path::new("/proc/self/status"))
            .expect("lines")
            .is_empty()
    );
}

/// A plain read of a pipe stands for a read from a dead mount: neither returns.
fn stuck(path: PathBuf) -> impl FnOnce() -> Vec<u8> + Send + 'static {
    move || fs::read(path).unwrap_or_default()
}

#[test]
fn a_read_that_does_not_return_is_left_behind() {
    let folder = folder();
    let begun = Instant::now();
    let limit = Duration::from_millis(50);
    assert_eq!(
        within(limit, stuck(pipe(&folder))),
        Err(Unreadable::Late(limit))
    );
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_panic_is_no_wait() {
    let failed = within(Duration::from_secs(600), || panic!("scripted"));
    assert_eq!(failed, Err::<(), _>(Unreadable::panicked()));
}

impl SharedFile {
    /// As if a read of the file had begun.
    fn stuck_at(path: PathBuf) -> Self {
        let file = Self::new("unused");
        let (sender, receiver) = oneshot::channel();
        let deliver =
            move |content: Vec<u8>| drop(sender.send(Ok(Arc::new(Zeroizing::new(content)))));
        detach(stuck(path), deliver).expect("a thread");
        *file.reading.lock().expect("not poisoned") = Some(receiver.shared());
        file
    }
}

#[test]
fn neither_a_task_nor_the_end_of_its_runtime_waits_for_a_read_that_does_not_return() {
    let folder = folder();
    let file = Arc::new(SharedFile::stuck_at(pipe(&folder)));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let limit = Duration::from_millis(50);
        let late = timeout(limit, file.read()).await;
        assert!(late.is_err(), "the runtime's timers go on");
        assert!(file.is_being_read());
    });
    let reader = Arc::clone(&file);
    runtime.spawn(async move { reader.read().await });
    drop(runtime);
    assert!(file.is_being_read());
}

#[tokio::test]
async fn a_read_that_does_not_return_has_one_thread_however_often_it_is_asked_for() {
    let folder = folder();
    let path = pipe(&folder);
    let file = SharedFile::stuck_at(path.clone());
    let waiting = AtomicUsize::new(0);
    let readers = (0..100).map(|_| async {
        waiting.fetch_add(1, SeqCst);
        file.read().await
    });
    let write = async {
        // Ends the one read; a second one would never end.
        tokio::task::spawn_blocking(move || fs::write(path, "late")).await
    };
    let (read, written) = futures::join!(futures::future::join_all(readers), write);
    written.expect("it runs").expect("written");
    assert_eq!(waiting.into_inner(), 100);
    for content in read {
        assert_eq!(**content.expect("its content"), b"late");
    }
    assert!(!file.is_being_read());
}

/// All who waited may have given up, so that nobody has looked at what came.
#[tokio::test]
async fn what_came_too_late_is_not_taken_for_what_the_file_holds_now() {
    let folder = folder();
    let path = pipe(&folder);
    let file = SharedFile {
        path: folder.path().join("file"),
        ..SharedFile::stuck_at(path.clone())
    };
    fs::write(&file.path, "new").expect("written");
    fs::write(path, "old").expect("written");
    while file.is_being_read() {
        tokio::task::yield_now().await;
    }
    assert_eq!(**file.read().await.expect("its content"), b"new");
}

/// Such as the private key of a client certificate, until the next token is requested, a day later.
#[tokio::test]
async fn a_secret_does_not_stay_in_memory_after_its_last_reader() {
    let folder = folder();
    let path = folder.path().join("key.pem");
    fs::write(&path, "secret").expect("written");
    let file = SharedFile::new(&path.display().to_string());
    let content = file.read().await.expect("its content");
    let kept = Arc::downgrade(&content);
    drop(content);
    assert_eq!(kept.strong_count(), 0);
}

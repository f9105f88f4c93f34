use std::{os::unix::fs::symlink, time::SystemTime};

use super::*;

fn own_user() -> u32 {
    fs::metadata(scratch().path()).expect("metadata").uid()
}

/// A directory that is closed to others.
fn scratch() -> TempDir {
    tempfile::Builder::new()
        .prefix("socket-file-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .expect("a directory")
}

fn refused(directory: &Path, port: u16) -> String {
    let error = bind_in(directory, port, own_user())
        .map(drop)
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Listen);
    error.to_string()
}

#[test]
fn a_private_directory_is_closed_to_others_and_leaves_nothing() {
    let (listener, file) = bind_private(own_user()).expect("listens");
    let directory = file.directory().to_owned();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&socket_path(&directory, PRIVATE_PORT)), 0o600);
    drop((listener, file));
    assert!(!directory.exists());
}

#[test]
fn a_directory_that_was_made_goes_and_one_that_was_there_stays() {
    let found = scratch();
    let made = found.path().join("made");
    drop(bind_in(&made, 5432, own_user()).expect("listens"));
    assert!(!made.exists());
    drop(bind_in(found.path(), 5432, own_user()).expect("listens"));
    assert!(found.path().exists());
    assert!(!socket_path(found.path(), 5432).exists());
}

#[test]
fn a_directory_with_something_else_in_it_is_not_removed() {
    let found = scratch();
    let made = found.path().join("made");
    let file = bind_in(&made, 5432, own_user()).expect("listens");
    fs::write(made.join("other"), "").expect("written");
    drop(file);
    assert!(made.join("other").exists());
}

#[test]
fn the_socket_of_a_killed_process_is_replaced() {
    let directory = scratch();
    // Closed without being removed, as a kill leaves it.
    drop(UnixListener::bind(socket_path(directory.path(), 5432)).expect("a socket"));
    let (_listener, _file) = bind_in(directory.path(), 5432, own_user()).expect("listens");
}

#[test]
fn a_socket_that_a_process_listens_on_is_left_alone() {
    let directory = scratch();
    let (_listener, _file) = bind_in(directory.path(), 5432, own_user()).expect("listens");
    assert!(refused(directory.path(), 5432).contains("another process listens"));
    assert!(socket_path(directory.path(), 5432).exists());
    bind_in(directory.path(), 5433, own_user()).expect("another port is free");
}

#[test]
fn a_file_or_a_link_in_place_of_the_socket_is_left_alone() {
    let directory = scratch();
    fs::write(socket_path(directory.path(), 5432), "kept").expect("written");
    assert!(refused(directory.path(), 5432).contains("not a socket"));
    assert_eq!(
        fs::read(socket_path(directory.path(), 5432)).expect("kept"),
        b"kept"
    );

    let stale = directory.path().join("stale");
    drop(UnixListener::bind(&stale).expect("a socket"));
    symlink(&stale, socket_path(directory.path(), 5433)).expect("a link");
    assert!(refused(directory.path(), 5433).contains("not a socket"));
}

#[test]
fn another_users_socket_and_directory_are_left_alone() {
    let directory = scratch();
    let path = socket_path(directory.path(), 5432);
    drop(UnixListener::bind(&path).expect("a socket"));
    let other = own_user() + 1;
    let error = remove_stale(&path, other).expect_err("refused").to_string();
    assert!(error.contains("another user"), "{error}");
    assert!(path.exists());
    let error = check_directory(directory.path(), other)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("another user"), "{error}");
}

#[test]
fn an_open_directory_a_file_and_a_long_path_are_refused_with_their_cure() {
    let directory = scratch();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o750)).expect("opened");
    assert!(refused(directory.path(), 5432).contains("chmod 700"));

    let file = directory.path().join("file");
    fs::write(&file, "").expect("written");
    assert!(refused(&file, 5432).contains("not a directory"));
    assert!(refused(&directory.path().join("no/such"), 5432).contains("cannot listen"));
    let long = directory.path().join("x".repeat(120));
    assert!(refused(&long, 5432).contains("shorter path"));
    assert!(!long.exists(), "nothing is left behind");
}

#[test]
fn a_socket_that_took_our_name_is_not_removed_with_us() {
    let directory = scratch();
    let path = socket_path(directory.path(), 5432);
    let (_listener, file) = bind_in(directory.path(), 5432, own_user()).expect("listens");
    fs::rename(&path, directory.path().join("moved")).expect("moved");
    let _other = UnixListener::bind(&path).expect("a socket");
    drop(file);
    assert!(path.exists());
}

#[test]
fn what_a_killed_process_left_is_removed_and_what_lives_is_not() {
    let parent = scratch();
    let make = |name: &str, age: Duration| {
        let directory = parent.path().join(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .expect("made");
        drop(UnixListener::bind(socket_path(&directory, PRIVATE_PORT)).expect("a socket"));
        let lock = File::open(&directory).expect("opened");
        lock.set_modified(SystemTime::now() - age).expect("aged");
        (directory, lock)
    };
    let (abandoned, _) = make("entra-pg-proxy-dead", 2 * LOCK_GRACE);
    let (young, _) = make("entra-pg-proxy-new", Duration::ZERO);
    let (foreign, _) = make("of-another-program", 2 * LOCK_GRACE);
    let (living, lock) = make("entra-pg-proxy-live", 2 * LOCK_GRACE);
    lock.try_lock().expect("locked");
    remove_abandoned(parent.path(), own_user());
    assert!(!abandoned.exists());
    assert!(young.exists() && foreign.exists() && living.exists());
}

#[test]
fn a_long_temporary_directory_is_not_used() {
    assert_eq!(parent(Path::new("/var/tmp")), Path::new("/var/tmp"));
    assert_eq!(
        parent(&Path::new("/var").join("x".repeat(90))),
        Path::new("/tmp")
    );
}

//! `proxy`: programs log in without a password, and nothing is left when it ends.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use entra_pg_emulator::{Emulator, Fault};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::fixtures::{PATIENCE, command, ended, outcome, shared};

/// A temporary directory of its own, which must be empty in the end.
fn place() -> TempDir {
    tempfile::Builder::new()
        .prefix("p")
        .tempdir_in("/tmp")
        .expect("a folder")
}

fn is_empty(place: &Path) -> bool {
    fs::read_dir(place).expect("a folder").next().is_none()
}

fn proxy(emulator: &Emulator, place: &TempDir, arguments: &[&str]) -> Command {
    let mut command = command(emulator, &["proxy"]);
    command.args(arguments).env("TMPDIR", place.path());
    command
}

fn signal(child: &Child, signal: Signal) {
    let id = child.id().expect("it runs");
    kill(Pid::from_raw(id.try_into().expect("a pid")), signal).expect("sent");
}

#[tokio::test]
async fn a_program_is_logged_in_by_its_environment_and_by_its_url() {
    for where_ in [&[][..], &["--port", "0"]] {
        for program in ["psql", "psql \"$DATABASE_URL\""] {
            let place = place();
            let script = format!("{program} -XAtc 'SELECT current_user' && env");
            let arguments = [where_, &["--", "sh", "-c", &script]].concat();
            let outcome = outcome(proxy(shared(), &place, &arguments)).await;
            assert!(
                outcome.stdout.starts_with("app\n"),
                "{where_:?} {program}: {}{}",
                outcome.stdout,
                outcome.stderr
            );
            assert!(!outcome.stdout.contains("eyJ"), "it never sees the token");
            assert_eq!(outcome.status, 0);
            assert!(is_empty(place.path()));
        }
    }
}

#[tokio::test]
async fn the_programs_status_is_passed_on() {
    for (program, expected) in [
        (&["sh", "-c", "exit 7"][..], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["no-such-program"], 127),
        (&["/etc/passwd"], 126),
    ] {
        let place = place();
        let arguments = [&["--"][..], program].concat();
        let outcome = outcome(proxy(shared(), &place, &arguments)).await;
        assert_eq!(outcome.status, expected, "{}", outcome.stderr);
        assert!(is_empty(place.path()));
    }
}

#[tokio::test]
async fn signals_reach_the_program_and_the_proxy_ends_with_it() {
    for sent in [
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGHUP,
    ] {
        let place = place();
        let script = "trap 'exit 42' INT QUIT TERM HUP; echo up; while :; do sleep 0.05; done";
        let mut child = proxy(shared(), &place, &["--", "sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut up = [0; 2];
        let mut output = child.stdout.take().expect("a pipe");
        output.read_exact(&mut up).await.expect("it is up");
        signal(&child, sent);
        let status = ended(&mut child).await;
        assert_eq!(status.code(), Some(42), "{sent}");
        assert!(is_empty(place.path()), "{sent}");
    }
}

/// A proxy that stays up, and the URL that it printed.
async fn started(emulator: &Emulator, place: &TempDir, arguments: &[&str]) -> (Child, String) {
    let mut child = proxy(emulator, place, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let line = output.lines().next_line().await.expect("it says something");
    (child, line.expect("a line"))
}

async fn psql(url: &str, sql: &str) -> crate::fixtures::Outcome {
    let mut psql = Command::new("psql");
    psql.args([url, "-XAtc", sql])
        .env_remove("PGPASSWORD")
        .kill_on_drop(true);
    outcome(psql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_connection_gets_a_token_that_is_good_then() {
    let emulator = Emulator::builder().start().await.expect("starts");
    let place = place();
    let (mut child, url) = started(&emulator, &place, &["--port", "0"]).await;
    for _ in 0..2 {
        let said = psql(&url, "SELECT current_user").await;
        assert_eq!(said.stdout, "app\n", "{}", said.stderr);
        emulator.control().revoke("app").expect("a role");
    }
    emulator.control().set_fault(Some(Fault::BadRequest));
    emulator.control().revoke("app").expect("a role");
    let said = psql(&url, "SELECT 1").await;
    assert_ne!(said.status, 0);
    signal(&child, Signal::SIGTERM);
    ended(&mut child).await;
    emulator.stop().await.expect("stops");
}

#[tokio::test]
async fn without_a_program_it_stays_up_until_a_signal_and_leaves_nothing() {
    for (sent, expected) in [(Signal::SIGINT, 0), (Signal::SIGTERM, 143)] {
        let place = place();
        let (mut child, url) = started(shared(), &place, &[]).await;
        assert!(
            url.starts_with("postgresql://app@localhost:5432/postgres?host="),
            "{url}"
        );
        let mut held = Command::new("psql")
            .args([&url, "-XAtc", "SELECT 'up'", "-c", "SELECT pg_sleep(60)"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let mut up = [0; 2];
        let mut output = held.stdout.take().expect("a pipe");
        output.read_exact(&mut up).await.expect("it is connected");
        signal(&child, sent);
        assert_eq!(ended(&mut child).await.code(), Some(expected));
        assert!(!ended(&mut held).await.success());
        assert!(is_empty(place.path()), "{sent}");
    }
}

#[tokio::test]
async fn a_socket_is_where_it_was_asked_for() {
    let place = place();
    let directory = place.path().join("s");
    let (mut child, url) = started(
        shared(),
        &place,
        &["--socket", &directory.display().to_string()],
    )
    .await;
    let found = fs::metadata(&directory).expect("a folder");
    assert_eq!(found.permissions().mode() & 0o777, 0o700);
    assert_eq!(psql(&url, "SELECT 1").await.stdout, "1\n");
    signal(&child, Signal::SIGHUP);
    assert_eq!(ended(&mut child).await.code(), Some(129));
    assert!(is_empty(place.path()));
}

#[tokio::test]
async fn what_prevents_it_is_told_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let open = place();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).expect("changed");
    let open = open.path().display().to_string();
    let shared_parent = place();
    fs::set_permissions(shared_parent.path(), fs::Permissions::from_mode(0o777)).expect("changed");
    let replaceable = shared_parent.path().join("s").display().to_string();
    let unreachable = "postgres://app:hunter2@localhost/x";
    for (arguments, said) in [
        (&["--port", &port][..], "listen"),
        (&["--socket", &open], "chmod 700"),
        (&["--socket", &replaceable], "other users can replace"),
        (&[unreachable], "holds a password"),
    ] {
        let place = place();
        let outcome = outcome(proxy(shared(), &place, arguments)).await;
        assert_eq!(outcome.status, 125, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        assert!(is_empty(place.path()) && outcome.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_credential_that_gives_no_token_is_told_before_the_program_runs() {
    let place = place();
    let mut command = proxy(shared(), &place, &["--", "echo", "ran"]);
    command.env("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential");
    let empty = TempDir::new().expect("a folder");
    command.env("PATH", empty.path());
    let outcome = outcome(command).await;
    assert_eq!((outcome.status, outcome.stdout.as_str()), (125, ""));
    assert!(outcome.stderr.contains("install az"), "{}", outcome.stderr);
    assert!(is_empty(place.path()));
}

/// A proxy on a port, and its log.
async fn logging(place: &TempDir, prefix: &str) -> (Child, String, Lines<BufReader<ChildStderr>>) {
    let command = proxy(shared(), place, &["--port", "0"]);
    let std = command.as_std();
    // The limits are those of the shell, which becomes the proxy.
    let mut child = Command::new("sh");
    child
        .args(["-c", &format!("{prefix} exec \"$0\" \"$@\"")])
        .arg(std.get_program())
        .args(std.get_args());
    for (name, value) in std.get_envs() {
        match value {
            Some(value) => child.env(name, value),
            None => child.env_remove(name),
        };
    }
    let mut child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let url = output
        .lines()
        .next_line()
        .await
        .expect("it prints")
        .expect("the URL");
    let port = url
        .split(['@', '/', ':'])
        .find_map(|part| part.parse::<u16>().ok());
    let log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    (child, format!("127.0.0.1:{}", port.expect("a port")), log)
}

async fn logged(log: &mut Lines<BufReader<ChildStderr>>, expected: &str) -> String {
    let line = async {
        while let Some(line) = log.next_line().await.expect("text") {
            if line.contains(expected) {
                return line;
            }
        }
        panic!("it ended before it logged {expected:?}")
    };
    timeout(PATIENCE, line).await.expect(expected)
}

#[tokio::test]
async fn the_log_tells_how_a_client_that_requires_tls_can_connect() {
    const REQUEST: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
    let place = place();
    let (_child, address, mut log) = logging(&place, "").await;
    for bytes in [
        [0x16, 3, 1, 2, 0, 1, 0, 1].to_vec(),
        [REQUEST, &[0x16, 3, 1, 2, 0, 1, 0, 1]].concat(),
        [REQUEST, b"X\0\0\0\x04"].concat(),
    ] {
        let mut client = TcpStream::connect(&address).await.expect("connects");
        client.write_all(&bytes).await.expect("sent");
        let line = logged(&mut log, "proxy").await;
        assert!(
            line.contains("WARN") && line.contains("sslmode=disable"),
            "{line}"
        );
    }
    // Health checks, and programs that change their mind.
    for bytes in [&b""[..], b"X\0\0\0\x04"] {
        let mut client = TcpStream::connect(&address).await.expect("connects");
        client.write_all(bytes).await.expect("sent");
    }
    let mut client = TcpStream::connect(&address).await.expect("connects");
    client
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("sent");
    let line = logged(&mut log, "").await;
    assert!(
        line.contains("HTTP"),
        "nothing is logged about those before: {line}"
    );
}

/// Each silent client takes a descriptor. Those that wait for one wait in the system's queue.
#[tokio::test]
async fn running_out_of_descriptors_is_logged_once_and_so_is_its_end() {
    let place = place();
    let (_child, address, mut log) = logging(&place, "ulimit -n 40;").await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(TcpStream::connect(&address).await.expect("connects"));
    }
    let line = logged(&mut log, "accept").await;
    assert!(
        line.contains("WARN") && line.contains("Too many open files"),
        "{line}"
    );
    // The oldest give way, so that all are accepted in the end.
    let line = logged(&mut log, "").await;
    assert!(
        line.contains("INFO") && line.contains("accepts clients again"),
        "nothing comes between: {line}"
    );
    drop(clients);
    let url = format!("postgresql://app@{address}/postgres?sslmode=disable");
    assert_eq!(psql(&url, "SELECT 1").await.stdout, "1\n");
}

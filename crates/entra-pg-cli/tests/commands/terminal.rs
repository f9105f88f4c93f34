//! What is different when people look at it.

use std::{
    fs::File,
    io::{self, Read, Write},
    time::Duration,
};

use entra_pg_emulator::Emulator;
use nix::{
    pty::openpty,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::process::{Child, Command};

use crate::fixtures::{command, ended, shared};

/// Runs it with a terminal for its output; everything that came out, and the exit status.
async fn on_a_terminal(mut command: Command) -> (String, Option<i32>) {
    let pty = openpty(None, None).expect("a pseudo-terminal");
    let reader = std::thread::spawn(move || read_all(File::from(pty.master)));
    let slave = || pty.slave.try_clone().expect("a descriptor");
    // A machine without a terminal may name none.
    command.env("TERM", "xterm");
    command.stdout(slave()).stderr(slave());
    let mut child = command.spawn().expect("starts");
    // Else the terminal would never be without a writer.
    drop(command);
    drop(pty.slave);
    let status = ended(&mut child).await;
    (reader.join().expect("reads"), status.code())
}

/// A terminal whose other side has gone gives an error in place of an end.
fn read_all(mut terminal: File) -> String {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match terminal.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => all.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn a_token_is_not_shown_to_whoever_looks_over_the_shoulder() {
    let (shown, status) = on_a_terminal(command(shared(), &["token"])).await;
    assert_eq!(status, Some(2), "{shown}");
    assert!(
        shown.contains("--to-terminal") && !shown.contains("eyJ"),
        "{shown}"
    );
    let asked = shared().control().token_requests();
    let (shown, status) = on_a_terminal(command(shared(), &["token", "--to-terminal"])).await;
    assert_eq!(status, Some(0));
    assert!(shown.contains("eyJ"));
    assert!(shared().control().token_requests() > asked);
}

#[tokio::test]
async fn the_doctor_is_live_on_a_terminal_and_plain_elsewhere() {
    let slow = Emulator::builder().start().await.expect("starts");
    slow.control().set_latency(Duration::from_secs(1));
    let (shown, status) = on_a_terminal(command(&slow, &["doctor"])).await;
    assert_eq!(status, Some(0), "{shown}");
    let erased = "\u{1b}[2K";
    assert!(
        shown.contains(erased) && shown.contains("All checks passed."),
        "{shown}"
    );
    slow.stop().await.expect("stops");
    let plain = crate::fixtures::run(shared(), &["doctor"]).await;
    assert_eq!(plain.status, 0, "{}", plain.stdout);
    assert!(!plain.stdout.contains('\u{1b}'), "{}", plain.stdout);
    assert_eq!(plain.stdout.matches('✓').count(), 8, "{}", plain.stdout);
    assert_eq!(plain.stderr, "");
}

/// Runs it in a session of its own, with a terminal that sends signals to it.
#[cfg(target_os = "linux")]
fn in_a_session(inner: &Command) -> (Child, File) {
    let pty = openpty(None, None).expect("a pseudo-terminal");
    let mut outer = Command::new("setsid");
    outer.args(["--ctty", "--wait"]);
    outer
        .arg(inner.as_std().get_program())
        .args(inner.as_std().get_args());
    for (name, value) in inner.as_std().get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    let slave = || pty.slave.try_clone().expect("a descriptor");
    let child = outer
        .stdin(slave())
        .stdout(slave())
        .stderr(slave())
        .kill_on_drop(true)
        .spawn()
        .expect("setsid is a part of util-linux");
    (child, File::from(pty.master))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interrupt_typed_in_a_terminal_reaches_a_proxied_program_once() {
    let script = "n=0; trap 'n=$((n+1)); echo heard' INT; trap 'echo $n times; exit 42' TERM; \
        echo up; while :; do sleep 0.05; done";
    let inner = command(shared(), &["proxy", "--", "sh", "-c", script]);
    let (mut child, mut terminal) = in_a_session(&inner);
    let mut seen = read_until(&mut terminal, "up");
    terminal.write_all(b"\x03").expect("typed");
    seen.push_str(&read_until(&mut terminal, "heard"));
    let id = child.id().expect("it runs").try_into().expect("a pid");
    kill(Pid::from_raw(id), Signal::SIGTERM).expect("sent");
    seen.push_str(&read_until(&mut terminal, "times"));
    assert!(seen.contains("1 times"), "{seen}");
    assert_eq!(ended(&mut child).await.code(), Some(42), "{seen}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interrupt_typed_in_psql_cancels_the_query_and_ends_nothing_else() {
    let mut inner = command(shared(), &["psql", "-X", "-P", "pager=off"]);
    inner.env("TERM", "dumb");
    let (mut child, mut terminal) = in_a_session(&inner);
    read_until(&mut terminal, "=> ");
    terminal
        .write_all(b"SELECT 'u' || 'p'; SELECT pg_sleep(60);\n")
        .expect("typed");
    read_until(&mut terminal, "(1 row)");
    // psql cancels a query that it has sent: give it the time.
    tokio::time::sleep(Duration::from_millis(300)).await;
    terminal.write_all(b"\x03").expect("typed");
    read_until(&mut terminal, "canceling statement due to user request");
    terminal
        .write_all(b"SELECT 'go' || 'ne on';\n")
        .expect("typed");
    read_until(&mut terminal, "gone on");
    terminal.write_all(b"\\q\n").expect("typed");
    // Else the terminal's buffer may be full.
    read_all(terminal);
    assert_eq!(ended(&mut child).await.code(), Some(0));
}

#[cfg(target_os = "linux")]
fn read_until(terminal: &mut File, word: &str) -> String {
    let mut all = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&all).contains(word) {
        let read = terminal.read(&mut byte).unwrap_or(0);
        assert!(
            read > 0,
            "{word} is missing in {:?}",
            String::from_utf8_lossy(&all)
        );
        all.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&all).into_owned()
}

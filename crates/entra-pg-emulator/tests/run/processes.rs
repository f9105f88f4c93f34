//! Exit statuses, and that nothing is left behind however it ends.

use std::{fs, io::Read, process::Stdio, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::command::{Running, TempRoot, eventually, text};

#[test]
fn the_commands_status_is_passed_on() {
    let root = TempRoot::new();
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let output = root.run(&["run", "--", "sh", "-c", script]);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{}",
            text(&output.stderr)
        );
        assert!(root.entries().is_empty(), "{:?}", root.entries());
    }
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let root = TempRoot::new();
    let output = root.run(&["run", "--", "no-such-program"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(
        text(&output.stderr).contains("no-such-program"),
        "{}",
        text(&output.stderr)
    );
    assert!(root.entries().is_empty());
}

#[test]
fn a_failed_start_says_what_to_install() {
    let root = TempRoot::new();
    let output = root
        .command(&["run", "--", "true"])
        .env("ENTRA_PG_EMULATOR_PGBIN", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    let message = text(&output.stderr);
    assert!(
        message.contains("/nowhere") && message.contains("apt-get install"),
        "{message}"
    );
    assert!(root.entries().is_empty());
}

#[test]
fn a_start_that_fails_late_leaves_nothing_and_shows_why() {
    let root = TempRoot::new();
    let programs = tempfile::Builder::new()
        .prefix("b")
        .tempdir_in("/tmp")
        .unwrap();
    let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs::set_permissions(programs.path(), open.clone()).unwrap();
    for (name, script) in [
        ("postgres", "echo 'postgres (PostgreSQL) 17.0'"),
        ("initdb", "echo disk is on fire; exit 1"),
    ] {
        fs::write(programs.path().join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(programs.path().join(name), open.clone()).unwrap();
    }
    let output = root
        .command(&["run", "--", "true"])
        .env("ENTRA_PG_EMULATOR_PGBIN", programs.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(
        text(&output.stderr).contains("disk is on fire"),
        "{}",
        text(&output.stderr)
    );
    assert!(root.entries().is_empty());
}

#[test]
fn every_signal_ends_it_and_leaves_nothing() {
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGKILL,
    ] {
        let root = TempRoot::new();
        let mut running = Running::start(&root, &[]);
        let pid_file = fs::read_to_string(root.directory().join("data/postmaster.pid")).unwrap();
        let postgres = Pid::from_raw(pid_file.lines().next().unwrap().parse().unwrap());
        running.signal(signal);
        let status = running.child.wait().unwrap();
        // A supervisor cleans up after SIGKILL, a moment later.
        if signal == Signal::SIGKILL {
            eventually("the end of PostgreSQL", || {
                kill(postgres, None).is_err().then_some(())
            });
            eventually("the directory's removal", || {
                root.entries().is_empty().then_some(())
            });
        } else {
            assert_eq!(
                status.code(),
                Some(if signal == Signal::SIGINT {
                    0
                } else {
                    128 + signal as i32
                })
            );
            assert!(
                kill(postgres, None).is_err(),
                "PostgreSQL still runs after {signal}"
            );
            assert!(root.entries().is_empty(), "{signal}");
        }
    }
}

#[test]
fn a_signal_during_the_start_undoes_it() {
    for milliseconds in [30, 300, 600, 900, 1200] {
        let root = TempRoot::new();
        let mut command = root.command(&["run", "--", "sleep", "60"]);
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let id = Pid::from_raw(child.id().try_into().unwrap());
        thread::sleep(Duration::from_millis(milliseconds));
        kill(id, Signal::SIGTERM).unwrap();
        let stderr = text(&child.wait_with_output().unwrap().stderr);
        assert!(stderr.is_empty(), "no complaint: {stderr}");
        eventually("the directory's removal", || {
            root.entries().is_empty().then_some(())
        });
    }
}

#[test]
fn the_command_receives_our_signals() {
    let root = TempRoot::new();
    let script = "trap 'exit 42' TERM; echo up; while :; do sleep 0.05; done";
    let mut child = root
        .command(&["run", "--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut up = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut up).unwrap();
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(42));
    assert!(root.entries().is_empty());
}

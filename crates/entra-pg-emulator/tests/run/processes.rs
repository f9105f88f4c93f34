//! Exit statuses, and that nothing is left behind however it ends.

use std::{fs, io::Read, process::Stdio, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::command::{Place, Running, eventually, text};

#[test]
fn the_commands_status_is_passed_on() {
    let place = Place::new();
    for (script, expected) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)] {
        let output = place.run(&["run", "--", "sh", "-c", script]);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{}",
            text(&output.stderr)
        );
        assert!(place.entries().is_empty(), "{:?}", place.entries());
    }
}

#[test]
fn a_command_that_does_not_exist_is_named() {
    let place = Place::new();
    let output = place.run(&["run", "--", "no-such-program"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(
        text(&output.stderr).contains("no-such-program"),
        "{}",
        text(&output.stderr)
    );
    assert!(place.entries().is_empty());
}

#[test]
fn a_failed_start_says_what_to_install() {
    let place = Place::new();
    let output = place
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
    assert!(place.entries().is_empty());
}

#[test]
fn a_start_that_fails_late_leaves_nothing_and_shows_why() {
    let place = Place::new();
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
    let output = place
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
    assert!(place.entries().is_empty());
}

#[test]
fn every_signal_ends_it_without_a_trace() {
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGKILL,
    ] {
        let place = Place::new();
        let mut running = Running::start(&place, &[]);
        let pid_file = fs::read_to_string(place.directory().join("data/postmaster.pid")).unwrap();
        let postgres = Pid::from_raw(pid_file.lines().next().unwrap().parse().unwrap());
        running.signal(signal);
        let status = running.child.wait().unwrap();
        // A supervisor cleans up after SIGKILL, a moment later.
        if signal == Signal::SIGKILL {
            eventually("the end of PostgreSQL", || {
                kill(postgres, None).is_err().then_some(())
            });
            eventually("the directory's removal", || {
                place.entries().is_empty().then_some(())
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
            assert!(place.entries().is_empty(), "{signal}");
        }
    }
}

#[test]
fn a_signal_during_the_start_undoes_it() {
    for milliseconds in [30, 300, 600, 900, 1200] {
        let place = Place::new();
        let mut command = place.command(&["run", "--", "sleep", "60"]);
        let child = command.stderr(Stdio::piped()).spawn().unwrap();
        let id = Pid::from_raw(child.id().try_into().unwrap());
        thread::sleep(Duration::from_millis(milliseconds));
        kill(id, Signal::SIGTERM).unwrap();
        let said = text(&child.wait_with_output().unwrap().stderr);
        assert!(said.is_empty(), "nothing was stuck: {said}");
        eventually("the directory's removal", || {
            place.entries().is_empty().then_some(())
        });
    }
}

#[test]
fn the_command_hears_of_our_end() {
    let place = Place::new();
    let script = "trap 'exit 42' TERM; echo up; while :; do sleep 0.05; done";
    let mut child = place
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
    assert!(place.entries().is_empty());
}

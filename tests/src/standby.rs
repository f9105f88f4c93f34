//! A second server for an emulator's tenant: a hot standby of its PostgreSQL, which accepts the same tokens under the same
//! certificate, and can be promoted.
//!
//! It is a copy of the data directory, in recovery; it does not follow what is written to the primary later.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use entra_pg_emulator::Emulator;
use tokio::net::TcpStream;

use crate::fixtures::eventually;

/// Runs the server until its standard input, which only we hold, is closed.
const SUPERVISOR: &str = "\"$@\" >/dev/null 2>\"$0\" & server=$!; cat >/dev/null; kill -TERM $server; kill -QUIT $server; wait $server";

/// A hot standby. It ends when it is dropped, or this process ends; its directory goes with the emulator's.
pub struct Standby {
    port: u16,
    data: PathBuf,
    supervisor: Child,
}

impl Standby {
    /// Copies the emulator's PostgreSQL, which is restarted for it. Statements that nobody has finished are lost.
    pub async fn of(emulator: &Emulator) -> Self {
        let control = emulator.control();
        let sql = "ALTER SYSTEM SET wal_level = replica";
        control.execute(sql).await.expect("the superuser may");
        control.restart_postgres().await.expect("restarts");
        control
            .execute("CHECKPOINT")
            .await
            .expect("the superuser may");
        let primary = emulator.directory().join("data");
        let data = emulator.directory().join("standby");
        copy(&primary, &data);
        let port = free_port();
        let supervisor = start(&data, port);
        let standby = Self {
            port,
            data,
            supervisor,
        };
        eventually("the standby accepts connections", || async {
            TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))
                .await
                .is_ok()
        })
        .await;
        standby
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a primary of it, which takes a moment.
    pub fn promote(&self) {
        let pg_ctl = binary(&self.data).with_file_name("pg_ctl");
        let mut command = Command::new(pg_ctl);
        command.arg("promote").arg("-D").arg(&self.data);
        let promoted = of_owner(command, &self.data).output().expect("pg_ctl runs");
        assert!(promoted.status.success(), "{promoted:?}");
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

fn copy(primary: &Path, data: &Path) {
    let copied = Command::new("cp").arg("-a").args([primary, data]).status();
    assert!(copied.expect("cp runs").success());
    let _ = fs::remove_file(data.join("postmaster.pid"));
    fs::write(data.join("standby.signal"), "").expect("a writable directory");
}

fn start(data: &Path, port: u16) -> Child {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SUPERVISOR])
        .arg(data.with_file_name("standby.log"))
        .arg(binary(data))
        .arg("-D")
        .arg(data)
        .args([
            "-c",
            &format!("port={port}"),
            "-c",
            "listen_addresses=127.0.0.1",
        ])
        .args(["-c", "unix_socket_directories="])
        .env("LDAPNOINIT", "1")
        .stdin(Stdio::piped())
        .process_group(0);
    of_owner(command, data).spawn().expect("sh runs")
}

/// PostgreSQL does not run as root.
fn of_owner(mut command: Command, data: &Path) -> Command {
    let owner = fs::metadata(data).expect("the data directory");
    if nix::unistd::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.current_dir("/");
    command
}

/// As the primary was started.
fn binary(data: &Path) -> PathBuf {
    let options = fs::read_to_string(data.join("postmaster.opts")).expect("PostgreSQL's own file");
    options.split(' ').next().expect("a program").into()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

//! A server of a given version: TLS, the method `password` and the protocol, through every adapter and the proxy.
//!
//! It needs no LDAP, which the emulator's has to have: its role's password is a token, and its certificate is the emulator's.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use entra_pg_core::{Entra, Scope, Target};
use entra_pg_emulator::Emulator;
use entra_pg_tests::adapters::{ALL, Cancel, NamedAdapter, PROXY, TestPool};
use tokio::net::TcpStream;

use crate::fixtures::{entra, eventually, shared};

/// The folder with its programs.
const PROGRAMS: &str = "ENTRA_PG_TEST_SERVER";

/// Ends the server when our end of its standard input is closed.
const SUPERVISOR: &str =
    "\"$@\" >\"$0\" 2>&1 & server=$!; cat >/dev/null; kill -INT $server; wait $server";

struct Server {
    port: u16,
    supervisor: Child,
    data: PathBuf,
}

impl Server {
    /// In the emulator's directory, which is its account's.
    async fn start(programs: &Path, emulator: &Emulator, password: &str) -> Self {
        let data = emulator.directory().join("version");
        let file = data.with_extension("password");
        fs::write(&file, password).expect("a writable directory");
        let mut initdb = of_owner(&programs.join("initdb"), emulator);
        initdb.arg("-D").arg(&data).arg("--pwfile").arg(&file);
        initdb.args([
            "-U",
            "app",
            "-A",
            "password",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]);
        let made = initdb.output().expect("initdb runs");
        assert!(made.status.success(), "{made:?}");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let certificate = |name: &str| emulator.directory().join(name);
        let mut command = of_owner(Path::new("/bin/sh"), emulator);
        command
            .args(["-c", SUPERVISOR])
            .arg(data.with_extension("log"))
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(&data);
        for setting in [
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", certificate("server.crt").display()),
            format!("ssl_key_file={}", certificate("server.key").display()),
        ] {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::piped()).process_group(0);
        let server = Self {
            port,
            supervisor: command.spawn().expect("sh runs"),
            data,
        };
        eventually("the server accepts connections", || async {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// PostgreSQL does not run as root. It reads what its owner may read.
fn of_owner(program: &Path, emulator: &Emulator) -> Command {
    let mut command = Command::new(program);
    let owner = fs::metadata(emulator.directory().join("data")).expect("the data directory");
    if nix::unistd::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.current_dir("/");
    command
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of a server; `just test-postgres` names them"]
async fn every_adapter_works_with_this_servers_tls_password_and_protocol() {
    let programs = env::var_os(PROGRAMS).expect("a folder in ENTRA_PG_TEST_SERVER");
    let (emulator, entra) = (shared(), entra(shared()));
    let tokens = entra.token_cache(&Scope::for_host("localhost"));
    let token = tokens.get(Duration::from_secs(15)).await.expect("a token");
    let server = Server::start(Path::new(&programs), emulator, token.secret()).await;
    let root = emulator.ca_file().display();
    let url = format!(
        "postgres://app@localhost:{}/postgres?sslrootcert={root}",
        server.port
    );
    let mut found = String::new();
    for subject in ALL.into_iter().chain([PROXY]) {
        found = session(subject, &url, &entra).await;
        let major = found.split(['.', ' ']).next().map(str::parse::<u32>);
        let knows_direct = major.is_some_and(|major| major.expect("a number") >= 17);
        // What connects by itself refuses it.
        if knows_direct && subject.per_connection {
            session(subject, &format!("{url}&sslnegotiation=direct"), &entra).await;
        }
    }
    println!("every adapter works with PostgreSQL {found}");
}

/// Logs in over TLS, and cancels a query. Returns the server's version.
async fn session(subject: NamedAdapter, url: &str, entra: &Entra) -> String {
    let name = subject.name;
    let target = Target::parse(url).expect("a URL");
    let opened = subject.adapter.open(url, target, entra).await;
    let opened = opened.unwrap_or_else(|error| panic!("{name}, {url}: {error}"));
    let mut connection = opened.acquire().await.expect(name);
    let encrypted = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(
        connection.query(encrypted).await.as_deref(),
        Ok("true"),
        "{name}"
    );
    let version = connection
        .query("SELECT current_setting('server_version')")
        .await;
    let query = Cancel {
        pid: connection
            .query("SELECT pg_backend_pid()::text")
            .await
            .expect(name),
        token: connection.cancel_token(),
    };
    let sleep = connection.query("SELECT pg_sleep(600)::text");
    let (slept, ()) = tokio::join!(sleep, cancel(&*opened, &query));
    let error = slept.expect_err("it is cancelled");
    assert!(error.contains("due to user request"), "{name}: {error}");
    drop(connection);
    opened.close().await;
    version.expect(name)
}

async fn cancel(opened: &dyn TestPool, query: &Cancel) {
    let mut other = opened.acquire().await.expect("another connection");
    let pid = &query.pid;
    let sql =
        format!("SELECT coalesce((SELECT wait_event FROM pg_stat_activity WHERE pid = {pid}), '')");
    let mut waits = String::new();
    while waits != "PgSleep" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        waits = other.query(&sql).await.expect("an answer");
    }
    drop(other);
    opened.cancel(query).await.expect("the server is asked");
}

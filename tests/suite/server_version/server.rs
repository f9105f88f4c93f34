//! A server of the given programs, whose role's password is a token, and whose certificate is the emulator's.

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

use crate::fixtures::{eventually, shared};

/// The folder with its programs.
const PROGRAMS: &str = "ENTRA_PG_TEST_SERVER";

/// Ends the server when our end of its standard input is closed.
const SUPERVISOR: &str =
    "\"$@\" >\"$0\" 2>&1 & server=$!; cat >/dev/null; kill -INT $server; wait $server";

pub struct Programs {
    folder: PathBuf,
    pub major: u32,
}

impl Programs {
    /// Those that the recipe names.
    pub fn given() -> Self {
        let folder =
            PathBuf::from(env::var_os(PROGRAMS).expect("a folder in ENTRA_PG_TEST_SERVER"));
        let version = Command::new(folder.join("postgres"))
            .arg("--version")
            .output();
        let version = String::from_utf8(version.expect("it runs").stdout).expect("UTF-8");
        let mut numbers = version.split(|letter: char| !letter.is_ascii_digit());
        let major = numbers.find_map(|digits| digits.parse().ok());
        Self {
            folder,
            major: major.unwrap_or_else(|| panic!("a number in {version}")),
        }
    }
}

pub struct Server {
    port: u16,
    supervisor: Child,
    data: PathBuf,
}

impl Server {
    /// In the emulator's directory, which is its account's, with these settings.
    pub async fn start(programs: &Programs, entra: &Entra, settings: &[&str]) -> Self {
        let emulator = shared();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let data = emulator.directory().join(format!("server-{port}"));
        let password = data.with_extension("password");
        let tokens = entra.token_cache(&Scope::for_host("localhost"));
        let token = tokens.get(Duration::from_secs(15)).await.expect("a token");
        fs::write(&password, token.secret()).expect("a writable directory");
        make(programs, emulator, &data, &password);
        let server = Self {
            port,
            supervisor: run(programs, emulator, &data, port, settings),
            data,
        };
        let log = server.data.with_extension("log");
        eventually("the server is ready", || async {
            // It accepts connections before that, and refuses them.
            let log = fs::read_to_string(&log).unwrap_or_default();
            log.contains("ready to accept connections")
        })
        .await;
        server
    }

    pub fn url(&self) -> String {
        let root = shared().ca_file().display();
        format!(
            "postgres://app@localhost:{}/postgres?sslrootcert={root}",
            self.port
        )
    }

    pub fn target(&self) -> Target {
        Target::parse(&self.url()).expect("a URL")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn make(programs: &Programs, emulator: &Emulator, data: &Path, password: &Path) {
    let mut initdb = of_owner(&programs.folder.join("initdb"), emulator);
    initdb.arg("-D").arg(data).arg("--pwfile").arg(password);
    initdb.args(["-U", "app", "-A", "password", "-E", "UTF8"]);
    initdb.args(["--locale=C", "-N"]);
    let made = initdb.output().expect("initdb runs");
    assert!(made.status.success(), "{made:?}");
}

fn run(
    programs: &Programs,
    emulator: &Emulator,
    data: &Path,
    port: u16,
    settings: &[&str],
) -> Child {
    let file = |name: &str| emulator.directory().join(name).display().to_string();
    let mut command = of_owner(Path::new("/bin/sh"), emulator);
    command
        .args(["-c", SUPERVISOR])
        .arg(data.with_extension("log"))
        .arg(programs.folder.join("postgres"))
        .arg("-D")
        .arg(data);
    let always = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", file("server.crt")),
        format!("ssl_key_file={}", file("server.key")),
    ];
    for setting in always
        .iter()
        .map(String::as_str)
        .chain(settings.iter().copied())
    {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::piped()).process_group(0);
    command.spawn().expect("sh runs")
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

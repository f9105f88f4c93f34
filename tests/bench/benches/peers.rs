//! What a user would take in place of us: clients of other languages, each in a process of its own.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use async_trait::async_trait;
use entra_pg_emulator::CredentialSource;
use entra_pg_tests::{fixtures::shared, pasted};
use tokio::process::Command;

use crate::section::Subject;

/// The folder of `peers/install`.
const FOLDER: &str = "ENTRA_PG_BENCH_PEERS";

const PYTHON: [(&str, &str); 2] = [
    ("psycopg 3, azure-postgresql-auth", "psycopg"),
    ("asyncpg, azure-identity", "asyncpg"),
];
const NODE: &str = "node-postgres, @azure/identity";
const PSQL: &str = "psql, a pasted token, its start included";

pub struct Peers {
    /// Their names, and the commands without what they are to do.
    commands: Vec<(&'static str, Vec<PathBuf>)>,
    has_psql: bool,
}

impl Peers {
    pub async fn find() -> Self {
        let mut commands = Vec::new();
        if let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) {
            let python = folder.join("python/bin/python");
            if python.exists() {
                let command = |library| {
                    vec![
                        python.clone(),
                        folder.join("python.py"),
                        PathBuf::from(library),
                    ]
                };
                commands.extend(PYTHON.map(|(name, library)| (name, command(library))));
            }
            if folder.join("node_modules/pg").exists() {
                commands.push((NODE, vec![PathBuf::from("node"), folder.join("node.js")]));
            }
        }
        let psql = Command::new("psql").arg("--version").output().await;
        Self {
            commands,
            has_psql: psql.is_ok(),
        }
    }

    pub fn names(&self) -> Vec<&'static str> {
        let names = self.commands.iter().map(|(name, _)| *name);
        names.chain(self.has_psql.then_some(PSQL)).collect()
    }

    pub fn connects(&self, count: u32) -> Vec<Box<dyn Subject>> {
        let mut subjects = self.subjects("connect", count);
        if self.has_psql {
            subjects.push(Box::new(Psql { count }));
        }
        subjects
    }

    pub fn cold(&self, count: u32) -> Vec<Box<dyn Subject>> {
        self.subjects("cold", count)
    }

    fn subjects(&self, what: &str, count: u32) -> Vec<Box<dyn Subject>> {
        let subjects = self.commands.iter().map(|(name, command)| {
            let rest = [what.to_owned(), count.to_string()].map(PathBuf::from);
            Box::new(Peer {
                name,
                command: command.iter().cloned().chain(rest).collect(),
            }) as Box<dyn Subject>
        });
        subjects.collect()
    }
}

struct Peer {
    name: &'static str,
    command: Vec<PathBuf>,
}

#[async_trait]
impl Subject for Peer {
    fn name(&self) -> &str {
        self.name
    }

    async fn measure(&self) -> Vec<f64> {
        let output = in_emulator(&self.command[0], &self.command[1..])
            .stderr(Stdio::inherit())
            .output()
            .await
            .expect("it runs");
        assert!(output.status.success(), "{}: {}", self.name, output.status);
        serde_json::from_slice(&output.stdout).expect("times")
    }
}

struct Psql {
    count: u32,
}

#[async_trait]
impl Subject for Psql {
    fn name(&self) -> &str {
        PSQL
    }

    async fn measure(&self) -> Vec<f64> {
        let token = pasted::token().await;
        let mut times = Vec::new();
        for _ in 0..self.count {
            let begun = Instant::now();
            let arguments = ["-Xqc", "\\q"].map(PathBuf::from);
            let mut psql = in_emulator(Path::new("psql"), &arguments);
            let ended = psql
                .arg(shared().url())
                .env("PGPASSWORD", token)
                .status()
                .await;
            assert!(ended.expect("it runs").success(), "psql");
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        times
    }
}

fn in_emulator(program: &Path, arguments: &[PathBuf]) -> Command {
    let mut command = std::process::Command::new(program);
    shared().configure_command(&mut command, CredentialSource::ManagedIdentity);
    command.args(arguments);
    Command::from(command)
}

//! The throwaway PostgreSQL: configuration, start, restart, statements of the superuser.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex, task, time::Instant};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{
    Binaries, Supervisor,
    config::{Listen, SUPERUSER, pg_hba_conf, postgresql_conf, quote_identifier},
    startup_log::{StartupProblem, read},
};
use crate::{
    Error,
    resources::{Account, Layout, ServerCertificate, directory, free_port},
};

/// How long PostgreSQL may take to accept connections.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How often another port is tried when another process took the first.
const PORT_ATTEMPTS: u32 = 20;
/// How many lines of the log an error has.
const LOG_LINES: usize = 20;

/// Client backends, without the emulator's own.
const CLIENTS: &str = "backend_type = 'client backend' AND usename <> 'entra_pg_emulator'";

/// What a cluster is made with.
pub(crate) struct Setup<'a> {
    pub(crate) account: Option<Account>,
    pub(crate) ldap_port: u16,
    /// `None`: without TLS.
    pub(crate) certificate: Option<&'a ServerCertificate>,
    pub(crate) roles: Vec<&'a str>,
}

/// A PostgreSQL, and statements of its superuser.
pub(crate) struct Cluster {
    supervisor: Arc<Supervisor>,
    binaries: Binaries,
    layout: Layout,
    port: AtomicU16,
    /// Serialises starts and restarts.
    lifecycle: Mutex<()>,
}

impl Cluster {
    pub(crate) fn new(supervisor: Arc<Supervisor>, binaries: Binaries) -> Result<Self, Error> {
        let layout = supervisor.directory()?;
        Ok(Self {
            supervisor,
            binaries,
            layout,
            port: AtomicU16::new(0),
            lifecycle: Mutex::new(()),
        })
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// 0 until started.
    pub(crate) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    /// Waits for `initdb`, configures, starts and creates the roles.
    pub(crate) async fn start(&self, setup: &Setup<'_>) -> Result<(), Error> {
        let _guard = self.lifecycle.lock().await;
        let initialised = tokio::time::timeout(START_DEADLINE, self.read_status()).await;
        if !matches!(initialised, Ok(Ok(0))) {
            return Err(self.failure("initdb failed", &read(&self.layout.initdb_log(), 0)));
        }
        self.configure(setup)?;
        let tls = setup.certificate.is_some();
        for _ in 0..PORT_ATTEMPTS {
            let (port, ipv6) = free_port()?;
            self.port.store(port, Ordering::Relaxed);
            let conf = postgresql_conf(&self.layout, Listen { port, ipv6, tls });
            directory::write(&self.layout.data().join("postgresql.conf"), &conf, 0o644)?;
            if self.launch().await? {
                return self.create_roles(&setup.roles).await;
            }
            self.send_command("stop").await?;
        }
        Err(self.failure("no free port was found", ""))
    }

    /// Stops and starts PostgreSQL on the same port. Connections end as when an administrator restarts it.
    pub(crate) async fn restart(&self) -> Result<(), Error> {
        let _guard = self.lifecycle.lock().await;
        for _ in 0..PORT_ATTEMPTS {
            self.send_command("stop").await?;
            if self.launch().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(self.failure(&format!("its port {} is taken", self.port()), ""))
    }

    /// Runs statements as the superuser; rows come back as text, one per line, columns separated by `|`.
    pub(crate) async fn execute(&self, sql: &str) -> Result<String, Error> {
        let (client, connection) = tokio_postgres::Config::new()
            .host_path(self.layout.socket())
            .port(self.port())
            .user(SUPERUSER)
            .dbname("postgres")
            .application_name("entra-pg-emulator")
            .connect(NoTls)
            .await
            .map_err(|error| Error::sql(&error))?;
        let connection = task::spawn(connection);
        let result = client
            .simple_query(sql)
            .await
            .map_err(|error| Error::sql(&error));
        drop(client);
        _ = connection.await;
        let rows = result?.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len())
                    .map(|column| row.get(column).unwrap_or_default())
                    .collect::<Vec<_>>()
                    .join("|"),
            ),
            _ => None,
        });
        Ok(rows.collect::<Vec<_>>().join("\n"))
    }

    pub(crate) async fn terminate_connections(&self) -> Result<(), Error> {
        // All at once, and then until each has gone.
        let sql = ["pid", "pid, 5000"].map(|arguments| {
            format!(
                "SELECT pg_terminate_backend({arguments}) FROM pg_stat_activity WHERE {CLIENTS};"
            )
        });
        self.execute(&sql.concat()).await.map(drop)
    }

    pub(crate) async fn connections(&self) -> Result<u64, Error> {
        let count = self
            .execute(&format!(
                "SELECT count(*) FROM pg_stat_activity WHERE {CLIENTS}"
            ))
            .await?;
        count
            .parse()
            .map_err(|_| Error::Sql(format!("`{count}` is not a number of connections")))
    }

    fn configure(&self, setup: &Setup<'_>) -> Result<(), Error> {
        let hba = pg_hba_conf(setup.ldap_port, setup.certificate.is_some());
        let file = self.layout.data().join("pg_hba.conf");
        directory::write(&file, &hba, 0o644)?;
        directory::change_owner(&file, setup.account)?;
        if let Some(ServerCertificate { certificate, key }) = setup.certificate {
            directory::write(&self.layout.server_certificate(), certificate, 0o644)?;
            directory::write(&self.layout.server_key(), key, 0o600)?;
            directory::change_owner(&self.layout.server_key(), setup.account)?;
        }
        Ok(())
    }

    async fn create_roles(&self, roles: &[&str]) -> Result<(), Error> {
        let statements = roles.iter().map(|role| {
            let role = quote_identifier(role);
            format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON DATABASE postgres TO {role};")
        });
        self.execute(&statements.collect::<String>())
            .await
            .map(drop)
    }

    /// Starts the server and waits for it. `false`: the port was taken by another process.
    async fn launch(&self) -> Result<bool, Error> {
        let log_start = fs::metadata(self.layout.log())
            .map_or(0, |log| usize::try_from(log.len()).unwrap_or(0));
        let deadline = Instant::now() + START_DEADLINE;
        self.send_command("start").await?;
        loop {
            let answers = self.execute("SELECT 1").await.is_ok();
            let log = read(&self.layout.log(), log_start);
            match StartupProblem::in_log(&log) {
                Some(StartupProblem::PortTaken) => return Ok(false),
                Some(StartupProblem::NoLdap) => {
                    let directory = self.binaries.directory.clone();
                    return Err(Error::PostgresWithoutLdap { directory });
                }
                _ if answers => return Ok(true),
                Some(StartupProblem::Fatal) => {
                    return Err(self.failure("it reported a fatal error", &log));
                }
                None if Instant::now() > deadline => {
                    let reason = format!("it accepted no connection for {START_DEADLINE:?}");
                    return Err(self.failure(&reason, &log));
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    async fn send_command(&self, command: &'static str) -> Result<(), Error> {
        self.supervisor.send_command(command)?;
        let status = tokio::time::timeout(START_DEADLINE, self.read_status()).await;
        let Ok(status) = status else {
            let reason = format!("`{command}` timed out after {START_DEADLINE:?}");
            return Err(self.failure(&reason, &read(&self.layout.log(), 0)));
        };
        status.map(drop)
    }

    async fn read_status(&self) -> Result<i32, Error> {
        let supervisor = Arc::clone(&self.supervisor);
        task::spawn_blocking(move || supervisor.read_status())
            .await
            .map_err(|_| Error::Stopped)?
    }

    fn failure(&self, reason: &str, log: &str) -> Error {
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        let reason = format!(
            "{reason} (version {}, from {})",
            self.binaries.major,
            self.binaries.directory.display()
        );
        Error::PostgresStart { reason, log: tail }
    }
}

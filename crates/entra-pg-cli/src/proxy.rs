//! `entra-pg proxy`: a place to connect to without a password, for programs that only take a URL.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use clap::Args;
use entra_pg_core::Database;
use entra_pg_proxy::{Address, Proxy as Listening};
use tokio::process::Command;

use crate::{
    environment::{IN_THE_WAY, Local, ONLY_FOR_THE_SERVER},
    failure::Failure,
    options::Server,
    output::{complain, print},
    program,
    runtime::block_on,
    signals::{Signals, killed_by, supervise},
    status,
    trust::absolute,
};

/// The port in the name of a socket, unless another is given.
const SOCKET_PORT: u16 = 5432;

/// Listen on a private socket, or a local port, and log in each connection with a fresh token
///
/// For programs that live longer than a token, or that cannot verify the server's certificate. With a COMMAND it runs that, with
/// DATABASE_URL and libpq's variables, and ends with it. Without, it prints the URL to use and stays up until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg proxy -- npx prisma migrate deploy
  entra-pg proxy --port 6432                         # for DBeaver, pgAdmin and the like
  entra-pg proxy --socket ~/.entra-pg                # in another shell: psql \"host=$HOME/.entra-pg dbname=orders\"

Everyone on this machine can connect to a port; only this user to a socket, which is the default.")]
pub(crate) struct Proxy {
    #[command(flatten)]
    server: Server,

    /// Listen on a socket in this directory, which must be closed to others [default: a new one]
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "port")]
    socket: Option<PathBuf>,

    /// Listen on this port of 127.0.0.1; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,

    /// What to run, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Proxy {
    pub(crate) fn run(self) -> Result<u8, Failure> {
        block_on(self.serve())
    }

    async fn serve(self) -> Result<u8, Failure> {
        let failed = |error| Failure::from(error).before_the_program();
        // Before anything is made that has to be removed: a signal must find us listening.
        let mut signals = Signals::new()?;
        let database = self.server.database().map_err(failed)?;
        // A token now, so that a credential that gives none is told at once, and by us.
        let login = tokio::select! {
            login = database.login() => login.map_err(failed)?,
            signal = signals.next() => return Ok(killed_by(signal)),
        };
        let local = Local {
            target: database.target(),
            user: login.user(),
        };
        let proxy = self
            .listen(database.clone().with_user(login.user()))
            .map_err(failed)?;
        let result = match self.command.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                for name in IN_THE_WAY.iter().chain(&ONLY_FOR_THE_SERVER) {
                    command.env_remove(name);
                }
                command
                    .args(arguments)
                    .envs(local.variables(proxy.address()));
                match command.spawn() {
                    Ok(child) => supervise(child, &mut signals).await,
                    Err(error) => Err(program::not_run(program, &error)),
                }
            }
            None => announce(&local, proxy.address(), &mut signals).await,
        };
        proxy.close().await;
        result
    }

    fn listen(&self, database: Database) -> Result<Listening, entra_pg_core::Error> {
        let proxy = Listening::builder(database);
        match (&self.socket, self.port) {
            (Some(directory), _) => proxy.bind_unix(absolute(directory), SOCKET_PORT),
            (None, Some(port)) => proxy.bind_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            (None, None) => proxy.bind_private(),
        }
    }
}

/// Prints the URL on standard output, and what a human needs on standard error; then waits for a signal.
async fn announce(
    local: &Local<'_>,
    address: &Address,
    signals: &mut Signals,
) -> Result<u8, Failure> {
    print(&format!("{}\n", local.url(address)))?;
    complain(&format!(
        "connections to {address} are logged in to {} as {}. Ctrl-C ends them all.",
        local.target.hosts()[0].name(),
        local.user
    ));
    Ok(match signals.next().await {
        nix::sys::signal::Signal::SIGINT => status::OK,
        signal => killed_by(signal),
    })
}

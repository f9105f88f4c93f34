//! `entra-pg proxy`: a place to connect to without a password, for programs that only take a URL.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
};

use clap::Args;
use entra_pg_core::Error;
use entra_pg_proxy::{Proxy as Listening, ProxyBuilder};

use crate::{
    failure::Failure,
    local_proxy::LocalProxy,
    options::Server,
    output::{complain, print},
    runtime::block_on,
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
        let proxy = LocalProxy::start(&self.server, |builder| self.listen(builder)).await?;
        let Some((program, arguments)) = self.command.split_first() else {
            announce(&proxy)?;
            return Ok(proxy.serve().await);
        };
        let mut command = Command::new(program);
        proxy.configure(&mut command);
        command.args(arguments);
        proxy.run(command).await
    }

    fn listen(&self, proxy: ProxyBuilder) -> Result<Listening, Error> {
        match (&self.socket, self.port) {
            (Some(directory), _) => proxy.bind_unix(absolute(directory), SOCKET_PORT),
            (None, Some(port)) => proxy.bind_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            (None, None) => proxy.bind_private(),
        }
    }
}

/// Prints the URL to stdout, and a line for people to stderr.
fn announce(proxy: &LocalProxy) -> Result<(), Failure> {
    let (local, address) = (proxy.local(), proxy.address());
    print(&format!("{}\n", local.url(address)))?;
    complain(&format!(
        "connections to {address} are logged in to {} as {}. Ctrl-C ends them all.",
        local.target.hosts()[0].name(),
        local.user
    ));
    Ok(())
}

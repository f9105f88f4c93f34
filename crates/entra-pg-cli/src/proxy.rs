//! `entra-pg proxy`: a socket or port that needs no password, for programs that only take a URL.

use std::{
    ffi::OsString,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::Command,
};

use clap::Args;
use entra_pg_core::{Error, Host, connect::one_line};
use entra_pg_proxy::{Proxy as Listening, ProxyBuilder};

use crate::{
    failure::Failure, local_proxy::LocalProxy, migration_tool, options::Server, output::print,
    runtime::block_on, socket, trust::absolute,
};

/// Listen on a private socket or a local port, and log in each connection with a fresh token
///
/// For programs that run longer than a token lives, or that cannot verify the server's certificate. With a COMMAND, runs it with
/// DATABASE_URL (postgresql://…) and libpq's variables set, and exits with its status; with --port also JDBC_DATABASE_URL, since
/// Java's driver knows no sockets. Without, prints the URL to use and runs until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  entra-pg proxy -- npx prisma migrate deploy
  entra-pg proxy --port 15432                        # for DBeaver, pgAdmin and the like
  entra-pg proxy --port 0 -- sh -c 'SPRING_DATASOURCE_URL=$JDBC_DATABASE_URL java -jar app.jar'
  entra-pg proxy --socket ~/.entra-pg                # in another shell: psql \"host=$HOME/.entra-pg dbname=orders\"

Any user of this machine can connect to a port. Only you can connect to a socket, which is the default.
Windows has no such sockets: give --port there.")]
pub(crate) struct Proxy {
    #[command(flatten)]
    server: Server,

    /// Listen on a socket in this directory, which must have mode 0700 [default: a new directory]
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "port")]
    socket: Option<PathBuf>,

    /// Listen on this port of 127.0.0.1; 0 picks a free one
    #[arg(long)]
    port: Option<u16>,

    /// A program to run, and its arguments
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
        migration_tool::warn(&self.command, proxy.local().target);
        let mut command = Command::new(program);
        proxy.configure(&mut command);
        command.args(arguments);
        proxy.run(command).await
    }

    fn listen(&self, proxy: ProxyBuilder) -> Result<Listening, Error> {
        match (&self.socket, self.port) {
            (Some(directory), _) => socket::in_directory(proxy, &absolute(directory)),
            (None, Some(port)) => proxy.bind_tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            (None, None) => socket::private(proxy),
        }
    }
}

/// Prints the URL to stdout, and a line for people to stderr.
fn announce(proxy: &LocalProxy) -> Result<(), Failure> {
    let (local, address) = (proxy.local(), proxy.address());
    print(&format!("{}\n", local.url(address)))?;
    let names: Vec<_> = local.target.hosts().iter().map(Host::name).collect();
    _ = writeln!(
        io::stderr(),
        "entra-pg: {address} connects to {} as {}; press Ctrl-C to stop",
        names.join(", "),
        one_line(local.user)
    );
    Ok(())
}

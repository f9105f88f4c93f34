//! One connection to one of a target's servers: which addresses are tried, in which order, and for how long each.
//!
//! Hosts are tried in the target's order, the addresses of each in the resolver's, or all in a random order. Those that did not answer within the last
//! minute come last. Each has its [`Share`] of the time. What ends the search, and what leads on to the next address, is
//! [`Failure::next`], as in libpq.

use std::{collections::VecDeque, future::Future, io, net::SocketAddr};

use tokio::net::lookup_host;

use super::{
    Attempt, Failure, LoginProvider, ServerAddress, Share, Step, failure::Next, tried::Tried,
    unanswered::Unanswered,
};
use crate::{Error, ErrorKind, Host, LoadBalanceHosts, Target, TargetSessionAttrs};

impl LoginProvider {
    /// Opens a connection to the first of the target's servers for which `open` succeeds. For adapters whose driver can be
    /// given an address; `open` dials it, and keeps the time that the address has by the [`Attempt`] that it is given. One
    /// that drops packets so leaves time for the others, and is tried last for a minute.
    ///
    /// ```no_run
    /// use entra_pg_core::{Login, LoginProvider, connect::{Attempt, Failure, ServerAddress, Step}};
    ///
    /// # struct Client;
    /// # async fn driver_connect(_: ServerAddress, _: &Login) -> Result<Client, std::io::Error> { Ok(Client) }
    /// async fn open(provider: &LoginProvider, login: &Login, attempt: &Attempt) -> Result<Client, Failure> {
    ///     provider.reach(attempt, async |server: ServerAddress, attempt: Attempt| {
    ///         let dial = driver_connect(server, login);
    ///         let connected = attempt.timeout(Step::Connecting, dial).await?;
    ///         connected.map_err(|error| Failure::broken(&error))
    ///     }).await
    /// }
    /// ```
    ///
    /// # Errors
    /// What `open` returned for the only address, or where another address cannot help: a refused login, a server that is not
    /// verified. Else what each address did.
    ///
    /// # Panics
    /// Outside of a Tokio runtime with time enabled.
    pub async fn reach<T, F>(
        &self,
        attempt: &Attempt,
        open: impl FnMut(ServerAddress, Attempt) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        search(self.target(), self.unanswered(), attempt, lookup, open).await
    }
}

/// With `prefer-standby` in two passes, as libpq does it: for a standby, then, if a server is none, for any.
async fn search<T, F, L>(
    target: &Target,
    unanswered: &Unanswered,
    attempt: &Attempt,
    lookup: impl Fn(Host) -> L,
    mut open: impl FnMut(ServerAddress, Attempt) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
    L: Future<Output = io::Result<Vec<SocketAddr>>>,
{
    let mut attempt = attempt.clone();
    if attempt.wanted() == TargetSessionAttrs::PreferStandby {
        let standby = attempt.wanting(TargetSessionAttrs::Standby);
        let first = Search::new(target, unanswered, &standby, 1);
        match first.run(&lookup, &mut open).await {
            Err(ended) if ended.some_unsuitable => {
                attempt = attempt.wanting(TargetSessionAttrs::Any);
            }
            result => return result.map_err(|ended| ended.failure),
        }
    }
    let last = Search::new(target, unanswered, &attempt, 0);
    last.run(lookup, open).await.map_err(|ended| ended.failure)
}

/// A host whose addresses are not known yet, or an address. The host is its place in the target.
#[derive(Debug)]
enum Stop {
    Host(usize),
    Address(usize, SocketAddr),
}

impl Stop {
    fn host(&self) -> usize {
        match self {
            Self::Host(host) | Self::Address(host, _) => *host,
        }
    }
}

struct Search<'a> {
    hosts: &'a [Host],
    unanswered: &'a Unanswered,
    attempt: &'a Attempt,
    left: VecDeque<Stop>,
    tried: Tried,
    /// Another pass needs a share, too.
    later_passes: usize,
    shuffles: bool,
}

/// The end of a search without a server.
struct Ended {
    failure: Failure,
    some_unsuitable: bool,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            some_unsuitable: false,
        }
    }
}

impl<'a> Search<'a> {
    fn new(
        target: &'a Target,
        unanswered: &'a Unanswered,
        attempt: &'a Attempt,
        later_passes: usize,
    ) -> Self {
        let mut hosts: Vec<_> = (0..target.hosts().len()).collect();
        let shuffles = target.load_balance_hosts() == LoadBalanceHosts::Random;
        if shuffles {
            fastrand::shuffle(&mut hosts);
        }
        Self {
            hosts: target.hosts(),
            unanswered,
            attempt,
            left: hosts.into_iter().map(Stop::Host).collect(),
            tried: Tried::default(),
            later_passes,
            shuffles,
        }
    }

    async fn run<T, F, L>(
        mut self,
        lookup: impl Fn(Host) -> L,
        mut open: impl FnMut(ServerAddress, Attempt) -> F,
    ) -> Result<T, Ended>
    where
        F: Future<Output = Result<T, Failure>>,
        L: Future<Output = io::Result<Vec<SocketAddr>>>,
    {
        while let Some(stop) = self.left.pop_front() {
            let (host, address) = match stop {
                Stop::Host(host) => {
                    self.look_up(host, &lookup).await;
                    continue;
                }
                Stop::Address(host, address) => (host, address),
            };
            let server = ServerAddress::new(self.hosts[host].clone(), address);
            let part = self.part();
            let waiting = self.unanswered.unless_answered(address);
            let opened = open(server.clone(), part.clone()).await;
            waiting.ended();
            let failure = match opened {
                Ok(opened) => {
                    self.unanswered.remove(address);
                    return Ok(opened);
                }
                Err(failure) => failure,
            };
            if failure.is_timeout() {
                self.unanswered.add(address);
            }
            match failure.next() {
                Next::Address => {}
                Next::Host => self.left.retain(|stop| stop.host() != host),
                Next::Nothing => return Err(failure.into()),
            }
            self.tried.add(server.to_string(), failure, &part);
            if self.attempt.remaining().is_zero() {
                break;
            }
        }
        Err(Ended {
            some_unsuitable: self.tried.some_unsuitable(),
            failure: self.tried.into_failure(self.left.len()),
        })
    }

    /// The attempt for the next address, with its share of the time.
    fn part(&self) -> Attempt {
        let left = self.left.len() + 1 + self.later_passes;
        if left == 1 && self.tried.is_empty() {
            return self.attempt.clone();
        }
        self.attempt.part(Share::of(self.attempt.remaining(), left))
    }

    async fn look_up<L>(&mut self, host: usize, lookup: impl Fn(Host) -> L)
    where
        L: Future<Output = io::Result<Vec<SocketAddr>>>,
    {
        let name = self.hosts[host].name();
        let left = self.left.len() + 1 + self.later_passes;
        let share = self.attempt.remaining() / u32::try_from(left).unwrap_or(u32::MAX);
        let part = self.attempt.part(Share {
            tcp: share,
            all: share,
        });
        let found = part.timeout(Step::TcpConnect, lookup(self.hosts[host].clone()));
        let failure = match found.await {
            Ok(Ok(addresses)) if addresses.is_empty() => no_addresses(name).into(),
            Ok(Ok(addresses)) => return self.insert(host, addresses),
            Ok(Err(error)) => Failure::broken(&error),
            Err(_) => lookup_timed_out(name, &part).into(),
        };
        self.tried.add(name.to_owned(), failure, &part);
    }

    /// At the host's place, but those that did not answer at the end.
    fn insert(&mut self, host: usize, mut addresses: Vec<SocketAddr>) {
        if self.shuffles {
            fastrand::shuffle(&mut addresses);
        }
        let (last, first): (Vec<_>, Vec<_>) = addresses
            .into_iter()
            .partition(|address| self.unanswered.contains(*address));
        for address in first.into_iter().rev() {
            self.left.push_front(Stop::Address(host, address));
        }
        let last = last.into_iter().map(|address| Stop::Address(host, address));
        self.left.extend(last);
    }
}

async fn lookup(host: Host) -> io::Result<Vec<SocketAddr>> {
    let mut addresses = Vec::new();
    for address in lookup_host((host.name(), host.port())).await? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn no_addresses(name: &str) -> Error {
    Error::new(
        ErrorKind::Connect,
        format!("the name {name} has no addresses"),
    )
    .with_hint(NAME_HINT)
    .with_transient(true)
}

fn lookup_timed_out(name: &str, part: &Attempt) -> Error {
    let seconds = part.limit().as_secs_f64();
    Error::new(
        ErrorKind::ConnectTimeout,
        format!("the lookup of {name} timed out after {seconds:.1} s"),
    )
    .with_hint(NAME_HINT)
    .with_transient(true)
}

const NAME_HINT: &str = "check the host's name, and the name servers of this machine; with private access a name resolves only inside \
     the virtual network";

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;

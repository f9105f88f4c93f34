//! DNS and TCP, of all hosts and addresses: a connect may come to any of them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use entra_pg_core::{Host, Scope, Target, connect::Share};
use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::timeout,
};

use super::report::{CheckResult, Finding, Outcome};

/// An address of a host.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) host: Host,
    pub(super) address: SocketAddr,
}

pub(super) async fn look_up(target: &Target) -> CheckResult<Vec<Place>> {
    let (mut places, mut found, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let limit = target.connect_timeout();
    for (host, addresses) in each(target.hosts(), |host| addresses(host, limit)).await {
        match addresses {
            Ok(addresses) => {
                found.push(describe(host.name(), &addresses));
                places.extend(addresses.into_iter().map(|address| Place {
                    host: host.clone(),
                    address,
                }));
            }
            Err(reason) => missing.push(not_found(host.name(), &reason)),
        }
    }
    if found.is_empty()
        && let Some(finding) = missing.pop()
    {
        return Err(finding);
    }
    let outcome = Outcome::Passed {
        summary: found.join("; "),
        notes: missing.into_iter().map(|finding| finding.cause).collect(),
    };
    Ok((places, outcome))
}

async fn addresses(host: Host, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    match timeout(limit, lookup_host((host.name(), host.port()))).await {
        Ok(Ok(addresses)) => {
            let addresses: Vec<_> = addresses.collect();
            if addresses.is_empty() {
                return Err("no addresses".to_owned());
            }
            Ok(addresses)
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(no_response(limit)),
    }
}

fn no_response(limit: Duration) -> String {
    format!("no response within {} s", limit.as_secs_f64())
}

fn not_found(host: &str, reason: &str) -> Finding {
    Finding::new(
        format!("the name {host} was not found: {reason}"),
        if Scope::of_azure_host(host).is_some() {
            "check the spelling of the server's name, and that the server exists; with private access, its name resolves only \
             inside its virtual network, through the private DNS zone that is linked to it"
        } else {
            "check the spelling of the host's name; Azure's look like myserver.postgres.database.azure.com"
        },
    )
}

fn describe(host: &str, addresses: &[SocketAddr]) -> String {
    if host.parse::<IpAddr>().is_ok() {
        return format!("{host} is an IP address");
    }
    let mut known: Vec<_> = addresses
        .iter()
        .map(|address| address.ip().to_string())
        .collect();
    known.dedup();
    format!("{host} resolves to {}", known.join(", "))
}

/// Returns, for each host, the first address that accepts a connection.
pub(super) async fn reach(target: &Target, places: &[Place]) -> CheckResult<Vec<Place>> {
    // As long as a connect waits for an address that is not the last.
    let limit = Share::of(target.connect_timeout(), places.len().min(2)).tcp;
    let (mut reached, mut accepting, mut refusals) = (Vec::<Place>::new(), Vec::new(), Vec::new());
    for (place, accepted) in each(places, |place| accepts(place.address, limit)).await {
        match accepted {
            Ok(()) => {
                accepting.push(place.address.to_string());
                if !reached.iter().any(|other| other.host == place.host) {
                    reached.push(place);
                }
            }
            Err(error) => refusals.push((place.address, error)),
        }
    }
    if reached.is_empty() {
        return Err(unreachable(&refusals));
    }
    let verb = if accepting.len() == 1 {
        "accepts"
    } else {
        "accept"
    };
    let outcome = Outcome::Passed {
        summary: format!("{} {verb} connections", accepting.join(", ")),
        notes: refusals
            .iter()
            .map(|(address, error)| not_accepting(*address, error, limit))
            .collect(),
    };
    Ok((reached, outcome))
}

async fn accepts(address: SocketAddr, limit: Duration) -> io::Result<()> {
    let connected = timeout(limit, TcpStream::connect(address)).await;
    connected
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map(drop)
}

/// An address that others stand in for.
fn not_accepting(address: SocketAddr, error: &io::Error, limit: Duration) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        let limit = limit.as_secs_f64();
        return format!(
            "{address} does not answer: a connect that begins with it loses {limit} s; remove it from DNS, or let the firewall refuse it"
        );
    }
    format!("{address}: {error}")
}

/// Does the same with each at once. The results are in order.
async fn each<I: Clone, R: Send + 'static, F>(items: &[I], work: impl Fn(I) -> F) -> Vec<(I, R)>
where
    F: Future<Output = R> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (number, item) in items.iter().enumerate() {
        let work = work(item.clone());
        tasks.spawn(async move { (number, work.await) });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(number, _)| *number);
    let results = results.into_iter().map(|(_, result)| result);
    items.iter().cloned().zip(results).collect()
}

fn unreachable(refusals: &[(SocketAddr, io::Error)]) -> Finding {
    let reasons: Vec<_> = refusals
        .iter()
        .map(|(address, error)| format!("{address}: {error}"))
        .collect();
    let refused = refusals
        .iter()
        .any(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused);
    Finding::new(
        reasons.join("; "),
        if refused {
            "nothing listens there: check the port (5432, for PgBouncer on Azure 6432), and that the server is running"
        } else {
            "a firewall drops the packets: add this machine's address to the server's firewall rules, or connect from inside its \
             virtual network; and check that the server is running"
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(io::ErrorKind::ConnectionRefused, "5432")]
    #[case(io::ErrorKind::TimedOut, "firewall")]
    #[case(io::ErrorKind::HostUnreachable, "firewall")]
    fn a_closed_port_is_not_called_a_firewall(#[case] kind: io::ErrorKind, #[case] cure: &str) {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let finding = unreachable(&[(address, kind.into())]);
        assert!(finding.cause.contains("127.0.0.1:1"), "{finding:?}");
        assert!(finding.cures[0].contains(cure), "{finding:?}");
    }
}

//! DNS and TCP.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use entra_pg_core::{Scope, Target};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::report::{CheckResult, Finding, Outcome};

pub(super) async fn look_up(target: &Target) -> CheckResult<Vec<SocketAddr>> {
    let host = target.hosts()[0].name();
    let found = timeout(
        target.connect_timeout(),
        lookup_host((host, target.hosts()[0].port())),
    )
    .await;
    let reason = match found {
        Ok(Ok(addresses)) => {
            let addresses: Vec<_> = addresses.collect();
            if !addresses.is_empty() {
                let outcome = Outcome::passed(describe(host, &addresses));
                return Ok((addresses, outcome));
            }
            "no addresses".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!(
            "no response within {} s",
            target.connect_timeout().as_secs_f64()
        ),
    };
    Err(Finding::new(
        format!("the name {host} was not found: {reason}"),
        if Scope::of_azure_host(host).is_some() {
            "check the spelling of the server's name, and that the server exists; with private access, its name resolves only \
             inside its virtual network, through the private DNS zone that is linked to it"
        } else {
            "check the spelling of the host's name; Azure's look like myserver.postgres.database.azure.com"
        },
    ))
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

/// Returns the first address that accepts a connection, as drivers do.
pub(super) async fn reach(target: &Target, addresses: &[SocketAddr]) -> CheckResult<SocketAddr> {
    let mut refusals = Vec::new();
    for address in addresses {
        match timeout(target.connect_timeout(), TcpStream::connect(address)).await {
            Ok(Ok(_)) => {
                let outcome = Outcome::passed(format!("{address} accepts connections"));
                return Ok((*address, outcome));
            }
            Ok(Err(error)) => refusals.push((*address, error)),
            Err(_) => refusals.push((*address, io::ErrorKind::TimedOut.into())),
        }
    }
    Err(unreachable(&refusals))
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

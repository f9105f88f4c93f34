//! What PostgreSQL logs while it starts.

use std::{fs, path::Path};

/// What has been written to a log since it had this length.
pub(super) fn read(log: &Path, from: usize) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
}

/// What keeps a server from starting, by its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StartupProblem {
    PortTaken,
    NoLdap,
    Fatal,
}

impl StartupProblem {
    pub(super) fn in_log(log: &str) -> Option<Self> {
        // Clients that are waiting for the server are turned away with a FATAL of their own; from PostgreSQL 18 on by a
        // "dead-end client backend".
        let clients = ["client backend ", "] not initialized "];
        let fatal =
            |line: &str| line.contains("FATAL:") && !clients.iter().any(|kind| line.contains(kind));
        if log.contains("Address already in use") {
            Some(Self::PortTaken)
        } else if log.contains("not supported by this build") {
            Some(Self::NoLdap)
        } else {
            log.lines().any(fatal).then_some(Self::Fatal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_failure_is_not_the_servers() {
        for (log, expected) in [
            ("t [1] postmaster  LOG:  starting PostgreSQL", None),
            (
                "t [2] client backend app FATAL:  the database system is starting up",
                None,
            ),
            (
                "t [2] not initialized  FATAL:  the database system is starting up",
                None,
            ),
            (
                "t [2] dead-end client backend app FATAL:  the database system is starting up",
                None,
            ),
            (
                "t [1] postmaster  FATAL:  could not create lock file",
                Some(StartupProblem::Fatal),
            ),
            (
                "t [1] FATAL:  data directory has wrong ownership",
                Some(StartupProblem::Fatal),
            ),
            (
                "LOG:  could not bind IPv4 address: Address already in use",
                Some(StartupProblem::PortTaken),
            ),
            (
                "invalid authentication method \"ldap\": not supported by this build",
                Some(StartupProblem::NoLdap),
            ),
        ] {
            assert_eq!(StartupProblem::in_log(log), expected, "{log}");
        }
    }
}

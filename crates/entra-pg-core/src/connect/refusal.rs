//! Refusals that are not about the login, by SQLSTATE and wording: what to do, and whether to try again. Pure data.
//!
//! `PgBouncer`'s texts are those of its sources (1.25: `client.c`, `janitor.c`, `objects.c`, `server.c`), where 08P01 is the
//! default SQLSTATE; PostgreSQL's are in its appendix:
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use super::wording::wording;

/// What is known of a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    sqlstate: &'static str,
    /// How the message begins; or holds, after `…`. Empty for every message.
    text: &'static str,
    pub(super) hint: &'static str,
    pub(super) transient: bool,
}

const fn lasting(sqlstate: &'static str, text: &'static str, hint: &'static str) -> Refusal {
    Refusal {
        sqlstate,
        text,
        hint,
        transient: false,
    }
}

const fn passing(sqlstate: &'static str, text: &'static str, hint: &'static str) -> Refusal {
    Refusal {
        sqlstate,
        text,
        hint,
        transient: true,
    }
}

const POOLER_IS_FULL: &str = "PgBouncer has no room for another client: make the pools smaller, or raise the limit that the message names";
const POOLER_WAITS: &str = "PgBouncer found no free connection to the database in time: make the pools smaller, or raise \
                            pgbouncer.default_pool_size; if all clients wait, check the server's health";
const POOLER_RESTARTS: &str = "PgBouncer is paused or restarts: try again";
const PARAMETERS: &str = "PgBouncer does not take this setting from a client: take it out of options, or add it to the server \
                          parameter pgbouncer.ignore_startup_parameters, or connect to port 5432";
const TOO_LONG: &str = "PgBouncer takes no name or token of this length: connect to port 5432, or log in as a principal with a \
                        shorter token (a member of fewer groups)";
const STARTING: &str =
    "the server is starting, stopping or recovering: wait a minute, and try again";

const TABLE: &[Refusal] = &[
    lasting("08P01", "unsupported startup parameter", PARAMETERS),
    lasting("08P01", "unsupported options startup parameter", PARAMETERS),
    lasting(
        "08P01",
        "no such database",
        "PgBouncer knows no such database: correct its name in the URL or PGDATABASE",
    ),
    lasting(
        "08P01",
        "database \" is disabled",
        "PgBouncer's administrator has disabled the database",
    ),
    lasting("08P01", "username too long", TOO_LONG),
    lasting("08P01", "password too long", TOO_LONG),
    lasting("08P01", "bad packet header", TOO_LONG),
    passing("08P01", "no more connections allowed", POOLER_IS_FULL),
    passing("08P01", "client connections exceeded", POOLER_IS_FULL),
    passing("08P01", "query_wait_timeout", POOLER_WAITS),
    passing("08P01", "client_login_timeout", POOLER_WAITS),
    passing(
        "08P01",
        "pgbouncer cannot connect to server",
        "PgBouncer cannot reach the database server behind it: check that it is running, and try again",
    ),
    passing("08P01", "pooler is shutting down", POOLER_RESTARTS),
    passing("08P01", "server shutting down", POOLER_RESTARTS),
    passing("08P01", "pause failed", POOLER_RESTARTS),
    passing("08P01", "bouncer resources exhaustion", POOLER_IS_FULL),
    // On Azure the firewall's rules stand in this file.
    // <https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-firewall-rules>
    lasting(
        "",
        "…pg_hba.conf",
        "add this machine's address to the server's firewall rules, or connect from within its virtual network",
    ),
    // PostgreSQL's, for pg_hba.conf's clientcert and cert: <https://www.postgresql.org/docs/current/auth-cert.html>
    lasting(
        "28000",
        "connection requires a valid client certificate",
        "the server requires a client certificate, and a login with a token has none: remove clientcert from its pg_hba.conf",
    ),
    lasting(
        "25006",
        "",
        "the server is read-only: a replica, or the old primary after a failover; connect to the primary",
    ),
    lasting(
        "3D000",
        "",
        "correct the database's name in the URL or PGDATABASE, or create the database",
    ),
    lasting(
        "42501",
        "",
        "grant the role CONNECT on the database, or what the message names",
    ),
    lasting(
        "42704",
        "",
        "correct the setting's name in options: this server does not have it",
    ),
    lasting(
        "22023",
        "",
        "correct the setting's value in options: this server does not take it",
    ),
    passing(
        "53300",
        "too many connections for role",
        "the role's connections are all in use: make the pools smaller, or raise the role's CONNECTION LIMIT",
    ),
    passing(
        "53300",
        "too many connections for database",
        "the database's connections are all in use: make the pools smaller, or raise the database's CONNECTION LIMIT",
    ),
    passing(
        "53300",
        "",
        "the server's connections are all in use: make the pools smaller, or use the server's PgBouncer (port 6432)",
    ),
    passing("57P01", "", STARTING),
    passing("57P02", "", STARTING),
    passing("57P03", "", STARTING),
    // Azure's servers of version 18, for every Entra login: <https://github.com/Azure/azure-postgresql/issues/132>
    lasting(
        "XX000",
        "cannot read pg_class",
        "a fault of Azure's Entra login on servers of version 18: ask Microsoft's support; the token is not at fault",
    ),
];

/// Returns what is known of a refusal that is not about the login.
pub(super) fn refusal(sqlstate: &str, message: &str) -> Option<&'static Refusal> {
    let message = wording(message);
    TABLE.iter().find(|known| {
        let says = match known.text.strip_prefix('…') {
            Some(part) => message.contains(part),
            None => message.starts_with(known.text),
        };
        says && (known.sqlstate.is_empty() || known.sqlstate == sqlstate)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        "08P01",
        "unsupported startup parameter: search_path",
        "ignore_startup_parameters",
        false
    )]
    #[case(
        "08P01",
        "unsupported startup parameter in options: jit",
        "ignore_startup_parameters",
        false
    )]
    #[case(
        "08P01",
        "unsupported options startup parameter: only '-c config=val' and '--config=val' are allowed",
        "options",
        false
    )]
    #[case("08P01", "no such database: access token", "PGDATABASE", false)]
    #[case("08P01", "password too long", "5432", false)]
    #[case("08P01", "bad packet header: '00'", "5432", false)]
    #[case(
        "08P01",
        "no more connections allowed (max_client_conn)",
        "limit",
        true
    )]
    #[case(
        "08P01",
        "client connections exceeded (max_db_client_connections)",
        "limit",
        true
    )]
    #[case("08P01", "query_wait_timeout", "default_pool_size", true)]
    #[case("08P01", "client_login_timeout (server down)", "health", true)]
    #[case("08P01", "pgbouncer cannot connect to server", "running", true)]
    #[case("08P01", "database \"login failed\" is disabled", "disabled", false)]
    #[case(
        "28000",
        "no pg_hba.conf entry for host \"192.0.2.1\", user \"app\", no encryption",
        "firewall",
        false
    )]
    #[case(
        "28000",
        "pg_hba.conf rejects connection for host \"192.0.2.1\"",
        "firewall",
        false
    )]
    #[case(
        "28000",
        "connection requires a valid client certificate",
        "clientcert",
        false
    )]
    #[case(
        "25006",
        "cannot execute UPDATE in a read-only transaction",
        "primary",
        false
    )]
    #[case("3D000", "database \"orders\" does not exist", "PGDATABASE", false)]
    #[case("42501", "permission denied for database \"orders\"", "CONNECT", false)]
    #[case(
        "42704",
        "unrecognized configuration parameter \"jitt\"",
        "options",
        false
    )]
    #[case(
        "53300",
        "too many connections for role \"app\"",
        "CONNECTION LIMIT",
        true
    )]
    #[case("53300", "sorry, too many clients already", "6432", true)]
    #[case(
        "53300",
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "6432",
        true
    )]
    #[case(
        "53300",
        "remaining connection slots are reserved for non-replication superuser connections",
        "6432",
        true
    )]
    #[case("57P03", "the database system is starting up", "wait", true)]
    #[case(
        "57P03",
        "the database system is not yet accepting connections",
        "wait",
        true
    )]
    #[case(
        "57P01",
        "terminating connection due to administrator command",
        "wait",
        true
    )]
    #[case(
        "XX000",
        "cannot read pg_class without having selected a database",
        "version 18",
        false
    )]
    fn each_refusal_has_its_cure(
        #[case] sqlstate: &str,
        #[case] message: &str,
        #[case] cure: &str,
        #[case] transient: bool,
    ) {
        let found = refusal(sqlstate, message).expect("it is known");
        assert!(found.hint.contains(cure), "{found:?}");
        assert_eq!(found.transient, transient, "{found:?}");
    }

    #[rstest]
    #[case("28P01", "password authentication failed for user \"pg_hba.conf\"")]
    #[case("08P01", "server login failed: FATAL password authentication failed")]
    #[case("XX000", "something else")]
    #[case("08P01", "SSL required")]
    fn what_is_not_known_is_not_guessed(#[case] sqlstate: &str, #[case] message: &str) {
        assert_eq!(refusal(sqlstate, message), None);
    }
}

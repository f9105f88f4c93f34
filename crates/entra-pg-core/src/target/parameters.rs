//! The URL's parameters: one table, for the parser, for the documentation and for the tests of each adapter.

use super::target::Target;

/// A parameter of a [`Target`]'s URL.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Parameter {
    /// The name in the URL: `sslmode`.
    pub name: &'static str,
    /// The environment variable that is read when the URL leaves the parameter out: `PGSSLMODE`.
    pub variable: Option<&'static str>,
    /// What it means, in Markdown.
    pub meaning: &'static str,
    /// What holds without it, in Markdown.
    pub default: &'static str,
    /// Where an adapter deviates from [`meaning`](Self::meaning): the adapter, as logs call it, and what it does.
    pub deviations: &'static [(&'static str, &'static str)],
}

/// sqlx 0.9 opens its sockets itself, and has no option for them.
const NOT_IN_SQLX: &[(&str, &str)] = &[
    ("sqlx", "with rotation, no effect"),
    ("sea-orm", "with rotation, no effect"),
];

impl Target {
    /// Every parameter of the URL, by name. Any other is an error.
    ///
    /// ```
    /// use entra_pg_core::Target;
    ///
    /// for parameter in Target::PARAMETERS {
    ///     println!("{} ({:?}): {}", parameter.name, parameter.variable, parameter.meaning);
    ///     for (adapter, behavior) in parameter.deviations {
    ///         println!("  {adapter}: {behavior}");
    ///     }
    /// }
    /// ```
    pub const PARAMETERS: &'static [Parameter] = &[
        Parameter {
            name: "application_name",
            variable: Some("PGAPPNAME"),
            meaning: "the name of the sessions in `pg_stat_activity`",
            default: "none",
            deviations: &[("proxy", "a client's own name wins")],
        },
        Parameter {
            name: "channel_binding",
            variable: Some("PGCHANNELBINDING"),
            meaning: "`disable` or `prefer`; a cleartext token has nothing to bind",
            default: "`prefer`",
            deviations: &[],
        },
        Parameter {
            name: "connect_timeout",
            variable: Some("PGCONNECT_TIMEOUT"),
            meaning: "seconds for token, TCP, TLS and authentication together",
            default: "`15`",
            deviations: &[
                (
                    "sqlx",
                    "with rotation, bounds the first token and the first connection; later ones have the pool's `acquire_timeout`",
                ),
                (
                    "sea-orm",
                    "with rotation, bounds the first token and the first connection; later ones have the options' own `acquire_timeout`",
                ),
            ],
        },
        Parameter {
            name: "dbname",
            variable: Some("PGDATABASE"),
            meaning: "the database; overrides the URL's path",
            default: "named like the role",
            deviations: &[("proxy", "a client's own database wins")],
        },
        Parameter {
            name: "host",
            variable: Some("PGHOST"),
            meaning: "the server's full name, or several, separated by commas; overrides the URL's",
            default: "none",
            deviations: &[
                (
                    "sqlx",
                    "with rotation, one host; of its addresses one that drops packets is waited for until the system gives up",
                ),
                (
                    "sea-orm",
                    "with rotation, one host; of its addresses one that drops packets is waited for until the system gives up",
                ),
            ],
        },
        Parameter {
            name: "keepalives",
            variable: None,
            meaning: "whether the operating system looks after silent connections (TCP keepalive): `1` or `0`",
            default: "`1`",
            deviations: NOT_IN_SQLX,
        },
        Parameter {
            name: "keepalives_count",
            variable: None,
            meaning: "unacknowledged probes after which the connection ends, up to 127; `0` is the system's default",
            default: "`3`",
            deviations: NOT_IN_SQLX,
        },
        Parameter {
            name: "keepalives_idle",
            variable: None,
            meaning: "seconds of silence before the first probe, up to 32767; `0` is the system's default",
            default: "`60`",
            deviations: &[
                ("sqlx", "with rotation, no effect"),
                ("sea-orm", "with rotation, no effect"),
                ("tokio-postgres", "`0` is two hours"),
                ("diesel-async", "`0` is two hours"),
            ],
        },
        Parameter {
            name: "keepalives_interval",
            variable: None,
            meaning: "seconds between unacknowledged probes, up to 32767; `0` is the system's default",
            default: "`10`",
            deviations: NOT_IN_SQLX,
        },
        Parameter {
            name: "load_balance_hosts",
            variable: Some("PGLOADBALANCEHOSTS"),
            meaning: "`disable`, or `random`: hosts and their addresses are tried in another order for each connection",
            default: "`disable`",
            deviations: &[
                (
                    "sqlx",
                    "with rotation refused: sqlx connects by itself; `Strategy::PerConnection` obeys it",
                ),
                (
                    "sea-orm",
                    "with rotation refused: sqlx connects by itself; `Strategy::PerConnection` obeys it",
                ),
            ],
        },
        Parameter {
            name: "options",
            variable: Some("PGOPTIONS"),
            meaning: "session settings, `-c NAME=VALUE …`; `options[NAME]=VALUE` is one of them; the URL's are added to the variable's",
            default: "none",
            deviations: &[("proxy", "a client's own `options` replace these")],
        },
        Parameter {
            name: "port",
            variable: Some("PGPORT"),
            meaning: "the TCP port, or one for each host, separated by commas; overrides the URL's",
            default: "`5432`",
            deviations: &[(
                "sea-orm",
                "SeaORM's own parser refuses several in a URL; `EntraOptions::target` takes them",
            )],
        },
        Parameter {
            name: "sslmode",
            variable: Some("PGSSLMODE"),
            meaning: "`verify-full`; `require` and `verify-ca` are raised to it, others are refused",
            default: "`verify-full`",
            deviations: &[],
        },
        Parameter {
            name: "sslnegotiation",
            variable: Some("PGSSLNEGOTIATION"),
            meaning: "`postgres` requests TLS first; `direct` begins with TLS, as PostgreSQL 17 and later allow",
            default: "`postgres`",
            deviations: &[
                ("sqlx", "with rotation, `direct` is refused"),
                ("sea-orm", "with rotation, `direct` is refused"),
            ],
        },
        Parameter {
            name: "sslrootcert",
            variable: Some("PGSSLROOTCERT"),
            meaning: "a file of PEM certificates to trust instead of the platform's, or `system`",
            default: "`system`",
            deviations: &[
                ("sqlx", "with rotation, trusts the platform's in addition"),
                (
                    "sea-orm",
                    "with rotation, trusts the platform's in addition",
                ),
            ],
        },
        Parameter {
            name: "target_session_attrs",
            variable: Some("PGTARGETSESSIONATTRS"),
            meaning: "which of the hosts: `any`, `read-write`, `read-only`, `primary`, `standby`, `prefer-standby`",
            default: "`any`",
            deviations: &[
                (
                    "sqlx",
                    "with rotation refused: sqlx connects by itself; `Strategy::PerConnection` obeys it",
                ),
                (
                    "sea-orm",
                    "with rotation refused: sqlx connects by itself; `Strategy::PerConnection` obeys it",
                ),
            ],
        },
        Parameter {
            name: "tcp_user_timeout",
            variable: None,
            meaning: "milliseconds that what was sent may stay unacknowledged before the connection ends (Linux); `0` is the system's default",
            default: "`keepalives_idle` + `keepalives_interval` × `keepalives_count`",
            deviations: NOT_IN_SQLX,
        },
        Parameter {
            name: "user",
            variable: Some("PGUSER"),
            meaning: "the role; overrides the URL's user",
            default: "the name in the token",
            deviations: &[("proxy", "a client's own role is used if none is given here")],
        },
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_table_is_this_one() {
        let documented: Vec<_> = include_str!("target.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("/// | `"))
            .map(|row| format!("| `{row}"))
            .collect();
        let expected: Vec<_> = Target::PARAMETERS
            .iter()
            .map(|parameter| {
                let Parameter {
                    name,
                    meaning,
                    default,
                    ..
                } = parameter;
                let variable = parameter.variable.map(|name| format!("`{name}` "));
                let variable = variable.unwrap_or_default();
                format!("| `{name}` | {variable}| {meaning} | {default} |")
            })
            .collect();
        assert_eq!(documented, expected);
    }

    #[test]
    fn the_table_is_in_order_and_without_doubles() {
        assert!(Target::PARAMETERS.is_sorted_by(|a, b| a.name < b.name));
    }
}

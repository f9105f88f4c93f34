//! Every parameter of the URL takes effect in every adapter, and in the proxy.

use std::time::Duration;

use entra_pg_core::{Entra, ErrorKind, Target};
use entra_pg_emulator::Emulator;
use entra_pg_tests::{
    adapters::{ALL, NamedAdapter, PROXY},
    relay::{Relay, RelayMode},
};
use futures::{StreamExt, future::join_all, stream};
use tokio::time::Instant;

use crate::fixtures::{entra, shared, short_lived, target};

/// Less than the default timeout, with room for a search for the cause.
const SOON: Duration = Duration::from_secs(12);
/// For a token endpoint that would hang, not for a machine that is slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of each adapter. All at once would be hundreds of handshakes, more than a busy machine does within the default timeout.
const FAILURES_AT_ONCE: usize = 4;

/// What shows that a parameter takes effect. The URL has the parameter.
enum Effect {
    /// The first column of the first row.
    Answer {
        url: String,
        sql: &'static str,
        expected: &'static str,
    },
    Refusal {
        url: String,
        kind: ErrorKind,
    },
    /// The other effect where our code connects; with rotation the URL is refused, and the error names the way.
    OfOurConnect(Box<Effect>),
    /// The timeout is in the error, or shorter than the default.
    Timeout {
        url: String,
    },
}

fn answer(url: String, sql: &'static str, expected: &'static str) -> Effect {
    Effect::Answer { url, sql, expected }
}

fn of_our_connect(effect: Effect) -> Effect {
    Effect::OfOurConnect(Box::new(effect))
}

impl Effect {
    /// What this adapter does.
    fn with(self, adapter: NamedAdapter) -> Self {
        match self {
            Self::OfOurConnect(effect) if adapter.per_connection => *effect,
            Self::OfOurConnect(effect) => match *effect {
                Self::Answer { url, .. } | Self::Refusal { url, .. } | Self::Timeout { url } => {
                    refusal(url, ErrorKind::InvalidTarget)
                }
                Self::OfOurConnect(_) => unreachable!("one of one"),
            },
            effect => effect,
        }
    }
}

fn refusal(url: String, kind: ErrorKind) -> Effect {
    Effect::Refusal { url, kind }
}

/// The effects of a parameter. `silent` is the port of a server that never answers.
fn effects(parameter: &str, emulator: &Emulator, silent: u16) -> Vec<Effect> {
    let (port, ca) = (emulator.port(), emulator.ca_file().display());
    let base = format!("postgres://app@localhost:{port}/postgres?sslrootcert={ca}");
    let with = |more: &str| format!("{base}&{more}");
    match parameter {
        "application_name" => {
            let sql = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()";
            vec![answer(with("application_name=named"), sql, "named")]
        }
        "channel_binding" => vec![
            answer(with("channel_binding=disable"), "SELECT 'in'", "in"),
            refusal(with("channel_binding=require"), ErrorKind::InvalidTarget),
        ],
        "connect_timeout" => {
            let silent = base.replace(&format!(":{port}/"), &format!(":{silent}/"));
            let url = format!("{silent}&connect_timeout=2");
            vec![Effect::Timeout { url }]
        }
        "dbname" => {
            let sql = "SELECT current_database()::text";
            vec![answer(with("dbname=template1"), sql, "template1")]
        }
        "host" => {
            let url = with("host=localhost").replace("@localhost", "@elsewhere.invalid");
            vec![answer(url, "SELECT 'in'", "in")]
        }
        // What they do to a connection whose server is gone is shown in `silence`.
        "keepalives"
        | "keepalives_count"
        | "keepalives_idle"
        | "keepalives_interval"
        | "tcp_user_timeout" => vec![
            answer(with(&format!("{parameter}=0")), "SELECT 'in'", "in"),
            answer(with(&format!("{parameter}=1")), "SELECT 'in'", "in"),
            refusal(with(&format!("{parameter}=-1")), ErrorKind::InvalidTarget),
            refusal(
                with(&format!("{parameter}=99999999999")),
                ErrorKind::InvalidTarget,
            ),
        ],
        "load_balance_hosts" => {
            let random = with("load_balance_hosts=random");
            vec![
                of_our_connect(answer(random, "SELECT 'in'", "in")),
                answer(with("load_balance_hosts=disable"), "SELECT 'in'", "in"),
                refusal(with("load_balance_hosts=always"), ErrorKind::InvalidTarget),
            ]
        }
        "options" => {
            let both =
                with("options[statement_timeout]=4321ms&options=-c%20search_path%3Dpg_catalog");
            let timeout = "SELECT current_setting('statement_timeout')";
            let path = "SELECT current_setting('search_path')";
            vec![
                answer(both.clone(), timeout, "4321ms"),
                answer(both, path, "pg_catalog"),
                answer(
                    with("options=-c%20search_path%3Dpg_catalog,%5C%20public"),
                    path,
                    "pg_catalog, public",
                ),
            ]
        }
        "port" => {
            let url = with(&format!("port={port}")).replace(&format!(":{port}/"), ":1/");
            vec![answer(url, "SELECT 'in'", "in")]
        }
        "sslmode" => {
            let sql = "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            let other_name = with("sslmode=require").replace("@localhost", "@127.0.0.1");
            vec![
                answer(with("sslmode=require"), sql, "true"),
                refusal(other_name, ErrorKind::Tls),
                refusal(with("sslmode=disable"), ErrorKind::InsecureTls),
            ]
        }
        // Direct TLS has tests of its own: it needs PostgreSQL 17.
        "sslnegotiation" => vec![
            answer(with("sslnegotiation=postgres"), "SELECT 'in'", "in"),
            refusal(with("sslnegotiation=both"), ErrorKind::InvalidTarget),
        ],
        "sslrootcert" => {
            let other = short_lived().ca_file().display().to_string();
            let (own, other) = (format!("={ca}"), format!("={other}"));
            vec![
                refusal(base.replace(&own, &other), ErrorKind::Tls),
                refusal(base.replace(&own, "=system"), ErrorKind::Tls),
                refusal(base.replace(&own, "="), ErrorKind::Tls),
                answer(base, "SELECT 'in'", "in"),
            ]
        }
        "target_session_attrs" => {
            let sql = "SELECT current_setting('transaction_read_only')";
            let writer = with("target_session_attrs=read-write");
            let reader = with("target_session_attrs=read-only&connect_timeout=20");
            vec![
                of_our_connect(answer(writer, sql, "off")),
                of_our_connect(refusal(reader, ErrorKind::Connect)),
                answer(with("target_session_attrs=any"), sql, "off"),
                refusal(
                    with("target_session_attrs=master"),
                    ErrorKind::InvalidTarget,
                ),
            ]
        }
        "user" => {
            let url = with("user=app").replace("app@", "someone@");
            vec![answer(url, "SELECT session_user::text", "app")]
        }
        unknown => panic!("no effect of {unknown} is checked"),
    }
}

/// With this timeout: all adapters connect at once, which takes long on a busy machine.
fn patient(url: &str, seconds: u32) -> String {
    if url.contains("connect_timeout") {
        return url.to_owned();
    }
    format!("{url}&connect_timeout={seconds}")
}

async fn check(
    NamedAdapter { name, adapter, .. }: NamedAdapter,
    entra: &Entra,
    parameter: &str,
    effect: Effect,
) {
    let open = async |url: &str| adapter.open(url, Target::parse(url)?, entra).await;
    match effect {
        Effect::Answer { url, sql, expected } => {
            let opened = open(&patient(&url, 60)).await;
            let opened = opened.unwrap_or_else(|error| panic!("{name}, {parameter}: {error}"));
            let mut connection = opened.acquire().await.expect("a connection");
            let found = connection.query(sql).await;
            assert_eq!(found.as_deref(), Ok(expected), "{name}, {parameter}");
            drop(connection);
            opened.close().await;
        }
        Effect::Refusal { url, kind } => {
            // Some pools try again until then.
            let error = open(&patient(&url, 30)).await.err();
            let error = error.unwrap_or_else(|| panic!("{name}, {parameter}: not refused"));
            assert_eq!(error.kind(), kind, "{name}, {parameter}: {error}");
        }
        Effect::OfOurConnect(_) => unreachable!("it depends on the adapter"),
        Effect::Timeout { url } => {
            let started = Instant::now();
            let error = open(&url).await.err().expect("a timeout");
            assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{name}: {error}");
            let named = error.to_string().contains("after 2 s");
            assert!(named || started.elapsed() < SOON, "{name}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_takes_effect_in_every_adapter() {
    let emulator = shared();
    let silent = Relay::start(RelayMode::Silent).await;
    let port = silent.port();
    let checks = ALL.into_iter().chain([PROXY]).map(|adapter| {
        tokio::spawn(async move {
            // With a token, so that a short timeout is not that of the token.
            let (entra, target) = (entra(shared()), target(emulator, "parameters"));
            let token = entra.token_cache(target.scope()).get(PATIENCE).await;
            token.expect("a token");
            let (mut answers, mut failures) = (Vec::new(), Vec::new());
            for parameter in Target::PARAMETERS {
                for effect in effects(parameter.name, emulator, port) {
                    let effect = effect.with(adapter);
                    let is_answer = matches!(effect, Effect::Answer { .. });
                    let group = if is_answer {
                        &mut answers
                    } else {
                        &mut failures
                    };
                    group.push(check(adapter, &entra, parameter.name, effect));
                }
            }
            // A pool may retry for 20 s. The server has room for few connections.
            let answers = async {
                for answer in answers {
                    answer.await
                }
            };
            let failures = stream::iter(failures).buffer_unordered(FAILURES_AT_ONCE);
            tokio::join!(failures.collect::<Vec<()>>(), answers);
        })
    });
    for checked in join_all(checks).await {
        checked.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
}

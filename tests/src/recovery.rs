//! How long it takes from the moment at which a token endpoint is well until a connection can be opened.

use std::time::Duration;

use entra_pg_core::{Error, ErrorKind};
use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_tokio_postgres::Connector;
use futures::future::try_join_all;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    fixtures::{target, unique},
    token_endpoint::{Misbehaviour, TokenEndpoint},
};

/// Long enough for the backoff to take its longest step.
const ILL: Duration = Duration::from_secs(20);
const CALLERS: usize = 5;
/// Each with a cache of its own, since the steps of the backoff are random.
const RUNS: usize = 5;
/// Nothing may take longer.
const LIMIT: Duration = Duration::from_secs(120);

/// An endpoint is ill in this way, and then well.
#[derive(Clone, Debug)]
struct Illness {
    name: &'static str,
    what: Misbehaviour,
    /// From the beginning on, without a token, or with one that the server then refuses.
    refused: bool,
    /// For the first request only.
    once: bool,
}

/// What was measured: the longest time of several runs.
#[derive(Clone, Debug)]
pub struct Recovery {
    pub illness: &'static str,
    /// Until the first of the callers that connect all the time has a connection.
    pub waiting: Duration,
    /// Until somebody who comes as the endpoint gets well has one.
    pub newcomer: Duration,
}

fn illnesses() -> Vec<Illness> {
    let ill = |name, what| Illness {
        name,
        what,
        refused: false,
        once: false,
    };
    let garbage = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\nConnection: close\r\n\r\n{\"ey";
    let date = "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT";
    let unavailable = Misbehaviour::status(503, &[]);
    vec![
        // First, since what the server refuses is refused to all.
        Illness {
            refused: true,
            ..ill("503, and the server refuses the token", unavailable)
        },
        ill(
            "429, Retry-After: 30",
            Misbehaviour::status(429, &["Retry-After: 30"]),
        ),
        ill(
            "503, Retry-After: 3600",
            Misbehaviour::status(503, &["Retry-After: 3600"]),
        ),
        ill(
            "503, Retry-After: a date",
            Misbehaviour::status(503, &[date]),
        ),
        ill("500", Misbehaviour::status(500, &[])),
        ill("reset", Misbehaviour::Reset),
        ill("garbage", Misbehaviour::Respond(garbage.into())),
        ill("hangs", Misbehaviour::Hang),
        Illness {
            once: true,
            ..ill("hangs for one request", Misbehaviour::Hang)
        },
    ]
}

/// Measures each of them, one after another. It takes minutes.
///
/// # Errors
/// The emulator's, or a connect that does not succeed.
pub async fn measure(emulator: &Emulator) -> Result<Vec<Recovery>, Error> {
    let mut measured = Vec::new();
    for illness in illnesses() {
        let apps: Result<Vec<_>, _> = (0..RUNS).map(|_| App::new(emulator)).collect();
        let apps = apps?;
        if illness.refused {
            try_join_all(apps.iter().map(App::log_in)).await?;
            let revoked = emulator.control().revoke("app");
            revoked.map_err(|error| Error::new(ErrorKind::TokenRequest, error.to_string()))?;
        }
        let runs = apps.iter().map(|app| app.recover(&illness));
        let runs = try_join_all(runs).await?;
        measured.push(Recovery {
            illness: illness.name,
            waiting: runs.iter().map(|run| run.0).max().unwrap_or_default(),
            newcomer: runs.iter().map(|run| run.1).max().unwrap_or_default(),
        });
    }
    Ok(measured)
}

/// An application, and the endpoint that it gets its tokens from.
struct App {
    endpoint: TokenEndpoint,
    connector: Connector,
}

impl App {
    fn new(emulator: &Emulator) -> Result<Self, Error> {
        let endpoint = TokenEndpoint::misbehaving(emulator, []);
        let entra = endpoint.entra(emulator, CredentialSource::ManagedIdentity);
        let connector = Connector::new(target(emulator, &unique("recovery")), &entra)?;
        Ok(Self {
            endpoint,
            connector,
        })
    }

    async fn log_in(&self) -> Result<(), Error> {
        self.connector.connect_and_spawn().await.map(drop)
    }

    /// How long callers wait, and a newcomer, once the endpoint is well.
    async fn recover(&self, illness: &Illness) -> Result<(Duration, Duration), Error> {
        if illness.once {
            self.endpoint.misbehave_once(illness.what.clone());
        } else {
            self.endpoint.misbehave(Some(illness.what.clone()));
        }
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            callers.spawn(connected(self.connector.clone()));
        }
        if !illness.once {
            sleep(ILL).await;
            self.endpoint.misbehave(None);
        }
        let well = Instant::now();
        let newcomer = connected(self.connector.clone()).await?;
        let waiting = callers.join_next().await;
        let waiting = waiting.and_then(Result::ok).unwrap_or(Ok(well))?;
        Ok((waiting.saturating_duration_since(well), newcomer - well))
    }
}

/// Connects until it succeeds, as an application does.
async fn connected(connector: Connector) -> Result<Instant, Error> {
    let mut latest = None;
    let connecting = async {
        loop {
            match connector.connect_and_spawn().await {
                Ok(_client) => return Instant::now(),
                Err(error) => latest = Some(error),
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let connected = timeout(LIMIT, connecting).await;
    connected.map_err(|_| latest.unwrap_or_else(|| Error::new(ErrorKind::ConnectTimeout, "no end")))
}

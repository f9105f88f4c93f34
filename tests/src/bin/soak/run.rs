//! The run: everybody starts, faults strike one after another, and at the end every failure is held against them.

use std::time::Duration;

use entra_pg_emulator::Emulator;
use entra_pg_tests::{
    adapters::ALL,
    relay::{Relay, RelayMode},
};
use fastrand::Rng;
use futures::future::join_all;
use tokio::{
    signal,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    incident::{self, Incident, Kind, LIFETIME},
    load::Player,
    report::{self, Line, seconds},
};

pub(crate) enum End {
    AllExplained,
    Unexplained,
    Interrupted,
}

/// Between two faults, so that each is seen for itself.
const QUIET: std::ops::Range<u64> = 1_000..4_000;
/// After the last fault.
const LAST_QUIET: Duration = Duration::from_secs(6);
/// A server's refusal may force two requests at once, and then one in 30 s.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(35);

pub(crate) async fn run(time: Duration, seed: u64) -> Result<End, String> {
    println!(
        "For {} with seed {seed}: repeat it with --seed {seed}.",
        humantime::format_duration(time)
    );
    let text = |error: entra_pg_emulator::Error| error.to_string();
    let builder = Emulator::builder().role("app").token_lifetime(LIFETIME);
    let emulator = builder.start().await.map_err(text)?;
    let soaked = tokio::select! {
        result = soak(&emulator, time, seed) => Some(result),
        _ = signal::ctrl_c() => None,
    };
    let stopped = emulator.stop().await.map_err(text);
    match soaked {
        Some(result) => stopped.and(result),
        None => stopped.map(|()| End::Interrupted),
    }
}

async fn soak(emulator: &Emulator, time: Duration, seed: u64) -> Result<End, String> {
    let server = RelayMode::Forward(([127, 0, 0, 1], emulator.port()).into());
    let relay = Relay::start(server).await;
    let opening = ALL.map(|adapter| Player::open(emulator, relay.port(), adapter));
    let players = join_all(opening)
        .await
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let (stop, stopped) = watch::channel(());
    let tasks: Vec<_> = (seed..)
        .step_by(100)
        .zip(&players)
        .flat_map(|(seed, player)| player.play(seed, &stopped))
        .collect();
    let mut course = Course {
        emulator,
        relay: &relay,
        server,
        players: &players,
        random: Rng::with_seed(seed),
        incidents: Vec::new(),
        begin: Instant::now(),
        last_refusal: None,
    };
    course.run(time).await?;
    let (incidents, begin) = (course.incidents, course.begin);
    drop(stop);
    drop(stopped);
    end(tasks).await?;
    let lines: Vec<_> = players
        .iter()
        .map(|player| Line {
            name: player.name,
            score: player.score(),
            token_requests: player.requests.count(),
        })
        .collect();
    for player in players {
        player.close().await?;
    }
    left(emulator).await?;
    Ok(conclude(&lines, &incidents, begin, seed))
}

async fn end(tasks: Vec<JoinHandle<()>>) -> Result<(), String> {
    let ending = timeout(Duration::from_secs(90), join_all(tasks)).await;
    for task in ending.map_err(|_| "an operation hangs at the end".to_owned())? {
        task.map_err(|error| format!("a task panicked: {error}"))?;
    }
    Ok(())
}

/// No connection is left once all pools are closed.
async fn left(emulator: &Emulator) -> Result<(), String> {
    let gone = async {
        while emulator
            .control()
            .connections()
            .await
            .map_err(|error| error.to_string())?
            > 0
        {
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    };
    let limit = Duration::from_secs(60);
    timeout(limit, gone)
        .await
        .map_err(|_| "connections are left after all pools were closed".to_owned())?
}

fn conclude(lines: &[Line], incidents: &[Incident], begin: Instant, seed: u64) -> End {
    println!(
        "\n{}\n\n{}",
        report::table(lines, incidents),
        report::faults(lines, incidents)
    );
    let mut all = true;
    for failure in lines
        .iter()
        .flat_map(|line| report::unexplained(&line.score, incidents))
    {
        all = false;
        println!(
            "UNEXPLAINED: {}, begun after {}, failed after another {}: {}",
            failure.adapter,
            seconds(failure.began - begin),
            seconds(failure.ended - failure.began),
            failure.error
        );
    }
    if let Some(idle) = lines.iter().find(|line| line.score.operations == 0) {
        println!("NOTHING DONE by {}", idle.name);
        all = false;
    }
    if all {
        println!("Every failed operation is explained by a fault that was injected.");
        End::AllExplained
    } else {
        println!("Repeat it with --seed {seed}.");
        End::Unexplained
    }
}

/// The faults, one after another.
struct Course<'a> {
    emulator: &'a Emulator,
    relay: &'a Relay,
    server: RelayMode,
    players: &'a [Player],
    random: Rng,
    incidents: Vec<Incident>,
    begin: Instant,
    last_refusal: Option<Instant>,
}

impl Course<'_> {
    async fn run(&mut self, time: Duration) -> Result<(), String> {
        while self.begin.elapsed() + LAST_QUIET < time {
            sleep(Duration::from_millis(self.random.u64(QUIET))).await;
            let (kind, lasts) = incident::next(&mut self.random);
            self.settle(kind).await?;
            self.strike(kind, lasts).await?;
        }
        sleep(LAST_QUIET).await;
        self.settle(Kind::Restart).await
    }

    async fn strike(&mut self, kind: Kind, lasts: Duration) -> Result<(), String> {
        let began = self.begin.elapsed();
        let now = Instant::now();
        let expiries = || {
            self.players
                .iter()
                .map(|player| (player.name, player.expiry()))
                .collect()
        };
        let control = self.emulator.control();
        let incident =
            incident::strike(kind, lasts, control, self.relay, self.server, expiries).await?;
        if matches!(kind, Kind::IdentityRevoked | Kind::KeysRotated) {
            self.last_refusal = Some(now);
        }
        let scores = self.players.iter().map(Player::score);
        let (operations, failures) = scores.fold((0, 0), |(operations, failures), score| {
            (
                operations + score.operations,
                failures + score.failures.len(),
            )
        });
        println!(
            "after {:>6.1} s: {kind}, for {}; {operations} operations, {failures} failed so far",
            began.as_secs_f64(),
            seconds(incident.end - incident.begin)
        );
        self.incidents.push(incident);
        Ok(())
    }

    /// Waits until the consequences of the fault before are over: everybody has a token, and the last request for one was
    /// well. A soak in which that does not come has found something.
    async fn settle(&self, next: Kind) -> Result<(), String> {
        let settled = async {
            while !self.players.iter().all(Player::is_settled) {
                sleep(Duration::from_millis(50)).await;
            }
            if matches!(next, Kind::IdentityRevoked | Kind::KeysRotated)
                && let Some(last) = self.last_refusal
            {
                tokio::time::sleep_until(last + BETWEEN_REFUSALS).await;
                while !self.players.iter().all(Player::is_settled) {
                    sleep(Duration::from_millis(10)).await;
                }
            }
        };
        let limit = Duration::from_secs(120);
        timeout(limit, settled).await.map_err(|_| {
            let ill = self.players.iter().find(|player| !player.is_settled());
            format!(
                "{} does not recover",
                ill.map_or("no adapter", |player| player.name)
            )
        })
    }
}

//! The run: everybody starts, faults strike one after another, and at the end every failure is held against them.

use std::time::{Duration, SystemTime};

use entra_pg_emulator::{CredentialSource, Emulator};
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
    judge::explanation,
    load::Player,
    log::Log,
    report::{self, Line, seconds},
    strike::Victims,
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
/// The endpoint of App Service or of a virtual machine, by turns.
const SOURCES: [CredentialSource; 2] = [CredentialSource::ManagedIdentity, CredentialSource::Imds];

pub(crate) async fn run(time: Duration, seed: u64, only: String) -> Result<End, String> {
    println!(
        "For {} with seed {seed}: repeat it with --seed {seed}.",
        humantime::format_duration(time)
    );
    let mut random = Rng::with_seed(seed);
    if !(0..1_000).any(|_| incident::next(&mut random).0.to_string().contains(&only)) {
        return Err(format!("no fault's name contains {only:?}"));
    }
    let log = Log::start();
    let text = |error: entra_pg_emulator::Error| error.to_string();
    let builder = Emulator::builder().role("app").token_lifetime(LIFETIME);
    let emulator = builder.start().await.map_err(text)?;
    let soaked = tokio::select! {
        result = soak(&emulator, time, seed, only) => Some(result),
        _ = signal::ctrl_c() => None,
    };
    let stopped = emulator.stop().await.map_err(text);
    match soaked {
        Some(result) => stopped.and(result).map(|end| with_log(end, &log)),
        None => stopped.map(|()| End::Interrupted),
    }
}

/// Also what was logged is to be right.
fn with_log(end: End, log: &Log) -> End {
    let odd = log.odd_lines();
    for line in &odd {
        println!("LOGGED: {line:?}");
    }
    if odd.is_empty() {
        end
    } else {
        End::Unexplained
    }
}

async fn soak(emulator: &Emulator, time: Duration, seed: u64, only: String) -> Result<End, String> {
    let server = RelayMode::Forward(([127, 0, 0, 1], emulator.port()).into());
    let relay = Relay::start(server).await;
    let opening = ALL
        .into_iter()
        .zip(SOURCES.into_iter().cycle())
        .map(|(adapter, source)| Player::open(emulator, relay.port(), source, adapter));
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
        victims: Victims {
            control: emulator.control(),
            relay: &relay,
            server,
            players: &players,
        },
        random: Rng::with_seed(seed),
        only,
        incidents: Vec::new(),
        begin: Instant::now(),
        refused: None,
        judged: Instant::now(),
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
            token_requests: player.endpoint.connections(),
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
        println!("{}", report::line(failure, begin));
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
    victims: Victims<'a>,
    random: Rng,
    only: String,
    incidents: Vec<Incident>,
    begin: Instant,
    /// When the server last refused the tokens up to then.
    refused: Option<SystemTime>,
    /// The failures until then have been judged.
    judged: Instant,
}

impl Course<'_> {
    async fn run(&mut self, time: Duration) -> Result<(), String> {
        while self.begin.elapsed() + LAST_QUIET < time {
            sleep(Duration::from_millis(self.random.u64(QUIET))).await;
            let (kind, lasts) = self.next();
            self.settle().await?;
            self.strike(kind, lasts).await?;
        }
        sleep(LAST_QUIET).await;
        self.settle().await
    }

    fn next(&mut self) -> (Kind, Duration) {
        loop {
            let (kind, lasts) = incident::next(&mut self.random);
            if kind.to_string().contains(&self.only) {
                return (kind, lasts);
            }
        }
    }

    async fn strike(&mut self, kind: Kind, lasts: Duration) -> Result<(), String> {
        let began = self.begin.elapsed();
        let incident = self.victims.strike(kind, lasts).await?;
        if kind.refusal().is_some() {
            let ago = incident.refused.elapsed();
            self.refused = Some(SystemTime::now() - ago);
        }
        let scores = self.victims.players.iter().map(Player::score);
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
        self.tell_early();
        Ok(())
    }

    /// What has failed until the latest fault ended, no later one explains.
    fn tell_early(&mut self) {
        let since = std::mem::replace(&mut self.judged, Instant::now());
        let scores = self.victims.players.iter().map(Player::score);
        for failure in scores.flat_map(|score| score.failures) {
            let is_new = (since..self.judged).contains(&failure.ended);
            if is_new && explanation(&failure, &self.incidents).is_none() {
                println!("{}", report::line(&failure, self.begin));
            }
        }
    }

    /// Waits until the consequences of the fault before are over: everybody has a token, the last request for one was well, and
    /// what was refused has been accepted since. (Tokens that are refused before any was accepted spend a budget.) A soak in
    /// which that does not come has found something.
    async fn settle(&self) -> Result<(), String> {
        let players = self.victims.players;
        let is_settled = |player: &Player| player.is_settled(self.refused);
        let settled = async {
            while !players.iter().all(is_settled) {
                sleep(Duration::from_millis(50)).await;
            }
            let latest = self.incidents.last();
            if latest.is_some_and(|incident| incident.kind.refusal().is_some()) {
                join_all(players.iter().map(Player::has_logged_in)).await;
            }
            while !players.iter().all(is_settled) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let limit = Duration::from_secs(120);
        timeout(limit, settled).await.map_err(|_| {
            let ill = players.iter().find(|player| !is_settled(player));
            format!(
                "{} does not recover",
                ill.map_or("no adapter", |player| player.name)
            )
        })
    }
}

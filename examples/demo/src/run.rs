//! The run: everybody starts, works through the lifetimes, and ends; then the records are counted.

use std::{
    env,
    time::{Duration, SystemTime},
};

use entra_pg_core::{Entra, RefreshPolicy, TokenCache};
use tokio::{
    signal,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use crate::{
    adapters::Adapter,
    contestant::{Contestant, PATIENCE, Setting, text},
    display::Display,
    emulator::Emulator,
    evidence::{Evidence, Lifetimes},
    pasted::{self, Pasted},
    records::Records,
    report,
    score::{Score, Shared},
    verdict::{Outcome, broken_promises},
};

pub(crate) enum End {
    AsPromised,
    Broken,
    Interrupted,
}

const BETWEEN_ROUNDS: Duration = Duration::from_millis(200);
const BETWEEN_PICTURES: Duration = Duration::from_millis(100);

pub(crate) async fn run(count: u32, each: Duration) -> Result<End, String> {
    let emulator = Emulator::from_env()?;
    emulator.set_token_lifetime(each).await?;
    let setting = setting(each)?;
    let requests_before = emulator.status().await?.token_requests;
    println!(
        "Through {count} lifetimes of {} each; {} connects as an app on Azure would.",
        humantime::format_duration(each),
        setting.entra.credential_name()
    );

    let records = Records::create(&setting).await?;
    let (stop, stopped) = watch::channel(());
    let mut race = Race::start(&setting, &stopped).await?;
    let lifetimes = Lifetimes {
        begin: records.now().await?,
        each,
        count,
    };
    let interrupted = tokio::select! {
        () = race.watch(&setting, lifetimes) => false,
        _ = signal::ctrl_c() => true,
    };
    drop(stop);
    race.end().await?;
    let rows = records.read().await;
    records.remove().await?;
    if interrupted {
        return Ok(End::Interrupted);
    }
    let requests = emulator.status().await?.token_requests - requests_before;

    let rows = rows?;
    let outcomes: Vec<_> = Adapter::ALL
        .into_iter()
        .zip(race.scores())
        .map(|(adapter, (name, score))| Outcome {
            name,
            score,
            evidence: Evidence::of(adapter.application(), &rows, lifetimes),
        })
        .collect();
    let control = race.control.score.read();
    println!("\n{}", report::table(&outcomes, &control, lifetimes));
    println!(
        "{requests} token requests in all, for {count} token lifetimes and all adapters together."
    );
    if let Some(error) = control.errors.first() {
        println!("{}: {error}", pasted::NAME);
    }
    let broken = broken_promises(count, &outcomes, &control);
    for promise in &broken {
        println!("NOT KEPT: {promise}");
    }
    if !broken.is_empty() {
        return Ok(End::Broken);
    }
    println!("Every adapter outlived its tokens without an error; the pasted token did not.");
    Ok(End::AsPromised)
}

fn setting(each: Duration) -> Result<Setting, String> {
    let url = env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set; use `just demo`")?;
    let mut policy = RefreshPolicy::default();
    // In proportion to what it is for tokens that live an hour, this would be shorter than a connect takes.
    policy.refresh_before = each / 6;
    let entra = Entra::builder()
        .refresh_policy(policy)
        .build()
        .map_err(text)?;
    Ok(Setting {
        url,
        entra,
        connection_age: each / 3,
    })
}

/// Everybody who takes part.
struct Race {
    contestants: Vec<Runner>,
    control: Runner,
}

struct Runner {
    name: &'static str,
    score: Shared,
    task: JoinHandle<Result<(), String>>,
}

impl Race {
    async fn start(setting: &Setting, stopped: &watch::Receiver<()>) -> Result<Self, String> {
        let mut contestants = Vec::new();
        for adapter in Adapter::ALL {
            let contestant = adapter
                .open(setting)
                .await
                .map_err(|error| format!("{}: {error}", adapter.name()))?;
            let score = Shared::default();
            let task = tokio::spawn(compete(contestant, score.clone(), stopped.clone()));
            contestants.push(Runner {
                name: adapter.name(),
                score,
                task,
            });
        }
        let score = Shared::default();
        let pool = Pasted::open(setting)
            .await
            .map_err(|error| format!("{}: {error}", pasted::NAME))?;
        let task = tokio::spawn(paste(pool, score.clone(), stopped.clone()));
        let control = Runner {
            name: pasted::NAME,
            score,
            task,
        };
        Ok(Self {
            contestants,
            control,
        })
    }

    fn scores(&self) -> Vec<(&'static str, Score)> {
        self.contestants
            .iter()
            .map(|runner| (runner.name, runner.score.read()))
            .collect()
    }

    /// Shows the race until its time is over.
    async fn watch(&self, setting: &Setting, lifetimes: Lifetimes) {
        let runners = || self.contestants.iter().chain([&self.control]);
        let names: Vec<_> = runners().map(|runner| runner.name).collect();
        let mut display = Display::new(&names, lifetimes.each, lifetimes.count);
        let tokens = tokens(&setting.entra, &setting.url);
        let begin = Instant::now();
        while begin.elapsed() < lifetimes.each * lifetimes.count {
            sleep(BETWEEN_PICTURES).await;
            let scores: Vec<_> = runners()
                .map(|runner| (runner.name, runner.score.read()))
                .collect();
            display.show(
                begin.elapsed(),
                tokens.as_ref().map(left).unwrap_or_default(),
                &scores,
            );
        }
    }

    async fn end(&mut self) -> Result<(), String> {
        for Runner { name, task, .. } in self.contestants.iter_mut().chain([&mut self.control]) {
            match timeout(PATIENCE * 3, task).await {
                Ok(Ok(result)) => result.map_err(|error| format!("{name}: {error}"))?,
                Ok(Err(error)) => return Err(format!("{name}: {error}")),
                Err(_) => return Err(format!("{name} did not end")),
            }
        }
        Ok(())
    }
}

fn tokens(entra: &Entra, url: &str) -> Option<TokenCache> {
    entra
        .login_provider(url)
        .ok()
        .map(|database| database.token_cache().clone())
}

fn left(tokens: &TokenCache) -> Duration {
    let expires_on = tokens.status().expires_on;
    expires_on
        .and_then(|until| until.duration_since(SystemTime::now()).ok())
        .unwrap_or_default()
}

async fn compete(
    mut contestant: Box<dyn Contestant>,
    score: Shared,
    mut stopped: watch::Receiver<()>,
) -> Result<(), String> {
    for number in 0_u64.. {
        let note = format!("round {number}");
        score.count(&note, bounded(contestant.fresh(&note)).await);
        score.count(&note, bounded(contestant.kept(&note)).await);
        if over(&mut stopped).await {
            break;
        }
    }
    score.count_close(contestant.close().await);
    Ok(())
}

async fn paste(
    pool: Pasted,
    score: Shared,
    mut stopped: watch::Receiver<()>,
) -> Result<(), String> {
    for number in 0_u64.. {
        let note = format!("round {number}");
        score.count_control(&note, pool.fresh(&note).await);
        if over(&mut stopped).await {
            break;
        }
    }
    pool.close().await;
    Ok(())
}

/// Pauses between two rounds, unless the race is over.
async fn over(stopped: &mut watch::Receiver<()>) -> bool {
    timeout(BETWEEN_ROUNDS, stopped.changed()).await.is_ok()
}

async fn bounded<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let limit = PATIENCE * 2;
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(format!("took more than {} s", limit.as_secs())))
}

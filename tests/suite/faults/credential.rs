use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use entra_pg_core::{Entra, ErrorKind};
use entra_pg_tests::{
    adapter_fixture::{AdapterFixture, Requests},
    scenarios::FaultScenario,
};
use rstest::rstest;
use tokio::time::Instant;

use super::{close_all, each, healed, open_all, opened, operate_while_valid, start, stop, took};
use crate::{adapters::ALL, fixtures::shared};

const LIFETIME: Duration = Duration::from_secs(28);
/// The deadline of a connect, and the least that a hanging credential costs.
const DEADLINE: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Good,
    Panics,
    Hangs,
    Expired,
}

/// The real credential, as long as it is in the mood.
#[derive(Debug)]
struct Moody {
    credential: Arc<dyn TokenCredential>,
    mood: Arc<Mutex<Mood>>,
    asked: Requests,
}

#[async_trait]
impl TokenCredential for Moody {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.asked.add();
        let mood = *self.mood.lock().expect("no panic under this lock");
        match mood {
            Mood::Good => self.credential.get_token(scopes, options).await,
            Mood::Panics => panic!("a credential that panics"),
            Mood::Hangs => std::future::pending().await,
            Mood::Expired => {
                let token = self.credential.get_token(scopes, options).await?;
                let ago = SystemTime::now() - Duration::from_secs(7_200);
                Ok(AccessToken::new(token.token, ago.into()))
            }
        }
    }
}

impl Mood {
    fn kind(self) -> ErrorKind {
        match self {
            Self::Good => unreachable!("it does not fail"),
            Self::Panics => ErrorKind::TokenRequest,
            Self::Hangs => ErrorKind::TokenTimeout,
            Self::Expired => ErrorKind::UnusableToken,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Good => "",
            Self::Panics => "panicked",
            Self::Hangs => "no token within 3 s",
            Self::Expired => "that expired 7",
        }
    }
}

/// How often a retry is allowed at most, in the 20 s that bb8 tries, and in the 10 s that a token takes to die.
const MOST: u64 = 25;

#[rstest]
#[case::panics(Mood::Panics)]
#[case::hangs(Mood::Hangs)]
#[case::returns_an_expired_token(Mood::Expired)]
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_credential_is_reported_at_a_start_and_not_asked_in_a_loop(#[case] mood: Mood) {
    let emulator = shared();
    let fixtures = ALL.map(|adapter| {
        let asked = Requests::default();
        let moody = Moody {
            credential: Requests::default().credential(emulator),
            mood: Arc::new(Mutex::new(mood)),
            asked: asked.clone(),
        };
        AdapterFixture::with(emulator, adapter, Entra::new(Arc::new(moody)), asked).within(DEADLINE)
    });
    each(
        fixtures.into(),
        move |mut fixture: AdapterFixture| async move {
            let (name, started) = (fixture.name, Instant::now());
            let error = fixture.open().await.expect_err(name);
            assert_eq!(error.kind(), mood.kind(), "{name}: {error}");
            assert!(
                error.to_string().contains(mood.message()),
                "{name}: {error}"
            );
            assert!(
                started.elapsed() < Duration::from_secs(45),
                "{name}: {:?}",
                started.elapsed()
            );
            let requests = fixture.requests_since();
            assert!(
                (1..=MOST).contains(&requests),
                "{name}: {requests} requests"
            );
            fixture.stats.longest = started.elapsed();
            fixture.record(
                FaultScenario::BadCredential,
                &format!("{mood:?} at a start"),
                "",
            );
            fixture
        },
    )
    .await;
}

#[rstest]
#[case::panics(Mood::Panics)]
#[case::hangs(Mood::Hangs)]
#[case::returns_an_expired_token(Mood::Expired)]
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_credential_is_harmless_while_a_token_lives(#[case] mood: Mood) {
    let emulator = start(LIFETIME).await;
    let moods: Vec<_> = ALL
        .iter()
        .map(|_| Arc::new(Mutex::new(Mood::Good)))
        .collect();
    let fixtures = ALL.iter().zip(&moods).map(|(adapter, mood)| {
        let asked = Requests::default();
        let moody = Moody {
            credential: Requests::default().credential(&emulator),
            mood: Arc::clone(mood),
            asked: asked.clone(),
        };
        AdapterFixture::with(&emulator, *adapter, Entra::new(Arc::new(moody)), asked)
    });
    let fixtures = opened(fixtures.collect()).await;
    for each in &moods {
        *each.lock().expect("no panic under this lock") = mood;
    }
    let fixtures = each(fixtures, move |mut fixture: AdapterFixture| async move {
        let least = u64::from(operate_while_valid(&mut fixture, LIFETIME).await);
        let (name, requests) = (fixture.name, fixture.requests_since());
        fixture.assert_flawless();
        assert!(
            (least..=MOST).contains(&requests),
            "{requests} requests, {least} to {MOST} were expected: {fixture:?}"
        );
        let error = fixture.status().last_error.map(|error| error.to_string());
        // One that hangs has not failed yet: it is given 75 s. Nor has one that was not sent.
        let reported = error
            .as_ref()
            .is_some_and(|error| error.contains(mood.message()));
        let failed = requests > 0 && mood != Mood::Hangs;
        assert!(reported || !failed, "{name}: {error:?}");
        fixture.record(FaultScenario::BadCredential, &format!("{mood:?}"), "");
        fixture
    })
    .await;
    close_all(fixtures).await;
    stop(emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_again_makes_no_hot_loop_and_the_next_one_is_taken_up() {
    let emulator = start(LIFETIME).await;
    emulator.control().set_repeat_tokens(true);
    let fixtures = open_all(&emulator, &ALL).await;
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        let least = u64::from(operate_while_valid(&mut fixture, LIFETIME).await);
        fixture.assert_flawless();
        let requests = fixture.requests_since();
        // A quarter of what remains between two of them.
        assert!(
            (least..=8).contains(&requests),
            "{requests} requests, {least} to 8 were expected: {fixture:?}"
        );
        fixture.record(FaultScenario::BadCredential, "repeats", "");
        fixture
    })
    .await;
    emulator.control().set_repeat_tokens(false);
    let fixtures = each(fixtures, async |mut fixture: AdapterFixture| {
        let generation = |s: &AdapterFixture| s.tokens().cached().map(|token| token.generation());
        let before = generation(&fixture);
        let started = Instant::now();
        healed(&mut fixture).await;
        while generation(&fixture) == before {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{}",
                took("no new token after", started.elapsed())
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        healed(&mut fixture).await;
        fixture
    })
    .await;
    close_all(fixtures).await;
    stop(emulator).await;
}

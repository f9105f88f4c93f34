use std::time::Duration;

use entra_pg_core::ErrorKind;
use entra_pg_tests::{
    relay::{Relay, Way},
    rows::Row,
    subject::Subject,
};
use rstest::rstest;
use tokio::time::Instant;

use super::{close_all, each, fetches_per_connection, healed, opened, start, stop};
use crate::{adapters::ALL, world::shared};

/// For one connect. bb8 tries again until its own 20 s are over; sqlx and SeaORM have limits of their own, of up to 30 s, and look
/// for the cause afterwards, for 5 s.
const DEADLINE: u32 = 5;
/// For a pool that would be wedged.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    AfterAccept,
    InTheHandshake,
    InAuthentication,
}

impl Stall {
    fn phase(self) -> &'static str {
        match self {
            Self::AfterAccept => "reaching the server",
            Self::InTheHandshake => "the TLS handshake",
            Self::InAuthentication => "authentication",
        }
    }

    /// Where connections lead; a stalled login is the emulator's part.
    fn way(self, server: Way) -> Way {
        match self {
            Self::AfterAccept => Way::Silence,
            Self::InTheHandshake => Way::SilenceAfterTls,
            Self::InAuthentication => server,
        }
    }
}

#[rstest]
#[case(Stall::AfterAccept)]
#[case(Stall::InTheHandshake)]
#[case(Stall::InAuthentication)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_is_given_up_in_time_and_wedges_no_pool(#[case] stall: Stall) {
    let emulator = start(Duration::from_secs(3_600)).await;
    let server = Way::To(([127, 0, 0, 1], emulator.port()).into());
    let relay = Relay::start(server).await;
    let subjects = ALL.map(|adapter| {
        Subject::new(&emulator, adapter)
            .through(&emulator, relay.port())
            .within(DEADLINE)
    });
    let subjects = opened(subjects.into()).await;
    relay.set(stall.way(server));
    if stall == Stall::InAuthentication {
        emulator
            .control()
            .set_login_latency(Duration::from_secs(3_600));
    }
    let subjects = each(subjects, move |mut subject: Subject| async move {
        let (name, started) = (subject.name, Instant::now());
        let error = subject.operate().await.expect_err(name);
        assert!(started.elapsed() < LIMIT, "{name}: {:?}", started.elapsed());
        // sqlx does not tell how far it came.
        let told = error.contains(stall.phase()) || !fetches_per_connection(name);
        assert!(told, "{name}: {error}");
        assert_eq!(subject.requests_since(), 0, "{name}");
        subject
    })
    .await;
    relay.set(server);
    emulator.control().set_login_latency(Duration::ZERO);
    let subjects = each(subjects, move |mut subject: Subject| async move {
        let given_up = subject.tally.longest;
        healed(&mut subject).await;
        subject.tally.longest = given_up;
        subject.record(Row::Stall, &format!("{stall:?}"), "");
        subject
    })
    .await;
    close_all(subjects).await;
    drop(relay);
    stop(emulator).await;
}

#[rstest]
#[case(Way::Silence)]
#[case(Way::SilenceAfterTls)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_at_a_start_gives_the_same_error_in_every_adapter(#[case] way: Way) {
    let relay = Relay::start(way).await;
    let emulator = shared();
    let subjects = ALL.map(|adapter| {
        Subject::new(emulator, adapter)
            .through(emulator, relay.port())
            .within(DEADLINE)
    });
    each(subjects.into(), async |mut subject: Subject| {
        let (name, started) = (subject.name, Instant::now());
        let error = subject.open().await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{name}: {error}");
        assert!(started.elapsed() < LIMIT, "{name}: {:?}", started.elapsed());
        subject
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_is_not_called_an_impostor() {
    let relay = Relay::start(Way::HangUp).await;
    let emulator = shared();
    let subjects = ALL.map(|adapter| {
        Subject::new(emulator, adapter)
            .through(emulator, relay.port())
            .within(DEADLINE)
    });
    each(subjects.into(), async |mut subject: Subject| {
        let name = subject.name;
        let error = subject.open().await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Connect, "{name}: {error}");
        assert!(error.is_transient(), "{name}: {error}");
        subject
    })
    .await;
}

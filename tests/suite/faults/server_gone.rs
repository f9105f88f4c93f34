use std::time::Duration;

use entra_pg_emulator::Emulator;
use entra_pg_tests::{
    relay::{Relay, Way},
    rows::Row,
    subject::{Subject, operation},
};
use futures::future::join_all;

use super::{close_all, each, healed, open_all, opened, start, stop, took};
use crate::adapters::ALL;

const LIFETIME: Duration = Duration::from_secs(3_600);

/// Several connections of each, so that there is something to end.
async fn fill(subjects: &[Subject]) {
    for subject in subjects {
        let held = join_all((0..3).map(|_| operation(subject.opened()))).await;
        assert!(held.iter().all(Result::is_ok), "{}", subject.name);
    }
}

async fn all_heal(subjects: Vec<Subject>, case: &'static str) -> Vec<Subject> {
    each(subjects, move |mut subject: Subject| async move {
        let wait = healed(&mut subject).await;
        let failed = subject.tally.errors.len();
        for _ in 0..3 {
            let _ = subject.operate().await;
        }
        let name = subject.name;
        assert_eq!(
            subject.tally.errors.len(),
            failed,
            "{name} does not stay well: {subject:?}"
        );
        // A connection that died in the pool costs its user one operation, at most each one that there was.
        assert!(failed <= 8, "{subject:?}");
        assert_eq!(subject.requests_since(), 0, "{name}");
        subject.record(Row::ServerGone, case, took(case, wait));
        subject
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_heal_after_a_restart_and_after_losing_all_connections() {
    let emulator = start(LIFETIME).await;
    let control = emulator.control();
    let subjects = open_all(&emulator, &ALL).await;
    fill(&subjects).await;
    control.restart_postgres().await.expect("restarts");
    let mut subjects = all_heal(subjects, "restart").await;
    fill(&subjects).await;
    for subject in &mut subjects {
        subject.begin();
    }
    control.terminate_connections().await.expect("drops");
    let subjects = all_heal(subjects, "all ended").await;
    close_all(subjects).await;
    stop(emulator).await;
}

/// The name and the port stay; what is behind them goes away, refuses for a while, and is then another address.
#[tokio::test(flavor = "multi_thread")]
async fn pools_heal_after_a_failover_to_another_address() {
    let emulator = start(LIFETIME).await;
    let (first, second) = addresses(&emulator).await;
    let relay = Relay::start(Way::To(first)).await;
    let subjects =
        ALL.map(|adapter| Subject::new(&emulator, adapter).through(&emulator, relay.port()));
    let subjects = opened(subjects.into()).await;
    fill(&subjects).await;
    relay.set(Way::Closed);
    relay.cut();
    let subjects = each(subjects, async |mut subject: Subject| {
        // While nobody is there, it fails, and says so in time.
        let error = subject.operate().await.expect_err(subject.name);
        assert!(!error.is_empty());
        subject.begin();
        subject
    })
    .await;
    relay.set(Way::To(second));
    let subjects = all_heal(subjects, "failover").await;
    close_all(subjects).await;
    stop(emulator).await;
}

/// The server listens on two where there is IPv6.
async fn addresses(emulator: &Emulator) -> (std::net::SocketAddr, std::net::SocketAddr) {
    let (v4, v6) = (
        std::net::SocketAddr::from(([127, 0, 0, 1], emulator.port())),
        std::net::SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], emulator.port())),
    );
    match tokio::net::TcpStream::connect(v6).await {
        Ok(_) => (v4, v6),
        Err(_) => (v4, v4),
    }
}

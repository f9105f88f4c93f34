use std::time::Duration;

use entra_pg_core::{ErrorKind, Target};
use entra_pg_tests::{
    adapter_fixture::operation,
    adapters::{ALL, NamedAdapter, TestPool},
    blackhole::Blackhole,
    relay::{Relay, RelayMode},
};
use futures::future::join_all;
use rstest::rstest;
use tokio::time::Instant;

use super::{subjects, url};
use crate::fixtures::{entra, shared};

/// What a connect may take in all.
const DEADLINE: Duration = Duration::from_secs(20);

async fn open(subject: NamedAdapter, url: &str) -> Result<Box<dyn TestPool>, entra_pg_core::Error> {
    subject
        .adapter
        .open(url, Target::parse(url)?, &entra(shared()))
        .await
}

/// The first host drops packets, or accepts and says nothing.
#[rstest]
#[case::drops_packets(true)]
#[case::says_nothing(false)]
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_host_leaves_time_for_the_next_one(#[case] drops: bool) {
    let (blackhole, silent) = (
        Blackhole::start().await,
        Relay::start(RelayMode::Silent).await,
    );
    let dead = if drops {
        blackhole.port()
    } else {
        silent.port()
    };
    let hosts = format!("127.0.0.1:{dead},localhost:{}", shared().port());
    let url = &url(
        shared(),
        &hosts,
        &format!("&connect_timeout={}", DEADLINE.as_secs()),
    );
    join_all(subjects().map(async |subject| {
        let name = subject.name;
        let started = Instant::now();
        let opened = open(subject, url).await;
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            started.elapsed() < DEADLINE / 2,
            "{name}: {:?}",
            started.elapsed()
        );
        let held = operation(&*opened).await;
        drop(held.unwrap_or_else(|error| panic!("{name}: {error}")));
        opened.close().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_host_answers_the_error_says_what_each_did() {
    let blackhole = Blackhole::start().await;
    let hosts = format!("127.0.0.1:{},127.0.0.1:1", blackhole.port());
    let url = &url(shared(), &hosts, "&connect_timeout=10");
    join_all(subjects().map(async |subject| {
        let name = subject.name;
        let error = open(subject, url).await.err().expect(name);
        assert_eq!(error.kind(), ErrorKind::Connect, "{name}: {error}");
        assert!(error.is_transient(), "{name}: {error}");
        let dropped = format!(
            "127.0.0.1:{}: the TCP connection timed out after ",
            blackhole.port()
        );
        for said in [
            "no server could be used",
            &dropped,
            "127.0.0.1:1: ",
            "refused",
        ] {
            assert!(error.message().contains(said), "{name}: {error}");
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_dead_hosts_end_in_time_with_a_short_error() {
    let blackhole = Blackhole::start().await;
    let hosts = vec![format!("127.0.0.1:{}", blackhole.port()); 50].join(",");
    let url = &url(shared(), &hosts, "&connect_timeout=5");
    join_all(subjects().map(async |subject| {
        let (name, started) = (subject.name, Instant::now());
        let error = open(subject, url).await.err().expect(name);
        assert_eq!(error.kind(), ErrorKind::ConnectTimeout, "{name}: {error}");
        assert!(error.to_string().len() < 1_500, "{name}: {error}");
        // bb8 and the pools of sqlx and SeaORM try again until their own limit, of 30 s at most.
        assert!(
            started.elapsed() < Duration::from_secs(50),
            "{name}: {:?}",
            started.elapsed()
        );
    }))
    .await;
}

/// The certificate is for localhost. The next host would do, but a server that is not verified ends it, as in libpq.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_checked_against_the_host_that_is_dialled() {
    let port = shared().port();
    let url = &url(
        shared(),
        &format!("127.0.0.1:{port},localhost:{port}"),
        "&connect_timeout=10",
    );
    join_all(subjects().map(async |subject| {
        let name = subject.name;
        let error = open(subject, url).await.err().expect(name);
        assert_eq!(error.kind(), ErrorKind::Tls, "{name}: {error}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_refuses_several_hosts_and_names_the_way() {
    let port = shared().port();
    let url = &url(shared(), &format!("localhost:{port},localhost:{port}"), "");
    for subject in ALL.into_iter().filter(|adapter| !adapter.per_connection) {
        let error = open(subject, url).await.err().expect(subject.name);
        assert_eq!(error.kind(), ErrorKind::InvalidTarget, "{error}");
        assert!(error.hint().contains("Strategy::PerConnection"), "{error}");
    }
}

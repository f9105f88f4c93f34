//! From the start of a proxy to its end: what it takes, and what it leaves.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use entra_pg_core::ErrorKind;
use entra_pg_proxy::{Address, Proxy};

use super::{proxy_to, raw::Raw};
use crate::fixtures::{connections, entra, eventually, shared, target, unique};

fn directory(proxy: &Proxy) -> PathBuf {
    match proxy.address() {
        Address::Unix { directory, .. } => directory.clone(),
        other => panic!("{other} is no socket"),
    }
}

fn loopback(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_and_an_open_address_are_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    for (address, cause) in [
        (loopback(port), "another process listens"),
        (([0, 0, 0, 0], 0).into(), "other machines"),
        (([192, 0, 2, 1], 0).into(), "other machines"),
    ] {
        let error = proxy_to(shared()).bind_tcp(address).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Listen);
        assert!(error.to_string().contains(cause), "{error}");
    }
}

#[test]
fn a_proxy_outside_of_a_runtime_is_refused_and_leaves_nothing() {
    let parent = tempfile::tempdir().expect("a directory");
    let made = parent.path().join("made");
    for proxy in [
        proxy_to(shared()).bind_private(),
        proxy_to(shared()).bind_unix(&made, 5432),
        proxy_to(shared()).bind_tcp(loopback(0)),
    ] {
        assert_eq!(proxy.expect_err("refused").kind(), ErrorKind::Runtime);
    }
    assert!(!made.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_proxies_do_not_take_each_others_socket() {
    let parent = tempfile::tempdir().expect("a directory");
    let place = parent.path().join("sockets");
    let first = proxy_to(shared()).bind_unix(&place, 5432).expect("listens");
    let error = proxy_to(shared())
        .bind_unix(&place, 5432)
        .expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Listen);
    let second = proxy_to(shared()).bind_unix(&place, 5433).expect("listens");
    Raw::ready(first.address()).await;
    Raw::ready(second.address()).await;
    drop(second);
    Raw::ready(first.address()).await;
    drop(first);
    assert!(!place.exists(), "who has made the directory removes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_takes_no_new_clients_and_lets_old_ones_finish() {
    let proxy = proxy_to(shared()).bind_private().expect("listens");
    let (address, directory) = (proxy.address().clone(), directory(&proxy));
    let mut raw = Raw::ready(&address).await;
    let ending = tokio::spawn(proxy.shutdown());
    eventually("the socket is gone", || async { !directory.exists() }).await;
    assert!(Raw::connect(&address).await.is_err());
    raw.query("SELECT 1").await;
    assert_eq!(raw.message().await.map(|(tag, _)| tag), Some(b'T'));
    assert!(!ending.is_finished());
    drop(raw);
    ending.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_ends_clients_and_their_sessions_on_the_server() {
    let name = unique("closed");
    let database = entra(shared())
        .login_provider(target(shared(), &name))
        .expect("a database");
    let proxy = Proxy::builder(database).bind_private().expect("listens");
    let mut idle = Raw::ready(proxy.address()).await;
    let mut silent = Raw::connect(proxy.address()).await.expect("connects");
    assert_eq!(connections(shared(), &name).await, 1);
    let closed = tokio::time::timeout(Duration::from_secs(60), proxy.close()).await;
    closed.expect("it ends");
    assert_eq!(idle.message().await, None);
    assert_eq!(silent.message().await, None);
    eventually("the session is gone", || async {
        connections(shared(), &name).await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_does_not_wait_longer_than_it_may_for_a_client_that_stays() {
    let proxy = proxy_to(shared()).bind_private().expect("listens");
    let mut idle = Raw::ready(proxy.address()).await;
    let stopped = proxy.shutdown_within(Duration::from_millis(200));
    let stopped = tokio::time::timeout(Duration::from_secs(60), stopped).await;
    stopped.expect("it ends");
    assert_eq!(idle.message().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_until_ends_with_its_signal() {
    let proxy = proxy_to(shared()).bind_tcp(loopback(0)).expect("listens");
    let address = proxy.address().clone();
    let (signal, stop) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(proxy.serve_until(async { drop(stop.await) }));
    Raw::ready(&address).await;
    signal.send(()).expect("it waits");
    running.await.expect("it ends");
    assert!(Raw::connect(&address).await.is_err());
}

#[test]
fn a_runtime_that_ends_takes_the_socket_with_it() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let directory = runtime.block_on(async {
        let proxy = proxy_to(shared()).bind_private().expect("listens");
        let directory = directory(&proxy);
        tokio::spawn(proxy.serve_until(std::future::pending()));
        directory
    });
    assert!(directory.exists());
    drop(runtime);
    assert!(!directory.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_takes_the_socket_with_it() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let proxy = proxy_to(shared()).bind_private().expect("listens");
        sender.send(directory(&proxy)).expect("the test waits");
        panic!("on purpose");
    });
    let directory = receiver.await.expect("a directory");
    assert!(task.await.expect_err("a panic").is_panic());
    assert!(!directory.exists());
}

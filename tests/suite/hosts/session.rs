use entra_pg_core::{Entra, ErrorKind, Target};
use entra_pg_emulator::Emulator;
use entra_pg_tests::{
    adapters::{NamedAdapter, PROXY},
    fixtures::{entra, eventually, short_lived},
    relay::{Relay, RelayMode},
    standby::Standby,
};
use entra_pg_tokio_postgres::{
    Connector,
    tokio_postgres::{self, Client, NoTls, error::SqlState},
};
use futures::future::join_all;

use super::{subjects, url};

/// Which server it is.
const PORT: &str = "SELECT inet_server_port()::text";

async fn query(
    NamedAdapter { name, adapter, .. }: NamedAdapter,
    url: &str,
    entra: &Entra,
) -> String {
    let target = Target::parse(url).expect("a URL");
    let opened = adapter.open(url, target, entra).await;
    let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut held = opened.acquire().await.expect(name);
    let found = held.query(PORT).await.expect(name);
    drop(held);
    opened.close().await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_on_the_server_that_is_wanted() {
    let emulator = Emulator::start().await.expect("starts");
    let standby = Standby::of(&emulator).await;
    let entra = &entra(&emulator);
    let (primary, replica) = (emulator.port(), standby.port());
    for (hosts, wanted, expected) in [
        ([primary, replica], "any", primary),
        ([replica, primary], "any", replica),
        ([replica, primary], "read-write", primary),
        ([replica, primary], "primary", primary),
        ([primary, replica], "read-only", replica),
        ([primary, replica], "standby", replica),
        ([primary, replica], "prefer-standby", replica),
        ([primary, primary], "prefer-standby", primary),
    ] {
        let hosts = hosts.map(|port| format!("localhost:{port}")).join(",");
        let url = &url(
            &emulator,
            &hosts,
            &format!("&target_session_attrs={wanted}"),
        );
        join_all(subjects().map(async |subject| {
            let found = query(subject, url, entra).await;
            assert_eq!(found, expected.to_string(), "{}: {wanted}", subject.name);
        }))
        .await;
    }
    no_server_is_wanted(&emulator, &standby, entra).await;
    drop(standby);
    emulator.stop().await.expect("stops");
}

async fn no_server_is_wanted(emulator: &Emulator, standby: &Standby, entra: &Entra) {
    let port = standby.port();
    let hosts = format!("localhost:{port},127.0.0.1:1");
    let url = &url(
        emulator,
        &hosts,
        "&target_session_attrs=read-write&connect_timeout=5",
    );
    join_all(subjects().map(async |subject| {
        let (name, target) = (subject.name, Target::parse(url).expect("a URL"));
        let error = subject.adapter.open(url, target, entra).await;
        let error = error.err().expect(name);
        assert_eq!(error.kind(), ErrorKind::Connect, "{name}: {error}");
        assert!(error.is_transient(), "{name}: {error}");
        let standby = format!("127.0.0.1:{port}): the server is a standby");
        for said in [&*standby, "127.0.0.1:1: ", "refused"] {
            assert!(error.message().contains(said), "{name}: {error}");
        }
    }))
    .await;
}

/// A session is on the second host, alone or through the proxy. When the first is back, a request to cancel still goes to the
/// second.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_cancelled_on_the_server_that_runs_it() {
    let emulator = super::shared();
    let first = Relay::start(RelayMode::Close).await;
    let hosts = format!("localhost:{},localhost:{}", first.port(), emulator.port());
    let target = Target::parse(&url(emulator, &hosts, "")).expect("a URL");
    let entra = entra(emulator);
    let connector = Connector::new(&target, &entra).expect("a connector");
    let alone = connector.connect_and_spawn().await.expect("connects");
    let provider = entra.login_provider(target).expect("a provider");
    let proxy = entra_pg_proxy::Proxy::builder(provider)
        .bind_tcp(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let address = proxy.address();
    let mut config = tokio_postgres::Config::new();
    config.host(address.host()).port(address.port()).user("app");
    let (proxied, connection) = config.connect(NoTls).await.expect(PROXY.name);
    tokio::spawn(connection);
    // Another server, which knows nothing of the sessions.
    first.set(RelayMode::Forward(
        ([127, 0, 0, 1], short_lived().port()).into(),
    ));
    let token = alone.cancel_token();
    is_cancelled(emulator, &alone, async {
        connector.cancel(&token).await.expect("the request is sent");
    })
    .await;
    let token = proxied.cancel_token();
    is_cancelled(emulator, &proxied, async {
        token
            .cancel_query(NoTls)
            .await
            .expect("the request is taken");
    })
    .await;
    proxy.close().await;
}

async fn is_cancelled(emulator: &Emulator, client: &Client, cancel: impl Future<Output = ()>) {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    let pid: i32 = row.expect("a row").get(0);
    let query = client.batch_execute("SELECT pg_sleep(600)");
    let (slept, ()) = tokio::join!(query, async {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'"
        );
        eventually("the query runs", || async {
            emulator.control().execute(&sql).await.expect("answers") != "0"
        })
        .await;
        cancel.await;
    });
    let error = slept.expect_err("it is cancelled");
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
}

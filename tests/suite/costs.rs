//! What the paths that run most often cost, counted in allocations: the same on every machine, however busy it is.
//!
//! All that belongs to an operation runs on one thread, which is the one that is counted.

use allocation_counter::measure;
use entra_pg_core::Scope;
use entra_pg_proxy::Proxy;
use entra_pg_tests::pasted::{PATIENCE, TokioPostgres};
use entra_pg_tokio_postgres::{
    Connector,
    tokio_postgres::{Client, Config, NoTls},
};
use futures::FutureExt;
use tokio::runtime::{Builder, Runtime};

use crate::fixtures::{entra, shared, target};

/// What a connect may allocate beyond what the driver does: the token, the attempt and its deadlines, the server's addresses. It
/// was 46 when this was written.
const CONNECT: u64 = 50;

/// How often an operation is measured. The fewest count: what else happens adds to them.
const TIMES: usize = 10;

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

fn fewest_allocations(runtime: &Runtime, operation: impl AsyncFn()) -> u64 {
    // What is made once.
    runtime.block_on(operation());
    let counts = (0..TIMES).map(|_| measure(|| runtime.block_on(operation())).count_total);
    counts.min().expect("some")
}

#[test]
fn a_fresh_token_costs_no_allocation_and_no_wait() {
    let tokens = entra(shared()).token_cache(&Scope::for_host("localhost"));
    runtime().block_on(tokens.get(PATIENCE)).expect("a token");
    let cost = measure(|| {
        let token = tokens.get(PATIENCE).now_or_never();
        token.expect("it is there").expect("it is fresh");
    });
    assert_eq!(cost.count_total, 0);
}

#[test]
fn a_connect_allocates_little_more_than_its_driver() {
    let runtime = runtime();
    let bare = runtime.block_on(TokioPostgres::new());
    let bare = fewest_allocations(&runtime, async || drop(bare.connect().await));
    let connector = Connector::new(target(shared(), "costs"), &entra(shared()));
    let connector = connector.expect("a connector");
    let ours = fewest_allocations(&runtime, async || {
        drop(connector.connect_and_spawn().await.expect("a connection"));
    });
    assert!(ours <= bare + CONNECT, "{ours}, {bare}");
}

#[test]
fn a_message_through_the_proxy_costs_no_allocation() {
    let runtime = runtime();
    let direct = runtime.block_on(async { TokioPostgres::new().await.connect().await });
    let direct = fewest_allocations(&runtime, async || ask(&direct).await);
    let provider = entra(shared()).login_provider(target(shared(), "costs"));
    let (proxy, client) = runtime.block_on(async {
        let proxy = Proxy::builder(provider.expect("a database"));
        let proxy = proxy.bind_tcp(([127, 0, 0, 1], 0).into()).expect("a port");
        let mut config = Config::new();
        let address = proxy.address();
        config
            .host(address.host())
            .port(address.port())
            .user("anyone");
        let (client, connection) = config.connect(NoTls).await.expect("a connection");
        tokio::spawn(connection);
        (proxy, client)
    });
    let proxied = fewest_allocations(&runtime, async || ask(&client).await);
    assert!(proxied <= direct, "{proxied}, {direct}");
    runtime.block_on(proxy.close());
}

async fn ask(client: &Client) {
    client.simple_query("SELECT 1").await.expect("an answer");
}

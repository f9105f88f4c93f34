//! A client without a password, through the proxy, to the emulator's PostgreSQL.

use std::time::Duration;

use entra_pg_emulator::{CredentialSource, Emulator, Fault};
use entra_pg_proxy::{Address, Entra, Proxy, entra_pg_core::Target};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Config, Error, NoTls};

async fn connect(address: &Address) -> Result<Client, Error> {
    let mut config = Config::new();
    config
        .host(address.host())
        .port(address.port())
        .user("app")
        .dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_password_logs_in_or_gets_the_cause() {
    let emulator = Emulator::builder().role("app").start().await;
    let emulator = emulator.expect("the emulator starts");
    let variables = emulator.environment(CredentialSource::ManagedIdentity);
    let target = Target::parse_with_vars(&emulator.url(), variables.clone());
    let provider = Entra::from_vars(variables)
        .expect("a credential")
        .login_provider(target.expect("a target"))
        .expect("a provider");

    emulator.control().set_fault(Some(Fault::BadRequest));
    let proxy = Proxy::builder(provider).bind_private().expect("listens");
    let error = connect(proxy.address()).await.expect_err("no token");
    let response = error.as_db_error().expect("PostgreSQL's error");
    assert!(
        response.message().starts_with("token failed: "),
        "{response}"
    );
    assert_eq!(response.code().code(), "28000");
    assert!(proxy.last_error().is_some());

    emulator.control().set_fault(None);
    let client = timeout(Duration::from_secs(30), async {
        loop {
            // A failed token request is not repeated at once.
            match connect(proxy.address()).await {
                Ok(client) => break client,
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    });
    let client = client.await.expect("a later token request succeeds");
    let row = client.query_one("SELECT current_user::text", &[]).await;
    assert_eq!(row.expect("a row").get::<_, String>(0), "app");
    assert_eq!(proxy.active_connections(), 1);
    assert!(proxy.last_error().is_none());

    drop(client);
    proxy.shutdown().await;
    emulator.stop().await.expect("the emulator stops");
}

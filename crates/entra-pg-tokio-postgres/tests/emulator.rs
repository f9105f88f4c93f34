//! Real tokens, real TLS and a real PostgreSQL, all of them the emulator's.

#![cfg(unix)]

use std::{error::Error, time::Duration};

use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_tokio_postgres::{
    Connector, Entra, ErrorKind,
    entra_pg_core::Target,
    tokio_postgres::{NoTls, error::SqlState},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_logs_in_and_a_refused_one_says_why() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder().role("app").start().await?;
    let environment = emulator.environment(CredentialSource::ManagedIdentity);
    let entra = Entra::from_vars(environment.clone())?;
    let target = Target::parse_with_vars(&emulator.url(), environment)?;

    let client = entra_pg_tokio_postgres::connect_and_spawn(&target, &entra).await?;
    let row = client.query_one("SELECT current_user::text", &[]).await?;
    assert_eq!(row.get::<_, &str>(0), "app");

    let connector = Connector::new(target.with_user("nobody"), &entra)?;
    let refused = connector.connect().await.map(drop).unwrap_err();
    assert!(
        matches!(refused.kind(), ErrorKind::Rejected(_)),
        "{refused}"
    );
    let driver_error = refused.driver_error().ok_or("no driver error")?;
    assert!(driver_error.is::<entra_pg_tokio_postgres::tokio_postgres::Error>());
    assert_eq!(
        connector.last_error().map(|error| error.to_string()),
        Some(refused.to_string())
    );
    emulator.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_cancelled_with_the_tls_of_its_connection_and_not_without()
-> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder().role("app").start().await?;
    let environment = emulator.environment(CredentialSource::ManagedIdentity);
    let target = Target::parse_with_vars(&emulator.url(), environment.clone())?;
    let connector = Connector::new(target, &Entra::from_vars(environment)?)?;
    let client = connector.connect_and_spawn().await?;
    let token = client.cancel_token();
    assert!(token.cancel_query(NoTls).await.is_err());

    let cancel = async {
        let running = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while emulator.control().execute(running).await? == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        connector.cancel(&token).await?;
        Ok::<_, Box<dyn Error>>(())
    };
    let (slept, cancelled) = tokio::join!(client.batch_execute("SELECT pg_sleep(600)"), cancel);
    cancelled?;
    let code = slept.unwrap_err().code().cloned();
    assert_eq!(code, Some(SqlState::QUERY_CANCELED));
    client.batch_execute("SELECT 1").await?;

    emulator.stop().await?;
    let unreachable = connector.cancel(&token).await.unwrap_err();
    assert_eq!(unreachable.kind(), ErrorKind::Connect, "{unreachable}");
    assert!(connector.last_error().is_none(), "no connect has failed");
    Ok(())
}

//! Real tokens, real TLS and a real PostgreSQL, all of them the emulator's.

#![cfg(unix)]

use std::error::Error;

use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_tokio_postgres::{Connector, Entra, ErrorKind, entra_pg_core::Target};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_logs_in_and_a_refused_one_says_why() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder().role("app").start().await?;
    let environment = emulator.environment(CredentialSource::ManagedIdentity);
    let entra = Entra::from_vars(environment.clone())?;
    let target = Target::parse_with_vars(&emulator.url(), environment)?;

    let client = entra_pg_tokio_postgres::connect(&target, &entra).await?;
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

//! Real tokens, real TLS and a real PostgreSQL, all of them the emulator's.

#![cfg(unix)]

use std::error::Error;

use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_sea_orm::{
    Entra, EntraOptions, ErrorKind, connect_with,
    entra_pg_core::Target,
    sea_orm::{self, ConnectOptions, ConnectionTrait},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_logs_in_and_a_refused_one_says_why() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder().role("app").start().await?;
    let environment = emulator.environment(CredentialSource::ManagedIdentity);
    let entra = Entra::from_vars(environment.clone())?;
    let url = emulator.url();
    let target = Target::parse_with_vars(&url, environment)?;
    let options = |target| EntraOptions::new().target(target);

    let db = connect_with(ConnectOptions::new(&url), &entra, options(target.clone())).await?;
    db.execute_unprepared("CREATE TABLE teas (name text)")
        .await?;
    db.close().await?;

    let nobody = options(target.with_user("nobody"));
    let refused = connect_with(ConnectOptions::new(&url), &entra, nobody).await;
    let refused = refused.map(drop).unwrap_err();
    assert!(
        matches!(refused.kind(), ErrorKind::Rejected(_)),
        "{refused}"
    );
    let driver_error = refused.driver_error().ok_or("no driver error")?;
    assert!(driver_error.is::<sea_orm::sqlx::Error>());
    emulator.stop().await?;
    Ok(())
}

//! Real tokens, real TLS and a real PostgreSQL, all of them the emulator's.

#![cfg(unix)]

use std::{error::Error, time::Duration};

use entra_pg_emulator::{CredentialSource, Emulator};
use entra_pg_sqlx::{
    Entra, ErrorKind, connect, connect_options,
    entra_pg_core::Target,
    rotate,
    sqlx::{self, postgres::PgPoolOptions},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_outlives_its_token_and_a_refused_one_says_why() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder()
        .role("app")
        .token_lifetime(Duration::from_secs(4))
        .start()
        .await?;
    let environment = emulator.environment(CredentialSource::ManagedIdentity);
    let entra = Entra::from_vars(environment.clone())?;
    let target = Target::parse_with_vars(&emulator.url(), environment)?;

    let pool = connect(PgPoolOptions::new(), &target, &entra).await?;
    let issued = emulator.control().tokens_issued();
    while emulator.control().tokens_issued() < issued + 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    emulator.control().terminate_connections().await?;
    let user: String = loop {
        // The first answer of a connection that was terminated is an error.
        match sqlx::query_scalar("SELECT current_user::text")
            .fetch_one(&pool)
            .await
        {
            Ok(user) => break user,
            Err(error) if emulator.control().tokens_issued() > issued + 5 => Err(error)?,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    assert_eq!(user, "app");
    pool.close().await;

    let refused = connect(PgPoolOptions::new(), target.with_user("nobody"), &entra).await;
    let refused = refused.map(drop).unwrap_err();
    assert!(
        matches!(refused.kind(), ErrorKind::Rejected(_)),
        "{refused}"
    );
    let driver_error = refused.driver_error().ok_or("no driver error")?;
    assert!(driver_error.is::<sqlx::Error>());
    emulator.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_was_made_without_a_token_gets_one() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder().role("app").start().await?;
    let environment = emulator.environment(CredentialSource::ManagedIdentity);
    let entra = Entra::from_vars(environment.clone())?;
    let target = Target::parse_with_vars(&emulator.url(), environment)?;
    let provider = entra.login_provider(&target)?;
    let login = provider.login().await?;

    let pool = PgPoolOptions::new().connect_lazy_with(connect_options(&target));
    let rotation = rotate(&pool, &provider, &login)?;
    let user = sqlx::query_scalar("SELECT current_user::text");
    let user: String = user.fetch_one(&pool).await?;
    assert_eq!(user, "app");
    drop(rotation);

    let options = pool.connect_options().as_ref().clone();
    pool.set_connect_options(options.host("evil.example"));
    let refused = rotate(&pool, &provider, &login).map(drop).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidTarget, "{refused}");
    assert!(!format!("{:?}", pool.connect_options()).contains(login.token().secret()));
    emulator.stop().await?;
    Ok(())
}

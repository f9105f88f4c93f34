//! Real tokens, real TLS and a real PostgreSQL, all of them the emulator's.

#![cfg(unix)]

use std::{error::Error, time::Duration};

use diesel_async::{
    RunQueryDsl,
    pooled_connection::{RecyclingMethod, bb8::Pool},
};
use entra_pg_diesel_async::{
    Connector, Entra, ErrorKind, connect_with, diesel, diesel_async, entra_pg_core::Target,
    manager, manager_with,
};
use entra_pg_emulator::{CredentialSource, Emulator};

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_logs_in_and_a_refused_one_says_why() -> Result<(), Box<dyn Error>> {
    let emulator = Emulator::builder().role("app").start().await?;
    let environment = emulator.environment(CredentialSource::ManagedIdentity);
    let entra = Entra::from_vars(environment.clone())?;
    let target = Target::parse_with_vars(&emulator.url(), environment)?;

    let pool = Pool::builder().build(manager(&target, &entra)?).await?;
    let mut connection = pool.get().await?;
    let user = diesel::dsl::sql::<diesel::sql_types::Text>("current_user::text");
    let user: String = diesel::select(user).get_result(&mut connection).await?;
    assert_eq!(user, "app");
    drop(connection);
    drop(pool);

    let connector = Connector::new(target.with_user("nobody"), &entra)?;
    let manager = manager_with(connector.clone(), RecyclingMethod::Fast);
    let pool = Pool::builder()
        .connection_timeout(Duration::from_secs(5))
        .build_unchecked(manager);
    assert!(pool.get().await.is_err());
    let cause = connector.last_error().ok_or("the cause is lost")?;
    assert!(matches!(cause.kind(), ErrorKind::Rejected(_)), "{cause}");

    let refused = connect_with(&connector).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), cause.kind(), "{refused}");
    emulator.stop().await?;
    Ok(())
}

//! The baseline: the drivers as they are, with a token that was pasted in as the password, over the emulator that tests share. TLS is
//! verified as the adapters do.

use std::{str::FromStr, time::Duration};

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use entra_pg_core::{Entra, Error, RootCertificates, Scope, Target};
use entra_pg_diesel_async::diesel_async;
use entra_pg_sqlx::sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use entra_pg_tokio_postgres::tokio_postgres::{Client, Config, config::SslMode};
use tokio::sync::OnceCell;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    adapters::{Adapter, NamedAdapter, TestConnection, TestPool},
    fixtures::{entra, shared},
};

pub const PATIENCE: Duration = Duration::from_secs(15);

/// Fetched once: it lives for an hour.
pub async fn token() -> &'static str {
    static TOKEN: OnceCell<String> = OnceCell::const_new();
    let fetch = || async {
        let tokens = entra(shared()).token_cache(&Scope::for_host("localhost"));
        let token = tokens.get(PATIENCE).await.expect("a token");
        token.secret().to_owned()
    };
    TOKEN.get_or_init(fetch).await
}

pub async fn sqlx_pool(size: u32) -> PgPool {
    let emulator = shared();
    let options = PgConnectOptions::from_str(&emulator.url())
        .expect("the emulator's URL")
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert_from_pem(emulator.ca_pem().into())
        .password(token().await);
    PgPoolOptions::new()
        .max_connections(size)
        .connect_with(options)
        .await
        .expect("a pool")
}

/// `tokio-postgres` with its usual companion for TLS, made once.
pub struct TokioPostgres {
    config: Config,
    tls: MakeRustlsConnect,
}

impl TokioPostgres {
    pub async fn new() -> Self {
        let emulator = shared();
        let mut config: Config = emulator.url().parse().expect("the emulator's URL");
        config.ssl_mode(SslMode::Require).password(token().await);
        let tls = RootCertificates::from_pem(emulator.ca_pem())
            .and_then(|roots| roots.to_der())
            .map(entra_pg_rustls::client_config)
            .expect("the emulator's certificate");
        Self {
            config,
            tls: MakeRustlsConnect::new((*tls).clone()),
        }
    }

    pub async fn connect(&self) -> Client {
        let (client, connection) = self
            .config
            .connect(self.tls.clone())
            .await
            .expect("a connection");
        tokio::spawn(connection);
        client
    }
}

/// The baselines of [`ALL`](crate::adapters::ALL).
pub const TOKIO_POSTGRES: NamedAdapter =
    bare("tokio-postgres, a pasted token", &Bare::TokioPostgres);
pub const DIESEL_ASYNC: NamedAdapter = bare("diesel-async, a pasted token", &Bare::DieselAsync);
pub const SQLX: NamedAdapter = bare("sqlx, a pasted token", &Bare::Sqlx);

const fn bare(name: &'static str, adapter: &'static Bare) -> NamedAdapter {
    NamedAdapter {
        name,
        per_connection: false,
        adapter,
    }
}

enum Bare {
    TokioPostgres,
    DieselAsync,
    Sqlx,
}

#[async_trait]
impl Adapter for Bare {
    async fn open_sized(
        &self,
        _: &str,
        _: Target,
        _: &Entra,
        size: u32,
    ) -> Result<Box<dyn TestPool>, Error> {
        Ok(match self {
            Self::TokioPostgres => Box::new(TokioPostgres::new().await),
            Self::DieselAsync => Box::new(DieselAsync(TokioPostgres::new().await)),
            Self::Sqlx => Box::new(sqlx_pool(size).await),
        })
    }
}

#[async_trait]
impl TestPool for TokioPostgres {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        Ok(Box::new(self.connect().await))
    }
}

/// As diesel-async's documentation does TLS.
struct DieselAsync(TokioPostgres);

#[async_trait]
impl TestPool for DieselAsync {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        let connection = AsyncPgConnection::try_from(self.0.connect().await).await;
        Ok(Box::new(connection.map_err(|error| error.to_string())?))
    }
}

//! The baseline: the drivers as they are, with a token that was pasted in as the password. TLS is verified as the adapters do.

use std::{str::FromStr, time::Duration};

use entra_pg_core::{RootCertificates, Scope};
use entra_pg_emulator::Emulator;
use entra_pg_sqlx::sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
};
use entra_pg_tokio_postgres::tokio_postgres::{Client, Config, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::fixtures::entra;

pub const BASELINE: &str = "a pasted token";
pub const PATIENCE: Duration = Duration::from_secs(15);

pub async fn token(emulator: &Emulator) -> String {
    let tokens = entra(emulator).token_cache(&Scope::for_host("localhost"));
    let token = tokens.get(PATIENCE).await.expect("a token");
    token.secret().to_owned()
}

pub async fn sqlx_pool(emulator: &Emulator) -> PgPool {
    let options = PgConnectOptions::from_str(&emulator.url())
        .expect("the emulator's URL")
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert_from_pem(emulator.ca_pem().into())
        .password(&token(emulator).await);
    PgPoolOptions::new()
        .max_connections(1)
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
    pub async fn new(emulator: &Emulator) -> Self {
        let mut config: Config = emulator.url().parse().expect("the emulator's URL");
        config
            .ssl_mode(SslMode::Require)
            .password(token(emulator).await);
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

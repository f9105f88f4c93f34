//! Connects as their tests do, but to the emulator.

use std::env;

use tokio_postgres::{Client, Config, Connection, Error, NoTls, Socket, tls::NoTlsStream};

pub fn port() -> u16 {
    env::var("PGPORT").unwrap().parse().unwrap()
}

pub async fn connect_raw(settings: &str) -> Result<(Client, Connection<Socket, NoTlsStream>), Error> {
    let wanted: Config = settings.parse()?;
    let mut config = Config::new();
    if let Some(name) = wanted.get_application_name() {
        config.application_name(name);
    }
    config.channel_binding(wanted.get_channel_binding()).host("127.0.0.1").port(port());
    config.dbname(env::var("PGDATABASE").unwrap());
    config.user(env::var("PGUSER").unwrap()).password(env::var("PGPASSWORD").unwrap());
    config.connect(NoTls).await
}

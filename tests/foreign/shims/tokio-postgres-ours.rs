//! Opens their tests' connections with ours.

use std::env;

use entra_pg_tokio_postgres::{Connection, Connector, Entra};
use tokio_postgres::{Client, Config, Error};

pub fn port() -> u16 {
    env::var("PGPORT").unwrap().parse().unwrap()
}

/// Their tests look at the driver's error.
pub async fn connect_raw(settings: &str) -> Result<(Client, Connection), &'static Error> {
    let wanted: Config = settings.parse().unwrap();
    let entra = Entra::from_env().unwrap();
    let connector = Connector::builder(env::var("DATABASE_URL").unwrap(), &entra).configure(move |config| {
        if let Some(name) = wanted.get_application_name() {
            config.application_name(name);
        }
        config.channel_binding(wanted.get_channel_binding());
    });
    connector.build().unwrap().connect().await.map_err(|error| {
        let error = Box::leak(Box::new(error));
        error.driver_error().and_then(|cause| cause.downcast_ref()).unwrap_or_else(|| panic!("{error}"))
    })
}

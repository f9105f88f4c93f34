use async_trait::async_trait;
use entra_pg_core::{Entra, Error, ErrorKind, Target};
use entra_pg_proxy::Proxy;
use entra_pg_tokio_postgres::tokio_postgres::{Config, NoTls};

use super::{
    adapter::{Adapter, Cancel, TestConnection, TestPool, text},
    list::NamedAdapter,
};

struct Proxied {
    proxy: Proxy,
}

struct ThroughProxy;

#[async_trait]
impl Adapter for ThroughProxy {
    async fn open_sized(
        &self,
        _: &str,
        target: Target,
        entra: &Entra,
        _: u32,
    ) -> Result<Box<dyn TestPool>, Error> {
        let proxy = Proxy::builder(entra.login_provider(target)?);
        let proxied = Proxied {
            proxy: proxy.bind_tcp(([127, 0, 0, 1], 0).into())?,
        };
        match proxied.acquire().await {
            Ok(_) => Ok(Box::new(proxied)),
            // The proxy knows why, unless it was the client that did not like what was passed on.
            Err(error) => Err(proxied
                .proxy
                .last_error()
                .unwrap_or_else(|| Error::new(ErrorKind::Connect, error))),
        }
    }
}

#[async_trait]
impl TestPool for Proxied {
    async fn acquire(&self) -> Result<Box<dyn TestConnection>, String> {
        let address = self.proxy.address();
        let mut config = Config::new();
        config.host(address.host()).port(address.port());
        // A client has to name a role; the target's wins.
        let connected = config.user("anyone").connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| error.to_string())?;
        tokio::spawn(connection);
        Ok(Box::new(client))
    }

    async fn cancel(&self, query: &Cancel) -> Result<(), String> {
        let token = query.token.as_ref().expect("the driver has a token");
        token.cancel_query(NoTls).await.map_err(text)
    }

    async fn close(self: Box<Self>) {
        self.proxy.close().await;
    }
}

/// The proxy under a driver that knows nothing of tokens, TLS or several hosts. Not in the list of adapters.
pub const PROXY: NamedAdapter = NamedAdapter {
    name: "proxy",
    per_connection: true,
    adapter: &ThroughProxy,
};

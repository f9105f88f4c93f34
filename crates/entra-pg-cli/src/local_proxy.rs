//! A proxy in this process, for a program that connects through it or for as long as we are left running.

use std::process::Command;

use entra_pg_core::{Error, Login, LoginProvider};
use entra_pg_process::{Signal, Signals, run};
use entra_pg_proxy::{Address, Proxy, ProxyBuilder};

use crate::{
    environment::{CONFLICTING_VARIABLES, Local, SERVER_VARIABLES},
    failure::Failure,
    options::Server,
    status,
};

pub(crate) struct LocalProxy {
    provider: LoginProvider,
    login: Login,
    proxy: Proxy,
    signals: Signals,
}

impl LocalProxy {
    /// Fetches a token first, so that a credential that fails is reported at once, and by us.
    pub(crate) async fn start(
        server: &Server,
        listen: impl FnOnce(ProxyBuilder) -> Result<Proxy, Error>,
    ) -> Result<Self, Failure> {
        let failed = |error| Failure::from(error).before_the_program();
        // Before anything is made that has to be removed: from here on a signal does not end us.
        let mut signals = Signals::new()?;
        let (provider, login) = tokio::select! {
            login = server.log_in() => login.map_err(failed)?,
            signal = signals.recv() => return Err(Failure::silent(signal.exit_status())),
        };
        let provider = provider.with_user(login.user());
        let proxy = listen(Proxy::builder(provider.clone())).map_err(failed)?;
        Ok(Self {
            provider,
            login,
            proxy,
            signals,
        })
    }

    pub(crate) fn local(&self) -> Local<'_> {
        Local {
            target: self.provider.target(),
            user: self.login.user(),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        self.proxy.address()
    }

    /// Adds what leads a program to the proxy, and removes what would lead it elsewhere.
    pub(crate) fn configure(&self, command: &mut Command) {
        for name in CONFLICTING_VARIABLES.iter().chain(&SERVER_VARIABLES) {
            command.env_remove(name);
        }
        command.envs(self.local().variables(self.address()));
    }

    /// Runs the program. The proxy ends with it.
    pub(crate) async fn run(mut self, command: Command) -> Result<u8, Failure> {
        let result = run(command, &mut self.signals).await;
        self.proxy.close().await;
        Ok(result?)
    }

    /// Serves until a signal ends us; Ctrl-C is the usual one.
    pub(crate) async fn serve(mut self) -> u8 {
        let signal = self.signals.recv().await;
        self.proxy.close().await;
        match signal {
            Signal::Interrupt => status::OK,
            signal => signal.exit_status(),
        }
    }
}

//! The start of an emulator, and what is undone if it fails.

use std::{path::PathBuf, sync::Arc, thread};

use tokio::{
    runtime::{Handle, Runtime},
    sync::oneshot,
    task,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Control, Emulator, Error, Identity,
    emulator::{Addresses, Running},
    endpoints,
    entra::Tenant,
    postgres::{Binaries, Cluster, Setup, Supervisor, ldap, roles, template},
    resources::{self, Account, CertificateAuthority, HOST, Layout, Listeners, directory, port},
    settings::Settings,
};

/// What an emulator consists of.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) identities: Vec<Identity>,
    pub(crate) settings: Settings,
    pub(crate) audience: String,
    /// The name in PostgreSQL's certificate; `None` for a server without TLS.
    pub(crate) tls_name: Option<String>,
    pub(crate) executable: Option<PathBuf>,
}

impl Configuration {
    pub(crate) async fn start(self) -> Result<Emulator, Error> {
        roles::check(&self.identities)?;
        let (sender, prepared) = oneshot::channel();
        // Nobody receives it when the caller has cancelled; it is then undone there.
        thread::Builder::new()
            .name("entra-pg-emulator".to_owned())
            .spawn(move || drop(sender.send(prepare())))
            .map_err(Error::io("start the emulator's threads"))?;
        let prepared = prepared.await.map_err(|_| Error::Stopped)??;
        let (mut running, cluster, account) = prepared;
        let runtime = running.runtime.insert(new_runtime()?);
        let launched = runtime.spawn(self.launch(cluster, account)).await;
        let (control, addresses) = launched.map_err(|_| Error::Stopped)??;
        tracing::info!(target: "entra_pg_emulator", port = control.cluster.port(), "started");
        Ok(Emulator::new(running, control, addresses))
    }

    /// The rest of the start, on the emulator's own runtime.
    async fn launch(
        self,
        cluster: Cluster,
        account: Option<Account>,
    ) -> Result<(Control, Addresses), Error> {
        let ca = CertificateAuthority::new()?;
        let certificate = match &self.tls_name {
            Some(name) => Some(ca.postgres(name)?),
            None => None,
        };
        let listeners = Listeners::bind().await?;
        let addresses = Addresses {
            plain_url: format!("http://127.0.0.1:{}", port(&listeners.plain)?),
            ca_pem: ca.pem(),
        };
        let authority_host = format!("https://{HOST}:{}/", port(&listeners.secure[0])?);
        let make_tenant = move || {
            Tenant::new(
                authority_host,
                self.identities,
                self.audience,
                self.settings,
            )
        };
        let tenant = task::spawn_blocking(make_tenant)
            .await
            .map_err(|_| Error::Stopped)??;
        let control = Control {
            tenant: Arc::new(tenant),
            cluster: Arc::new(cluster),
            runtime: Handle::current(),
        };
        write_files(
            control.cluster.layout(),
            &control.tenant,
            &addresses,
            self.executable,
        )?;
        let ldap_port = port(&listeners.ldap)?;
        serve(&control, listeners, &TlsAcceptor::from(ca.https()?));
        let setup = Setup {
            account,
            ldap_port,
            certificate: certificate.as_ref(),
            roles: control
                .tenant
                .identities
                .iter()
                .map(Identity::name)
                .collect(),
        };
        control.cluster.start(&setup).await?;
        Ok((control, addresses))
    }
}

/// Looks for an account and for programs, and runs some of them, which may block for long. From here on everything is undone
/// when what runs is dropped.
fn prepare() -> Result<(Running, Cluster, Option<Account>), Error> {
    let account = Account::unprivileged()?;
    let binaries = Binaries::find()?;
    let template = template(&binaries, account);
    let running = Running {
        supervisor: Arc::new(Supervisor::start(&binaries, account, template)?),
        runtime: None,
    };
    let cluster = Cluster::new(Arc::clone(&running.supervisor), binaries)?;
    Ok((running, cluster, account))
}

fn new_runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("entra-pg-emulator")
        .enable_all()
        .build()
        .map_err(Error::io("start the emulator's threads"))
}

fn serve(control: &Control, listeners: Listeners, tls: &TlsAcceptor) {
    tokio::spawn(ldap::serve(listeners.ldap, Arc::clone(&control.tenant)));
    tokio::spawn(endpoints::serve(
        listeners.plain,
        None,
        endpoints::plain(control),
    ));
    for listener in listeners.secure {
        let router = endpoints::secure(&control.tenant);
        tokio::spawn(endpoints::serve(listener, Some(tls.clone()), router));
    }
}

/// Writes the files that the environment of clients names.
fn write_files(
    layout: &Layout,
    tenant: &Tenant,
    addresses: &Addresses,
    executable: Option<PathBuf>,
) -> Result<(), Error> {
    let executable = match executable {
        Some(executable) => executable,
        None => std::env::current_exe().map_err(Error::io("find the running program"))?,
    };
    let Addresses { plain_url, ca_pem } = addresses;
    let federated_token = tenant.federation.token(tenant.default_role())?;
    let az = endpoints::azure_cli_script(&executable, plain_url);
    directory::write(&layout.ca(), ca_pem, 0o644)?;
    directory::write(&layout.ca_bundle(), &resources::trust_bundle(ca_pem), 0o644)?;
    directory::write(&layout.federated_token(), &federated_token, 0o600)?;
    directory::write(&layout.client_certificate(), &tenant.certificate.pem, 0o600)?;
    directory::write(&layout.bin().join("az"), &az, 0o755)
}

//! The environment variables through which unmodified programs find the emulator.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    Identity,
    entra::Tenant,
    resources::{HOST, Layout},
};

/// What stays as it is in the user part of a URL.
const USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Where a program gets its tokens, as Azure SDKs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialSource {
    /// App Service, Functions, Container Apps: `IDENTITY_ENDPOINT`.
    ManagedIdentity,
    /// A virtual machine's metadata endpoint.
    Imds,
    /// Kubernetes (AKS): a federated token file.
    WorkloadIdentity,
    /// An application's secret.
    ClientSecret,
    /// An application's certificate.
    ClientCertificate,
    /// A job of GitHub Actions that may request its ID token.
    GitHubActions,
    /// A job of Azure Pipelines with a service connection.
    AzurePipelines,
    /// `az login` on a laptop.
    AzureCli,
}

/// Variables that would override ours.
const CONFLICTING: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL AZURESUBSCRIPTION_CLIENT_ID \
    AZURESUBSCRIPTION_SERVICE_CONNECTION_ID AZURESUBSCRIPTION_TENANT_ID SYSTEM_ACCESSTOKEN SYSTEM_OIDCREQUESTURI \
    AZURE_POSTGRESQL_CLIENTID AZURE_POSTGRESQL_CLIENTSECRET AZURE_POSTGRESQL_CONNECTIONSTRING AZURE_POSTGRESQL_TENANTID \
    IDENTITY_ENDPOINT IDENTITY_HEADER IDENTITY_SERVER_THUMBPRINT IMDS_ENDPOINT \
    MSI_ENDPOINT MSI_SECRET AZURE_POD_IDENTITY_AUTHORITY_HOST AZURE_AUTHORITY_HOST \
    AZURE_CLIENT_CERTIFICATE_PASSWORD AZURE_CLIENT_CERTIFICATE_PATH AZURE_CLIENT_ID AZURE_CLIENT_SECRET \
    AZURE_CLIENT_SEND_CERTIFICATE_CHAIN AZURE_FEDERATED_TOKEN AZURE_KUBERNETES_CA_DATA AZURE_KUBERNETES_CA_FILE \
    AZURE_KUBERNETES_SNI_NAME AZURE_KUBERNETES_TOKEN_PROXY \
    AZURE_FEDERATED_TOKEN_FILE AZURE_TENANT_ID AZURE_TOKEN_CREDENTIALS AZURE_USERNAME AZURE_PASSWORD \
    http_proxy HTTP_PROXY all_proxy ALL_PROXY PGHOSTADDR PGPASSWORD PGPASSFILE PGSERVICE \
    PGSERVICEFILE PGREQUIREAUTH PGCHANNELBINDING PGSSLCERT PGSSLKEY PGSSLCRL PGSSLNEGOTIATION PGOPTIONS \
    PGTARGETSESSIONATTRS PGLOADBALANCEHOSTS PGCONNECT_TIMEOUT PGGSSENCMODE";

/// What the variables are made of.
pub(crate) struct Parts<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) layout: &'a Layout,
    pub(crate) port: u16,
    pub(crate) plain_url: &'a str,
    /// What this process has in `PATH` and `NO_PROXY`.
    pub(crate) path: String,
    pub(crate) no_proxy: String,
}

/// Where PostgreSQL is, for a role.
pub(crate) fn url(role: &str, port: u16) -> String {
    format!(
        "postgres://{}@{HOST}:{port}/postgres",
        utf8_percent_encode(role, USER)
    )
}

/// The variables of one source, for the first role.
pub(crate) fn variables(source: CredentialSource, parts: &Parts<'_>) -> Vec<(String, String)> {
    let Parts { tenant, layout, .. } = parts;
    let role = tenant.default_role();
    let no_proxy = no_proxy(source, &parts.no_proxy);
    let file = |path: PathBuf| path.display().to_string();
    let mut all = vec![
        ("DATABASE_URL", url(role, parts.port)),
        ("PGHOST", HOST.into()),
        ("PGPORT", parts.port.to_string()),
        ("PGUSER", role.into()),
        ("PGDATABASE", "postgres".into()),
        ("PGSSLMODE", "verify-full".into()),
        ("PGSSLROOTCERT", file(layout.ca())),
        ("SSL_CERT_FILE", file(layout.ca_bundle())),
        ("REQUESTS_CA_BUNDLE", file(layout.ca_bundle())),
        ("NODE_EXTRA_CA_CERTS", file(layout.ca())),
        ("NO_PROXY", no_proxy.clone()),
        ("no_proxy", no_proxy),
        ("EMULATOR_CONTROL", parts.plain_url.into()),
    ];
    let client_id = tenant.identity(role).map_or("", Identity::client_id);
    let application = [
        ("AZURE_AUTHORITY_HOST", tenant.authority_host.clone()),
        ("AZURE_TENANT_ID", tenant.id.clone()),
        ("AZURE_CLIENT_ID", client_id.into()),
    ];
    match source {
        CredentialSource::ManagedIdentity => all.extend([
            ("IDENTITY_ENDPOINT", identity_endpoint(parts.plain_url)),
            ("IDENTITY_HEADER", tenant.identity_header.clone()),
        ]),
        CredentialSource::Imds => all.extend([
            (
                "AZURE_TOKEN_CREDENTIALS",
                "ManagedIdentityCredential".into(),
            ),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", parts.plain_url.into()),
            // For SDKs whose address of the endpoint is fixed; the emulator's proxy serves nothing else.
            ("http_proxy", parts.plain_url.into()),
        ]),
        CredentialSource::WorkloadIdentity => {
            all.extend(application);
            all.push(("AZURE_FEDERATED_TOKEN_FILE", file(layout.federated_token())));
        }
        CredentialSource::ClientSecret => {
            all.extend(application);
            all.push(("AZURE_CLIENT_SECRET", tenant.client_secret.clone()));
        }
        CredentialSource::ClientCertificate => {
            all.extend(application);
            all.push((
                "AZURE_CLIENT_CERTIFICATE_PATH",
                file(layout.client_certificate()),
            ));
        }
        CredentialSource::GitHubActions => {
            all.extend(application);
            all.extend([
                ("GITHUB_ACTIONS", "true".into()),
                (
                    "ACTIONS_ID_TOKEN_REQUEST_URL",
                    format!(
                        "{}jobs/github/idtoken?api-version=2.0",
                        tenant.authority_host
                    ),
                ),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", tenant.job_token.clone()),
            ]);
        }
        CredentialSource::AzurePipelines => all.extend([
            ("TF_BUILD", "True".into()),
            ("AZURE_AUTHORITY_HOST", tenant.authority_host.clone()),
            ("AZURESUBSCRIPTION_TENANT_ID", tenant.id.clone()),
            ("AZURESUBSCRIPTION_CLIENT_ID", client_id.into()),
            (
                "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
                tenant.service_connection.clone(),
            ),
            (
                "SYSTEM_OIDCREQUESTURI",
                format!("{}jobs/pipelines/oidctoken", tenant.authority_host),
            ),
            ("SYSTEM_ACCESSTOKEN", tenant.job_token.clone()),
        ]),
        CredentialSource::AzureCli => all.extend([
            ("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential".into()),
            ("PATH", format!("{}:{}", file(layout.bin()), parts.path)),
        ]),
    }
    let own = |(name, value): (&str, String)| (name.to_owned(), value);
    all.into_iter().map(own).collect()
}

/// The App Service endpoint.
pub(crate) fn identity_endpoint(plain_url: &str) -> String {
    format!("{plain_url}/msi/token")
}

/// This machine, and the hosts that the user exempts. Not the metadata endpoint: programs reach ours through the proxy.
fn no_proxy(source: CredentialSource, inherited: &str) -> String {
    let hides_the_endpoint = |host: &str| {
        source == CredentialSource::Imds && (host == "*" || host.starts_with("169.254."))
    };
    let more = inherited.split(',').map(str::trim);
    let more = more.filter(|host| !host.is_empty() && !hides_the_endpoint(host));
    let all: Vec<_> = ["localhost", "127.0.0.1"].into_iter().chain(more).collect();
    all.join(",")
}

/// The variables to remove, given those that are set.
pub(crate) fn conflicting(set: &[(String, String)]) -> Vec<&'static str> {
    // A proxy for everything is in the way of IMDS only, where ours takes its place.
    let own_proxy = set.iter().any(|(name, _)| name == "http_proxy");
    CONFLICTING
        .split_whitespace()
        .filter(|name| own_proxy || !name.to_ascii_lowercase().ends_with("_proxy"))
        .filter(|name| set.iter().all(|(kept, _)| kept != name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IdentityKind, settings::Settings};

    const TENANT: &str = "8509643c-604d-545d-8cb9-658d06571c7f";
    const CLIENT: &str = "9d4439a1-737d-5fe0-a622-d9f186f4e504";

    type Pairs = &'static [(&'static str, &'static str)];

    fn tenant() -> Tenant {
        let identity = Identity::new("app", IdentityKind::ManagedIdentity);
        let host = "https://localhost:3/".to_owned();
        let mut tenant =
            Tenant::new(host, vec![identity], "aud".into(), Settings::default()).unwrap();
        tenant.identity_header = "header".into();
        tenant.client_secret = "secret".into();
        tenant.job_token = "job".into();
        tenant
    }

    fn set(source: CredentialSource, tenant: &Tenant) -> Vec<(String, String)> {
        let parts = Parts {
            tenant,
            layout: &Layout { root: "/d".into() },
            port: 1,
            plain_url: "http://127.0.0.1:2",
            path: "/usr/bin".into(),
            no_proxy: "example.org".into(),
        };
        variables(source, &parts)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn each_source_sets_its_own_variables_and_removes_the_others() {
        use CredentialSource::{
            AzureCli, AzurePipelines, ClientCertificate, ClientSecret, GitHubActions, Imds,
            ManagedIdentity, WorkloadIdentity,
        };
        let tenant = tenant();
        let cases: [(CredentialSource, Pairs, &[&str]); 8] = [
            (
                ManagedIdentity,
                &[
                    ("IDENTITY_ENDPOINT", "http://127.0.0.1:2/msi/token"),
                    ("IDENTITY_HEADER", "header"),
                ],
                &["AZURE_CLIENT_ID", "AZURE_TOKEN_CREDENTIALS"],
            ),
            (
                Imds,
                &[
                    ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:2"),
                    ("http_proxy", "http://127.0.0.1:2"),
                ],
                &["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "HTTP_PROXY"],
            ),
            (
                WorkloadIdentity,
                &[
                    ("AZURE_AUTHORITY_HOST", "https://localhost:3/"),
                    ("AZURE_FEDERATED_TOKEN_FILE", "/d/federated-token"),
                ],
                &["AZURE_CLIENT_SECRET", "IDENTITY_ENDPOINT"],
            ),
            (
                ClientSecret,
                &[
                    ("AZURE_TENANT_ID", TENANT),
                    ("AZURE_CLIENT_ID", CLIENT),
                    ("AZURE_CLIENT_SECRET", "secret"),
                ],
                &["AZURE_FEDERATED_TOKEN_FILE"],
            ),
            (
                ClientCertificate,
                &[
                    ("AZURE_CLIENT_ID", CLIENT),
                    ("AZURE_CLIENT_CERTIFICATE_PATH", "/d/client-certificate.pem"),
                ],
                &["AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"],
            ),
            (
                GitHubActions,
                &[
                    ("AZURE_CLIENT_ID", CLIENT),
                    (
                        "ACTIONS_ID_TOKEN_REQUEST_URL",
                        "https://localhost:3/jobs/github/idtoken?api-version=2.0",
                    ),
                    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "job"),
                ],
                &["AZURE_CLIENT_SECRET", "SYSTEM_ACCESSTOKEN"],
            ),
            (
                AzurePipelines,
                &[
                    ("AZURESUBSCRIPTION_CLIENT_ID", CLIENT),
                    (
                        "SYSTEM_OIDCREQUESTURI",
                        "https://localhost:3/jobs/pipelines/oidctoken",
                    ),
                    ("SYSTEM_ACCESSTOKEN", "job"),
                ],
                &["AZURE_CLIENT_ID", "ACTIONS_ID_TOKEN_REQUEST_URL"],
            ),
            (
                AzureCli,
                &[
                    ("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential"),
                    ("PATH", "/d/bin:/usr/bin"),
                ],
                &["AZURE_CLIENT_ID", "IDENTITY_ENDPOINT"],
            ),
        ];
        let common = [
            ("PGSSLMODE", "verify-full"),
            ("PGPORT", "1"),
            ("NO_PROXY", "localhost,127.0.0.1,example.org"),
        ];
        for (source, expected, absent) in cases {
            let set = set(source, &tenant);
            let removed = conflicting(&set);
            for &(name, value) in expected.iter().chain(&common) {
                assert!(
                    set.contains(&(name.to_owned(), value.to_owned())),
                    "{source:?} {name}"
                );
                assert!(!removed.contains(&name), "{source:?} {name}");
            }
            for name in absent.iter().chain(&["PGPASSWORD", "PGHOSTADDR"]) {
                assert!(
                    set.iter().all(|(found, _)| found != name),
                    "{source:?} {name}"
                );
                assert!(removed.contains(name), "{source:?} {name}");
            }
        }
    }

    #[test]
    fn the_real_metadata_endpoint_is_not_reached_past_ours() {
        let inherited = "example.org, 169.254.169.254,*,169.254.0.0/16";
        assert_eq!(
            no_proxy(CredentialSource::Imds, inherited),
            "localhost,127.0.0.1,example.org"
        );
        assert!(no_proxy(CredentialSource::ClientSecret, inherited).contains("169.254.169.254"));
    }

    #[test]
    fn the_users_proxy_stays_unless_imds_needs_its_place() {
        assert!(
            !conflicting(&set(CredentialSource::ManagedIdentity, &tenant()))
                .contains(&"HTTP_PROXY")
        );
    }
}

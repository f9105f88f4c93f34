//! The environment variables through which unmodified programs find the emulator.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::resources::HOST;

/// What stays as it is in the user part of a URL.
const USER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Which of the ways Azure SDKs get a token a program is meant to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialSource {
    /// App Service, Functions, Container Apps: `IDENTITY_ENDPOINT`
    ManagedIdentity,
    /// A virtual machine's metadata endpoint
    Imds,
    /// Kubernetes (AKS): a federated token file
    WorkloadIdentity,
    /// An application's secret
    ClientSecret,
    /// `az login` on a laptop
    AzureCli,
}

/// What the variables are made of.
pub(crate) struct Values {
    pub(crate) role: String,
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) plain_url: String,
    pub(crate) authority_host: String,
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) identity_header: String,
    pub(crate) ca: String,
    pub(crate) ca_bundle: String,
    pub(crate) federated_token: String,
    pub(crate) bin: String,
    /// What this process has in `PATH` and `NO_PROXY`.
    pub(crate) path: String,
    pub(crate) no_proxy: String,
}

/// Variables that would override ours.
const CONFLICTING: [&str; 33] = [
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_TENANT_ID",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_USERNAME",
    "AZURE_PASSWORD",
    "http_proxy",
    "HTTP_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "PGHOSTADDR",
    "PGPASSWORD",
    "PGPASSFILE",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGREQUIREAUTH",
    "PGCHANNELBINDING",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCRL",
    "PGSSLNEGOTIATION",
    "PGOPTIONS",
];

/// Where PostgreSQL is, for a role.
pub(crate) fn url(role: &str, port: u16) -> String {
    format!(
        "postgres://{}@{HOST}:{port}/postgres",
        utf8_percent_encode(role, USER)
    )
}

/// The variables of one source.
pub(crate) fn variables(source: CredentialSource, values: &Values) -> Vec<(String, String)> {
    let port = values.port.to_string();
    let no_proxy = no_proxy(source, &values.no_proxy);
    let mut all = vec![
        ("DATABASE_URL", values.url.as_str()),
        ("PGHOST", HOST),
        ("PGPORT", &port),
        ("PGUSER", &values.role),
        ("PGDATABASE", "postgres"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", &values.ca),
        ("SSL_CERT_FILE", &values.ca_bundle),
        ("REQUESTS_CA_BUNDLE", &values.ca_bundle),
        ("NODE_EXTRA_CA_CERTS", &values.ca),
        ("NO_PROXY", &no_proxy),
        ("no_proxy", &no_proxy),
        ("EMULATOR_CONTROL", &values.plain_url),
    ];
    let (endpoint, path) = (
        format!("{}/msi/token", values.plain_url),
        format!("{}:{}", values.bin, values.path),
    );
    let application = [
        ("AZURE_AUTHORITY_HOST", values.authority_host.as_str()),
        ("AZURE_TENANT_ID", &values.tenant),
        ("AZURE_CLIENT_ID", &values.client_id),
    ];
    match source {
        CredentialSource::ManagedIdentity => {
            all.extend([
                ("IDENTITY_ENDPOINT", endpoint.as_str()),
                ("IDENTITY_HEADER", &values.identity_header),
            ]);
        }
        CredentialSource::Imds => all.extend([
            ("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential"),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", &values.plain_url),
            // For SDKs whose address of the endpoint is fixed; the emulator's proxy serves nothing else.
            ("http_proxy", &values.plain_url),
        ]),
        CredentialSource::WorkloadIdentity => {
            all.extend(application);
            all.push(("AZURE_FEDERATED_TOKEN_FILE", &values.federated_token));
        }
        CredentialSource::ClientSecret => {
            all.extend(application);
            all.push(("AZURE_CLIENT_SECRET", &values.client_secret));
        }
        CredentialSource::AzureCli => {
            all.extend([
                ("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential"),
                ("PATH", &path),
            ]);
        }
    }
    all.into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// This machine, and what the user reaches without a proxy: but for the metadata endpoint, where a proxy is how we take its place.
fn no_proxy(source: CredentialSource, inherited: &str) -> String {
    let hides_the_endpoint = |host: &str| {
        source == CredentialSource::Imds && (host == "*" || host.starts_with("169.254."))
    };
    let more = inherited.split(',').map(str::trim);
    let more = more.filter(|host| !host.is_empty() && !hides_the_endpoint(host));
    let all: Vec<_> = ["localhost", "127.0.0.1"].into_iter().chain(more).collect();
    all.join(",")
}

/// The variables that must go, given those that are set.
pub(crate) fn conflicting(set: &[(String, String)]) -> Vec<&'static str> {
    // A proxy for everything is in the way of IMDS only, where ours takes its place.
    let own_proxy = set.iter().any(|(name, _)| name == "http_proxy");
    CONFLICTING
        .into_iter()
        .filter(|name| own_proxy || !name.to_ascii_lowercase().ends_with("_proxy"))
        .filter(|name| set.iter().all(|(kept, _)| kept != name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn set(source: CredentialSource) -> Vec<(String, String)> {
        let text = |name: &str| name.to_owned();
        variables(
            source,
            &Values {
                role: text("app"),
                url: text("postgres://app@localhost:1/postgres"),
                port: 1,
                plain_url: text("http://127.0.0.1:2"),
                authority_host: text("https://localhost:3/"),
                tenant: text("tenant"),
                client_id: text("client"),
                client_secret: text("secret"),
                identity_header: text("header"),
                ca: text("/d/ca.pem"),
                ca_bundle: text("/d/bundle.pem"),
                federated_token: text("/d/token"),
                bin: text("/d/bin"),
                path: text("/usr/bin"),
                no_proxy: text("example.org"),
            },
        )
    }

    #[test]
    fn each_source_sets_its_own_variables_and_removes_the_others() {
        use CredentialSource::{AzureCli, ClientSecret, Imds, ManagedIdentity, WorkloadIdentity};
        let cases: [(CredentialSource, Pairs, &[&str]); 5] = [
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
                    ("AZURE_FEDERATED_TOKEN_FILE", "/d/token"),
                ],
                &["AZURE_CLIENT_SECRET", "IDENTITY_ENDPOINT"],
            ),
            (
                ClientSecret,
                &[
                    ("AZURE_TENANT_ID", "tenant"),
                    ("AZURE_CLIENT_ID", "client"),
                    ("AZURE_CLIENT_SECRET", "secret"),
                ],
                &["AZURE_FEDERATED_TOKEN_FILE"],
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
            let (set, removed) = (set(source), conflicting(&set(source)));
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
        assert!(!conflicting(&set(CredentialSource::ManagedIdentity)).contains(&"HTTP_PROXY"));
    }
}

//! Which tokens the servers of which cloud take.

use std::{fmt, net::IpAddr};

use crate::{Error, ErrorKind, connect::is_printable};

/// The scope that a token is requested for.
///
/// [`Target`](crate::Target) chooses it by the host's name. Set it only for a server behind a name of your own in another
/// cloud than the public one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(String);

/// Host suffix and token resource, as the Azure CLI knows them (`az cloud show`, `ossrdbmsResourceId`).
const CLOUDS: [(&str, &str); 5] = [
    (
        ".postgres.database.azure.com",
        "https://ossrdbms-aad.database.windows.net",
    ),
    (
        ".postgres.database.chinacloudapi.cn",
        "https://ossrdbms-aad.database.chinacloudapi.cn",
    ),
    (
        ".postgres.database.usgovcloudapi.net",
        "https://ossrdbms-aad.database.usgovcloudapi.net",
    ),
    (
        ".postgres.database.sovcloud-api.fr",
        "https://ossrdbms-aad.database.sovcloud-api.fr",
    ),
    (".postgres.cosmos.azure.com", CITUS),
];

/// Of Cosmos DB for PostgreSQL.
const CITUS: &str = "https://token.postgres.cosmos.azure.com";

/// Microsoft Entra's address by the domain of the token resource (`az cloud show`, `activeDirectory`).
const AUTHORITIES: [(&str, &str); 3] = [
    (".chinacloudapi.cn", "https://login.chinacloudapi.cn"),
    (".usgovcloudapi.net", "https://login.microsoftonline.us"),
    (".sovcloud-api.fr", "https://login.sovcloud-identity.fr"),
];
const PUBLIC_AUTHORITY: &str = "https://login.microsoftonline.com";

const DEFAULT: &str = "/.default";

/// Domains in which only Microsoft names servers.
const MICROSOFT: [&str; 10] = [
    ".azure.cn",
    ".azure.com",
    ".azure.net",
    ".azure.us",
    ".chinacloudapi.cn",
    ".microsoft.com",
    ".sovcloud-api.de",
    ".sovcloud-api.fr",
    ".usgovcloudapi.net",
    ".windows.net",
];

impl Scope {
    /// A scope for a token resource, such as `https://ossrdbms-aad.database.windows.net`. `/.default` is added if missing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTarget`] if it is not an `https` URL.
    pub fn new(resource: &str) -> Result<Self, Error> {
        let resource = resource.strip_suffix(DEFAULT).unwrap_or(resource);
        let resource = resource.trim_end_matches('/');
        // The parser passes over line breaks.
        let valid = resource.chars().all(is_printable)
            && url::Url::parse(resource).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if !valid {
            return Err(Error::new(
                ErrorKind::InvalidTarget,
                format!("{resource:?} is not a token resource"),
            )
            .with_hint("it looks like https://ossrdbms-aad.database.windows.net"));
        }
        Ok(Self::of(resource))
    }

    /// The scope of the cloud that the host's name belongs to; that of the public cloud for other names.
    pub fn for_host(host: &str) -> Self {
        Self::of_azure_host(host).unwrap_or_else(|| Self::of(CLOUDS[0].1))
    }

    /// The scope of the cloud that the host's name belongs to; `None` for a name that does not say.
    pub fn of_azure_host(host: &str) -> Option<Self> {
        let host = normal(host);
        let mut clouds = CLOUDS.into_iter();
        let (suffix, resource) = clouds.find(|(suffix, _)| host.ends_with(suffix))?;
        let names_a_node =
            (suffix, resource) == CLOUDS[0] && is_citus_node(host.strip_suffix(suffix)?);
        Some(Self::of(if names_a_node { CITUS } else { resource }))
    }

    fn of(resource: &str) -> Self {
        Self(format!("{resource}{DEFAULT}"))
    }

    /// The resource that the tokens are for, which is what their `aud` claim holds.
    pub fn resource(&self) -> &str {
        self.0.strip_suffix(DEFAULT).unwrap_or(&self.0)
    }

    /// Where Microsoft Entra is in the cloud of this resource; in the public cloud for one that is not known.
    pub(crate) fn authority_host(&self) -> &'static str {
        let mut authorities = AUTHORITIES.into_iter();
        let cloud = authorities.find(|(domain, _)| self.resource().ends_with(domain));
        cloud.map_or(PUBLIC_AUTHORITY, |(_, authority)| authority)
    }

    /// The scope as a credential takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is known of a name that names no cloud, so that the public cloud's scope is an assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// One of Microsoft's: a service or a cloud that this release does not know.
    Service,
    /// A name of the user's own, as for a proxy in front of the server.
    Name,
}

impl Unknown {
    /// `None` for a name that names a cloud, and for addresses and names without a dot, which say nothing.
    pub(crate) fn of_host(host: &str) -> Option<Self> {
        let host = normal(host);
        if Scope::of_azure_host(&host).is_some()
            || !host.contains('.')
            || host.parse::<IpAddr>().is_ok()
        {
            return None;
        }
        let is_microsofts = MICROSOFT.iter().any(|domain| host.ends_with(domain));
        Some(if is_microsofts {
            Self::Service
        } else {
            Self::Name
        })
    }
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether `NODE.CLUSTER`, or `NODE.CLUSTER.privatelink`, is a node of Cosmos DB for PostgreSQL from before June 2023. A flexible
/// server's name has three characters or more, and no name before it.
/// <https://learn.microsoft.com/azure/cosmos-db/postgresql/concepts-node-domain-name>
fn is_citus_node(name: &str) -> bool {
    let name = name.strip_suffix(".privatelink").unwrap_or(name);
    let Some((node, cluster)) = name.split_once('.') else {
        return false;
    };
    let worker =
        |number: &str| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_node = node == "c" || node.strip_prefix('w').is_some_and(worker);
    is_node && !cluster.contains('.')
}

/// That of the public cloud.
impl Default for Scope {
    fn default() -> Self {
        Self::for_host("")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("my.postgres.database.azure.com", "windows.net")]
    #[case("MY.Postgres.Database.Azure.COM.", "windows.net")]
    #[case("my.privatelink.postgres.database.azure.com", "windows.net")]
    #[case("my.postgres.database.chinacloudapi.cn", "chinacloudapi.cn")]
    #[case("my.postgres.database.usgovcloudapi.net", "usgovcloudapi.net")]
    #[case("my.postgres.database.sovcloud-api.fr", "sovcloud-api.fr")]
    #[case(
        "c-shop.12345678901234.postgres.cosmos.azure.com",
        "token.postgres.cosmos.azure.com"
    )]
    #[case(
        "c.shop.postgres.database.azure.com",
        "token.postgres.cosmos.azure.com"
    )]
    #[case(
        "W12.shop.postgres.database.azure.com",
        "token.postgres.cosmos.azure.com"
    )]
    #[case(
        "c.shop.privatelink.postgres.database.azure.com",
        "token.postgres.cosmos.azure.com"
    )]
    #[case("shop.writer.postgres.database.azure.com", "windows.net")]
    #[case("w10.privatelink.postgres.database.azure.com", "windows.net")]
    #[case("w.shop.postgres.database.azure.com", "windows.net")]
    #[case("c.shop.postgres.database.chinacloudapi.cn", "chinacloudapi.cn")]
    #[case("db.internal", "windows.net")]
    #[case("localhost", "windows.net")]
    #[case("my.postgres.database.azure.com.evil.example", "windows.net")]
    fn no_cloud_gets_the_token_of_another(#[case] host: &str, #[case] expected: &str) {
        let scope = Scope::for_host(host);
        assert!(
            scope.as_str().ends_with(&format!("{expected}/.default")),
            "{scope}"
        );
        assert_eq!(scope.as_str(), format!("{}/.default", scope.resource()));
        assert_eq!(scope.to_string(), scope.as_str());
    }

    #[rstest]
    #[case("my.postgres.database.azure.com", "https://login.microsoftonline.com")]
    #[case(
        "my.postgres.database.chinacloudapi.cn",
        "https://login.chinacloudapi.cn"
    )]
    #[case(
        "my.postgres.database.usgovcloudapi.net",
        "https://login.microsoftonline.us"
    )]
    #[case(
        "my.postgres.database.sovcloud-api.fr",
        "https://login.sovcloud-identity.fr"
    )]
    #[case("c.abc.postgres.cosmos.azure.com", "https://login.microsoftonline.com")]
    #[case("db.internal", "https://login.microsoftonline.com")]
    fn each_cloud_has_its_own_entra(#[case] host: &str, #[case] expected: &str) {
        assert_eq!(Scope::for_host(host).authority_host(), expected);
    }

    #[test]
    fn a_name_that_names_no_cloud_is_told_from_the_public_cloud() {
        assert_eq!(Scope::of_azure_host("localhost"), None);
        assert!(Scope::of_azure_host("my.postgres.database.azure.com").is_some());
    }

    #[rstest]
    #[case("my.postgres.database.azure.com", None)]
    #[case("MY.privatelink.postgres.cosmos.azure.com.", None)]
    #[case("localhost", None)]
    #[case("db", None)]
    #[case("10.0.0.4", None)]
    #[case("::1", None)]
    #[case("shop.1a2b.westus3.horizondb.azure.com", Some(Unknown::Service))]
    #[case("SHOP.horizondb.azure.com.", Some(Unknown::Service))]
    #[case("x.database.fabric.microsoft.com", Some(Unknown::Service))]
    #[case("c-shop.1.postgres.cosmos.azure.cn", Some(Unknown::Service))]
    #[case("my.postgres.database.sovcloud-api.de", Some(Unknown::Service))]
    #[case("my.postgres.database.azure.com.evil.example", Some(Unknown::Name))]
    #[case("notazure.com", Some(Unknown::Name))]
    #[case("db.contoso.com", Some(Unknown::Name))]
    #[case("db.default.svc.cluster.local", Some(Unknown::Name))]
    fn no_scope_is_assumed_in_silence(#[case] host: &str, #[case] expected: Option<Unknown>) {
        assert_eq!(Unknown::of_host(host), expected);
    }

    #[rstest]
    #[case("https://r.example", Some("https://r.example/.default"))]
    #[case("https://r.example/", Some("https://r.example/.default"))]
    #[case("https://r.example/.default", Some("https://r.example/.default"))]
    #[case("http://r.example", None)]
    #[case("r.example", None)]
    #[case("", None)]
    fn a_scope_of_ones_own_is_checked(#[case] given: &str, #[case] expected: Option<&str>) {
        let scope = Scope::new(given).ok();
        assert_eq!(scope.as_ref().map(Scope::as_str), expected);
    }
}

//! Which tokens the servers of which cloud take.

use std::fmt;

use crate::{Error, ErrorKind};

/// The scope that a token is requested for.
///
/// [`Target`](crate::Target) chooses it by the host's name. Set it only for a server behind a name of your own in another
/// cloud than the public one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    (
        ".postgres.cosmos.azure.com",
        "https://token.postgres.cosmos.azure.com",
    ),
];

const DEFAULT: &str = "/.default";

impl Scope {
    /// A scope for a token resource, such as `https://ossrdbms-aad.database.windows.net`. `/.default` is added if missing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTarget`] if it is not an `https` URL.
    pub fn new(resource: &str) -> Result<Self, Error> {
        let resource = resource.strip_suffix(DEFAULT).unwrap_or(resource);
        let resource = resource.trim_end_matches('/');
        let valid =
            url::Url::parse(resource).is_ok_and(|url| url.scheme() == "https" && url.has_host());
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
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let mut clouds = CLOUDS.into_iter();
        let (_, resource) = clouds.find(|(suffix, _)| host.ends_with(suffix))?;
        Some(Self::of(resource))
    }

    fn of(resource: &str) -> Self {
        Self(format!("{resource}{DEFAULT}"))
    }

    /// The resource that the tokens are for, which is what their `aud` claim holds.
    pub fn resource(&self) -> &str {
        self.0.strip_suffix(DEFAULT).unwrap_or(&self.0)
    }

    /// The scope as a credential takes it.
    pub fn as_str(&self) -> &str {
        &self.0
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
    #[case("c.abc.postgres.cosmos.azure.com", "token.postgres.cosmos.azure.com")]
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

    #[test]
    fn a_name_that_names_no_cloud_is_told_from_the_public_cloud() {
        assert_eq!(Scope::of_azure_host("localhost"), None);
        assert!(Scope::of_azure_host("my.postgres.database.azure.com").is_some());
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

//! The hosts of a URL. libpq allows several, `a:5432,b:5432`; the `url` crate reads one.

use url::{ParseError, Url};

/// A URL, and its hosts and ports as libpq's lists.
pub(super) struct Authority {
    /// With the first host only.
    pub(super) url: Url,
    pub(super) hosts: String,
    /// Empty if no host has a port.
    pub(super) ports: String,
}

impl Authority {
    pub(super) fn split(text: &str) -> Result<Self, ParseError> {
        let range = hosts(text);
        let mut items = text[range.clone()].split(',');
        let first = items.next().unwrap_or_default();
        let url = format!("{}{first}{}", &text[..range.start], &text[range.end..]);
        let url = Url::parse(&url)?;
        let (mut hosts, mut ports) = (host(&url), port(&url));
        for item in items {
            let item = Url::parse(&format!("postgres://{item}"))?;
            hosts = format!("{hosts},{}", host(&item));
            ports = format!("{ports},{}", port(&item));
        }
        if ports.bytes().all(|byte| byte == b',') {
            ports.clear();
        }
        Ok(Self { url, hosts, ports })
    }
}

/// Where the hosts stand: behind the role, up to the path.
fn hosts(text: &str) -> std::ops::Range<usize> {
    let start = text.find("://").map_or(text.len(), |colon| colon + 3);
    let length = text[start..].find(['/', '?', '#']);
    let end = length.map_or(text.len(), |length| start + length);
    let behind_role = text[start..end].rfind('@');
    behind_role.map_or(start, |at| start + at + 1)..end
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn port(url: &Url) -> String {
    url.port().map_or_else(String::new, |port| port.to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("postgres://u@a/db", "postgres://u@a/db", "a", "")]
    #[case("postgres://u@a:1/db", "postgres://u@a:1/db", "a", "1")]
    #[case("postgres://u@a:1,b:2/db?x=,", "postgres://u@a:1/db?x=,", "a,b", "1,2")]
    #[case("postgres://a,b", "postgres://a", "a,b", "")]
    #[case("postgres://a,b:2?x=y@z,w", "postgres://a?x=y@z,w", "a,b", ",2")]
    #[case("postgres://u,v@w@a,b/db", "postgres://u,v%40w@a/db", "a,b", "")]
    #[case(
        "postgres://[::1]:1,[::2]/db",
        "postgres://[::1]:1/db",
        "[::1],[::2]",
        "1,"
    )]
    #[case("postgres://a,,b", "postgres://a", "a,,b", "")]
    #[case("postgres:///db?host=a,b", "postgres:///db?host=a,b", "", "")]
    fn all_hosts_are_found(
        #[case] text: &str,
        #[case] url: &str,
        #[case] hosts: &str,
        #[case] ports: &str,
    ) {
        let split = Authority::split(text).expect("a URL");
        assert_eq!(
            (split.url.as_str(), &*split.hosts, &*split.ports),
            (url, hosts, ports)
        );
    }

    #[rstest]
    #[case("postgres://a,b:99999/db")]
    #[case("postgres://a:x,b/db")]
    #[case("postgres://a,:5432/db")]
    #[case("postgres://a,[::1/db")]
    #[case("no URL, is it?")]
    fn what_is_no_host_is_refused(#[case] text: &str) {
        assert!(Authority::split(text).is_err());
    }
}

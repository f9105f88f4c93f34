//! See [`crate::fuzzing`].

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

use percent_encoding::percent_decode_str;

use super::{authority::Authority, host::Host, session_settings, target::Target};
use crate::{Error, ErrorKind};

const SECRET: &str = "Zq9Wk3";

/// A connection string in the first line, `NAME=VALUE` variables in the others.
pub fn target(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    // It names a file, and a fuzzer would come to name one without an end.
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    if decoded.to_ascii_lowercase().contains("sslrootcert") {
        return;
    }
    let (url, variables) = text.split_once('\n').unwrap_or((text, ""));
    let parse = |url: &str| read(url, variables);
    if let Ok(target) = parse(url) {
        if url.starts_with("postgres") && url.contains("://") {
            assert!(Authority::split(url).is_ok_and(|read| read.url.password().is_none()));
        }
        accepted(&target);
    }
    if let Some(leaky) = with_password(url) {
        let error = parse(&leaky)
            .map(|_| ())
            .expect_err("a password is refused");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
}

fn read(url: &str, variables: &str) -> Result<Target, Error> {
    Target::parse_with_vars(
        url,
        variables.lines().filter_map(|line| line.split_once('=')),
    )
}

fn accepted(target: &Target) {
    assert!(target.uses_tls() && !target.has_explicit_root_certificates());
    assert!(!target.hosts().is_empty() && !target.connect_timeout().is_zero());
    for host in target.hosts() {
        assert!(host.port() > 0 && rustls_pki_types::ServerName::try_from(host.name()).is_ok());
    }
    let texts = [target.user(), target.database(), target.application_name()];
    for text in texts
        .into_iter()
        .flatten()
        .chain([target.hosts()[0].name()])
    {
        // It would end a string of the startup message early, and what follows would be read as the next parameter.
        assert!(!text.contains('\0'), "{text:?}");
    }
    if let Some(options) = target.options() {
        assert!(!options.contains('\0'), "{options:?}");
        let again = session_settings::split(&options).expect("what we write we can read");
        assert_eq!(again, target.session_settings());
    }
    if let Ok(plain) = target.clone().dangerously_without_tls() {
        for host in plain.hosts().iter().map(Host::name) {
            let address = host.parse::<std::net::IpAddr>();
            assert!(
                host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.is_loopback()),
                "{host}"
            );
        }
    }
}

/// The same URL with a password, if it names a user; or the same keywords with one.
fn with_password(url: &str) -> Option<String> {
    if url.starts_with("host=") {
        return Some(format!("password='{SECRET}' {url}"));
    }
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let (user, _) = authority.split_once('@')?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return None;
    }
    let after = &rest[user.len()..];
    Some(format!("{scheme}://{user}:{SECRET}{after}"))
}

/// The session settings of `options`: what is written can be read again.
pub fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match session_settings::split(&text) {
        Ok(settings) => {
            let written = session_settings::join(&settings).unwrap_or_default();
            assert_eq!(
                session_settings::split(&written).ok(),
                Some(settings),
                "{written:?}"
            );
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidTarget),
    }
}

//! See [`crate::fuzzing`].

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Target, parse, settings};
use crate::{Error, ErrorKind};

const SECRET: &str = "Zq9Wk3";

/// A URL in the first line, `NAME=VALUE` variables in the others.
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
        assert!(Url::parse(url).is_ok_and(|url| url.password().is_none()));
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
    parse::parse(url, &|name| {
        let mut lines = variables.lines().filter_map(|line| line.split_once('='));
        let (_, value) = lines.find(|(variable, _)| *variable == name)?;
        // The environment's own limits.
        (!value.is_empty() && !value.contains('\0')).then(|| value.to_owned())
    })
}

fn accepted(target: &Target) {
    assert!(target.uses_tls() && !target.roots_were_given());
    assert!(target.port() > 0 && !target.connect_timeout().is_zero());
    assert!(rustls::pki_types::ServerName::try_from(target.host()).is_ok());
    let texts = [target.user(), target.database(), target.application_name()];
    for text in texts.into_iter().flatten().chain([target.host()]) {
        // It would end a string of the startup message early, and what follows would be read as the next parameter.
        assert!(!text.contains('\0'), "{text:?}");
    }
    if let Some(options) = target.options() {
        assert!(!options.contains('\0'), "{options:?}");
        let again = settings::split(&options).expect("what we write we can read");
        assert_eq!(again, target.settings());
    }
    if let Ok(plain) = target.clone().dangerously_without_tls() {
        let host = plain.host();
        let address = host.parse::<std::net::IpAddr>();
        assert!(
            host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|a| a.is_loopback()),
            "{host}"
        );
    }
}

/// The same URL with a password, if it names a user.
fn with_password(url: &str) -> Option<String> {
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
    match settings::split(&text) {
        Ok(settings) => {
            let written = settings::join(&settings).unwrap_or_default();
            assert_eq!(
                settings::split(&written).ok(),
                Some(settings),
                "{written:?}"
            );
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidTarget),
    }
}

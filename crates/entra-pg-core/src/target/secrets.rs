//! Which parameters hold a secret, by name. What comes with one of them is refused, and never printed.

/// In any spelling: `password`, `Pwd`, `sslpassword`, `AccessToken`, `api_key`.
pub(super) fn is_secret(name: &str) -> bool {
    if name.contains('[') {
        // A session setting, such as options[password_encryption].
        return false;
    }
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let parts = [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "scramclientkey",
        "scramserverkey",
    ];
    name == "pass" || parts.iter().any(|part| name.contains(part))
}

/// Whether a text of whatever form names a secret anywhere: `…;Pwd=…`, `…?password=…`, `PASSWORD=… psql`.
pub(super) fn names_secret(text: &str) -> bool {
    let holds = |ends: fn(char) -> bool| {
        let mut parts = text.split(ends).filter_map(|part| part.split_once('='));
        parts.any(|(name, _)| is_secret(name))
    };
    holds(|c| matches!(c, ';' | '&' | '?' | '\n'))
        || holds(|c| c.is_whitespace() || matches!(c, ';' | '&' | '?' | '"' | '\'' | ',' | '{'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("password", true)]
    #[case("Password", true)]
    #[case("PWD", true)]
    #[case("pass word", true)]
    #[case("sslpassword", true)]
    #[case("AccessToken", true)]
    #[case("api_key", true)]
    #[case("scram_client_key", true)]
    #[case("oauth_client_secret", true)]
    #[case("passfile", false)]
    #[case("user", false)]
    #[case("options[password_encryption]", false)]
    fn a_secret_is_known_by_its_name(#[case] name: &str, #[case] secret: bool) {
        assert_eq!(is_secret(name), secret);
    }
}

//! What of a server's message is its wording: names of roles and databases take no part in reading its cause. Pure.

/// Quotation marks of the languages that servers speak: "a", «a», „a“, »a«, “a”.
const QUOTES: [char; 6] = ['"', '«', '»', '„', '“', '”'];

/// Returns a message in lower case, without what it quotes. A name may hold quotes itself, so all between the first and the
/// last one is left out; a mark stays in its place.
pub(super) fn wording(message: &str) -> String {
    let message = message.to_ascii_lowercase();
    let message = without(&message, |c| QUOTES.contains(&c), |c| QUOTES.contains(&c));
    // Azure: `for role[NAME] is neither …`
    let message = match message.split_once("role[") {
        Some((before, after)) => format!(
            "{before}role[{}",
            after.rsplit_once(']').map_or("", |(_, rest)| rest)
        ),
        None => message,
    };
    // The single server: `not valid for role NAME (does not …`
    match message.split_once("for role ") {
        Some((before, after)) if !after.starts_with('"') => {
            let rest = after.rfind(" (").and_then(|at| after.get(at..));
            format!("{before}for role {}", rest.unwrap_or_default())
        }
        _ => message,
    }
}

fn without(text: &str, opens: fn(char) -> bool, closes: fn(char) -> bool) -> String {
    let Some((before, rest)) = text.find(opens).map(|at| text.split_at(at)) else {
        return text.to_owned();
    };
    let after = rest.rsplit(closes).next().unwrap_or_default();
    format!("{before}\"{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("The token has Expired", "the token has expired")]
    #[case("failed for user \"expired\"", "failed for user \"")]
    #[case("for user \"a\" expired \"b\"", "for user \"")]
    #[case("host \"h\", user \"u\", no encryption", "host \", no encryption")]
    #[case("l'utilisateur « audience »", "l'utilisateur \"")]
    #[case("für Benutzer »audience« fehl", "für benutzer \" fehl")]
    #[case("„audience“ nie", "\" nie")]
    #[case("token for role[expired]] is neither", "token for role[ is neither")]
    #[case(
        "not valid for role expired (a) (does not)",
        "not valid for role  (does not)"
    )]
    #[case("not valid for role expired", "not valid for role ")]
    #[case(
        "token for role \"expired\" is neither",
        "token for role \" is neither"
    )]
    fn names_are_no_wording(#[case] message: &str, #[case] expected: &str) {
        assert_eq!(wording(message), expected);
    }
}

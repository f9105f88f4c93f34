//! What the documentation says is what the code does: the README's code is the examples', the error guide has a heading for
//! every kind of error.

use std::fs;

use entra_pg_core::{ErrorKind, Rejection};
use rstest::rstest;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[rstest]
#[case("sea-orm-quickstart")]
#[case("diesel-async-quickstart")]
fn the_readme_shows_what_the_example_runs(#[case] example: &str) {
    let readme = fs::read_to_string(format!("{ROOT}/README.md")).expect("the README");
    let main =
        fs::read_to_string(format!("{ROOT}/examples/{example}/src/main.rs")).expect("the example");
    let shown = main
        .split_once("// README begins\n")
        .and_then(|(_, rest)| rest.split_once("// README ends\n"))
        .map(|(shown, _)| shown.trim())
        .expect("the example marks what the README shows");
    assert!(
        readme.contains(shown),
        "README.md lacks this part of {example}:\n{shown}"
    );
    assert!((8..=18).contains(&shown.lines().count()), "{example}");
}

#[test]
fn the_error_guide_has_a_heading_for_each_kind_of_error_and_no_other() {
    let rejections = [
        Rejection::Expired,
        Rejection::Audience,
        Rejection::Format,
        Rejection::TokenType,
        Rejection::NotEntra,
        Rejection::Other,
    ];
    let kinds = [
        ErrorKind::InvalidTarget,
        ErrorKind::PasswordInUrl,
        ErrorKind::InsecureTls,
        ErrorKind::RootCertificates,
        ErrorKind::NoCredential,
        ErrorKind::NoUser,
        ErrorKind::TokenRequest,
        ErrorKind::UnusableToken,
        ErrorKind::TokenTimeout,
        ErrorKind::Connect,
        ErrorKind::ConnectTimeout,
        ErrorKind::Tls,
        ErrorKind::Listen,
        ErrorKind::Runtime,
    ];
    let guide = fs::read_to_string(format!("{ROOT}/docs/errors.md")).expect("the guide");
    let headings: Vec<_> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    let expected: Vec<_> = kinds
        .into_iter()
        .chain(rejections.map(ErrorKind::Rejected))
        .map(ErrorKind::guide)
        .collect();
    assert_eq!(headings, expected);
}

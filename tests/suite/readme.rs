//! The documentation is in step with the code: the README's code is the examples', the page about faults has the
//! rows that are tested.

use std::fs;

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
fn the_page_about_faults_has_the_rows_that_are_tested() {
    let page = fs::read_to_string(format!("{ROOT}/docs/faults.md")).expect("the page");
    let rows = entra_pg_tests::scenarios::FaultScenario::ALL;
    for row in rows {
        let line = format!("| {} | {} |", row.fault(), row.must_hold());
        assert!(page.contains(&line), "docs/faults.md lacks {line}");
    }
}

//! Snippets, as far as they can be tried without Azure.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use entra_pg_core::Target;

use super::page::{Page, book, everything, file, page};
use crate::probe::emulator_command;

const SHELL: [&str; 2] = ["sh", "bash"];
/// Our own programs. `just test` builds them.
const COMMANDS: [&str; 2] = ["entra-pg-emulator", "entra-pg"];

/// The words of each command of a snippet. Good enough for what guides show: no quoting of operators.
fn commands(page: &Page) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for snippet in page.snippets(&SHELL) {
        let joined = snippet.code.replace("\\\n", " ");
        for line in joined.lines() {
            for command in line.split(['|', ';', '&', '(', ')']) {
                let code = command.split(" #").next().unwrap_or_default();
                let words = code.split_whitespace().map(str::to_owned);
                commands.push(words.collect());
            }
        }
    }
    commands
}

/// The word after a program's name, wherever it is called.
fn subcommands(page: &Page, program: &str) -> Vec<String> {
    let mut found = Vec::new();
    for words in commands(page) {
        for pair in words.windows(2) {
            if pair[0] == program && !pair[1].starts_with('-') {
                found.push(pair[1].clone());
            }
        }
    }
    found
}

#[test]
fn no_rust_snippet_escapes_the_compiler() {
    let compiled = page("tests/src/guides.rs").text;
    for guide in book() {
        let Ok(name) = guide.path.strip_prefix("docs/guide") else {
            continue;
        };
        assert!(
            compiled.contains(&format!("{:?}", name.display().to_string())),
            "{} is not compiled",
            guide.name()
        );
        for snippet in guide.snippets(&["rust"]) {
            // Whole files of the examples are compiled where they come from.
            assert!(
                snippet.info == "rust,no_run" || snippet.file.is_some(),
                "{}: {}",
                guide.name(),
                snippet.code
            );
        }
    }
}

/// The seconds that a pool waits for a connection, wherever this text sets them.
fn pool_timeouts(text: &str) -> Vec<u64> {
    let calls = text
        .split("_timeout(Duration::from_secs(")
        .collect::<Vec<_>>();
    let pairs = calls.windows(2);
    let of_pools =
        pairs.filter(|pair| pair[0].ends_with(".acquire") || pair[0].ends_with(".connection"));
    let seconds = of_pools.filter_map(|pair| pair[1].split(')').next()?.parse().ok());
    seconds.collect()
}

#[test]
fn no_pool_that_we_show_gives_up_before_the_cause_is_known() {
    let connect_timeout = Target::parse("postgres://app@db.example").expect("a target");
    let connect_timeout = connect_timeout.connect_timeout().as_secs();
    let programs = fs::read_dir(file("examples")).expect("examples").flatten();
    let programs = programs.filter_map(|example| {
        let path = example.path().join("src/main.rs");
        Some((path.display().to_string(), fs::read_to_string(path).ok()?))
    });
    let pages = everything()
        .into_iter()
        .map(|page| (page.name(), page.text));
    let mut count = 0;
    for (name, text) in programs.chain(pages) {
        for seconds in pool_timeouts(&text) {
            assert!(seconds > connect_timeout, "{name}: {seconds} s");
            count += 1;
        }
    }
    assert!(count > 3, "the timeouts are written in another way");
}

#[test]
fn no_shell_snippet_has_a_syntax_error() {
    for page in everything() {
        for snippet in page.snippets(&SHELL) {
            let mut bash = Command::new("bash")
                .arg("-n")
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("bash is on the PATH");
            let mut stdin = bash.stdin.take().expect("a pipe");
            stdin.write_all(snippet.code.as_bytes()).expect("it reads");
            drop(stdin);
            let output = bash.wait_with_output().expect("it ends");
            assert!(
                output.status.success(),
                "{}: {}\n{}",
                page.name(),
                String::from_utf8_lossy(&output.stderr),
                snippet.code
            );
        }
    }
}

#[test]
fn no_snippet_names_a_recipe_that_does_not_exist() {
    let justfile = page("justfile").text;
    let recipes: Vec<_> = justfile
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && !line.contains(":="))
        .filter_map(|line| line.split([' ', ':']).next())
        .collect();
    for page in everything() {
        for program in ["just", "./dev"] {
            for recipe in subcommands(&page, program) {
                assert!(
                    recipes.contains(&recipe.as_str()),
                    "{}: {program} {recipe}",
                    page.name()
                );
            }
        }
    }
}

#[test]
fn no_snippet_names_a_subcommand_that_does_not_exist() {
    for program in COMMANDS {
        let built = emulator_command().with_file_name(program);
        for page in everything() {
            for subcommand in subcommands(&page, program) {
                let known = Command::new(&built).args(["help", &subcommand]).output();
                let known = known.unwrap_or_else(|error| panic!("{}: {error}", built.display()));
                assert!(
                    known.status.success(),
                    "{}: {program} {subcommand}",
                    page.name()
                );
            }
        }
    }
}

//! Snippets, as far as they can be tried without Azure.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use entra_pg_core::Target;

use super::page::{Page, book, everything, file, page};
use crate::{error_guide::files, probe::emulator_command};

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

/// How long a pool waits for a connection: of sqlx and SeaORM, bb8 and r2d2, deadpool.
const POOL_TIMEOUTS: [&str; 3] = ["acquire_timeout(", "connection_timeout(", "wait_timeout("];

/// How long pools wait for a connection, wherever this text sets it to a number.
fn pool_timeouts(text: &str) -> Vec<Duration> {
    let calls = POOL_TIMEOUTS
        .iter()
        .flat_map(|name| text.split(name).skip(1));
    calls.filter_map(duration).collect()
}

/// The duration that this argument of a call begins with.
fn duration(argument: &str) -> Option<Duration> {
    let argument = argument.strip_prefix("Some(").unwrap_or(argument);
    let argument = argument.strip_prefix("std::time::").unwrap_or(argument);
    let call = argument.strip_prefix("Duration::from_")?;
    let (unit, number) = call.split_once(')')?.0.split_once('(')?;
    let number = number.parse().ok()?;
    match unit {
        "secs" => Some(Duration::from_secs(number)),
        "millis" => Some(Duration::from_millis(number)),
        _ => None,
    }
}

#[test]
fn no_pool_that_we_show_gives_up_before_the_cause_is_known() {
    let connect_timeout = Target::parse("postgres://app@db.example").expect("a target");
    let connect_timeout = connect_timeout.connect_timeout();
    let programs = files(&file("examples")).into_iter();
    let programs = programs.filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let programs = programs.map(|path| {
        let text = fs::read_to_string(&path).expect("a program");
        (path.display().to_string(), text)
    });
    let pages = everything()
        .into_iter()
        .map(|page| (page.name(), page.text));
    let mut count = 0;
    for (name, text) in programs.chain(pages) {
        for timeout in pool_timeouts(&text) {
            assert!(timeout > connect_timeout, "{name}: {timeout:?}");
            count += 1;
        }
    }
    assert!(count > 3, "the timeouts are written in another way");
}

#[test]
fn a_pool_that_gives_up_too_early_is_noticed_however_it_is_written() {
    for (call, seconds) in [
        (".acquire_timeout(Duration::from_secs(5))", 5),
        (".connection_timeout(std::time::Duration::from_secs(6))", 6),
        (".wait_timeout(Some(Duration::from_millis(7000)))", 7),
    ] {
        assert_eq!(pool_timeouts(call), [Duration::from_secs(seconds)]);
    }
    for other in [
        "its `acquire_timeout`, 5 s",
        ".idle_timeout(Duration::from_secs(5))",
        ".wait_timeout(guard, Duration::from_secs(5))",
    ] {
        assert!(pool_timeouts(other).is_empty(), "{other}");
    }
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

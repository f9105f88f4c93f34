//! Finds PostgreSQL's programs.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

/// Names the directory; then no other is searched.
const VARIABLE: &str = "ENTRA_PG_EMULATOR_PGBIN";
/// The oldest major version that is tried.
const OLDEST: u32 = 14;

/// Where packages install: the parent, and the start of the name that holds the version.
const INSTALLED: [(&str, &str); 8] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/usr/libexec", "postgresql"),
    ("/usr/lib", "postgresql"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql"),
    ("/usr/local", "pgsql"),
];

/// A directory with `initdb` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binaries {
    pub(crate) directory: PathBuf,
    /// The major version.
    pub(crate) major: u32,
}

impl Binaries {
    /// Looks in the variable, `PATH` and the usual places, newest first.
    pub(crate) fn find() -> Result<Self, Error> {
        let variable = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let candidates = candidates(
            variable.map(PathBuf::from),
            std::env::split_paths(&path),
            &installed(),
        );
        candidates
            .iter()
            .find_map(|directory| Self::in_directory(directory))
            .ok_or_else(|| Error::PostgresNotFound {
                looked_in: candidates
                    .iter()
                    .map(|place| place.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    fn in_directory(directory: &Path) -> Option<Self> {
        let postgres = directory.join("postgres");
        if !directory.join("initdb").is_file() || !postgres.is_file() {
            return None;
        }
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
        (major >= OLDEST).then(|| Self {
            directory: directory.to_owned(),
            major,
        })
    }
}

/// The directories to search, in order: only the variable, or `PATH` and then the installed ones.
fn candidates(
    variable: Option<PathBuf>,
    path: impl Iterator<Item = PathBuf>,
    installed: &[(u32, PathBuf)],
) -> Vec<PathBuf> {
    if let Some(directory) = variable {
        return vec![directory];
    }
    let mut installed = installed.to_vec();
    installed.sort_by_key(|(version, _)| Reverse(*version));
    let mut found = Vec::new();
    for directory in path
        .filter(|place| place.is_absolute())
        .chain(installed.into_iter().map(|(_, place)| place))
    {
        if !found.contains(&directory) {
            found.push(directory);
        }
    }
    found
}

/// What packages have installed, with the version that the directory's name gives (0 if none).
fn installed() -> Vec<(u32, PathBuf)> {
    let entries = INSTALLED.iter().flat_map(|(parent, prefix)| {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        entries.filter_map(move |entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name
                .strip_prefix(prefix)?
                .trim_matches(|character: char| !character.is_ascii_digit());
            Some((
                version.split('.').next()?.parse().unwrap_or(0),
                entry.path(),
            ))
        })
    });
    // Alpine keeps the programs in `postgresqlNN` itself, other systems in `bin`.
    entries
        .flat_map(|(version, path)| [(version, path.join("bin")), (version, path)])
        .filter(|(_, path)| path.join("initdb").exists())
        .collect()
}

/// From `postgres (PostgreSQL) 17.2 (Debian 17.2-1)` or `… 18beta1`.
fn major_version(output: &str) -> Option<u32> {
    let version = output
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    version
        .split(|character: char| !character.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_beats_the_path_and_the_path_beats_the_newest_installed() {
        let path = || {
            ["/usr/bin", "relative", "/opt/pg/bin"]
                .into_iter()
                .map(PathBuf::from)
        };
        let installed = [
            (9, PathBuf::from("/pg/9")),
            (17, PathBuf::from("/pg/17")),
            (15, PathBuf::from("/opt/pg/bin")),
        ];
        let found =
            |variable: Option<&str>| candidates(variable.map(PathBuf::from), path(), &installed);
        assert_eq!(found(Some("/mine")), [Path::new("/mine")]);
        assert_eq!(
            found(None),
            ["/usr/bin", "/opt/pg/bin", "/pg/17", "/pg/9"].map(Path::new)
        );
    }

    #[test]
    fn versions_are_read_from_every_distributions_wording() {
        for (output, expected) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
            ("", None),
        ] {
            assert_eq!(major_version(output), expected, "{output}");
        }
    }
}

//! An environment as a value: the process's own, or one that was handed over. Nothing else here reads variables.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    path::Path,
    time::Duration,
};

use crate::file;

/// Environment variables. Deliberately without `Debug`: they hold secrets.
#[derive(Clone)]
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    pub(crate) fn of_process() -> Self {
        Self::collect(env::vars_os())
    }

    /// These variables and no others.
    pub(crate) fn from_pairs(
        pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        Self::collect(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into().into(), value.into().into())),
        )
    }

    pub(crate) fn collect(pairs: impl Iterator<Item = (OsString, OsString)>) -> Self {
        Self(pairs.map(|(name, value)| (key(&name), value)).collect())
    }

    /// A variable; one that is empty or not UTF-8 counts as unset.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(&key(OsStr::new(name)))?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// The first variable with one of these prefixes whose value is not UTF-8, so that [`get`](Self::get) does not see it.
    pub(crate) fn unreadable(&self, prefixes: &[&str]) -> Option<&str> {
        self.0.iter().find_map(|(name, value)| {
            let name = name.to_str()?;
            let is_asked_for = prefixes.iter().any(|prefix| name.starts_with(prefix));
            (is_asked_for && value.to_str().is_none()).then_some(name)
        })
    }

    /// The first of these that is set.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// All of them, for a program that is run in this environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        let variables = self.0.iter();
        variables.map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Returns `true` if a program of that name is on the `PATH`. A folder that does not answer in time has none.
    pub(crate) fn has_program(&self, name: &str) -> bool {
        self.has_program_within(file::READ_TIMEOUT, name, Path::is_file)
    }

    fn has_program_within(
        &self,
        limit: Duration,
        name: &str,
        is_file: impl Fn(&Path) -> bool + Send + 'static,
    ) -> bool {
        let path = self.0.get(OsStr::new("PATH")).cloned().unwrap_or_default();
        let suffixes: &[&str] = if cfg!(windows) {
            &[".cmd", ".exe"]
        } else {
            &[""]
        };
        let names: Vec<_> = suffixes
            .iter()
            .map(|suffix| format!("{name}{suffix}"))
            .collect();
        let found = move || {
            env::split_paths(&path)
                .any(|folder| names.iter().any(|name| is_file(&folder.join(name))))
        };
        file::within(limit, found).unwrap_or_default()
    }
}

/// Windows does not distinguish `PATH` from `Path`.
fn key(name: &OsStr) -> OsString {
    if cfg!(windows) {
        name.to_ascii_uppercase()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let environment = Environment::from_pairs([("A", ""), ("B", "b")]);
        assert_eq!(
            (environment.get("A"), environment.get("B")),
            (None, Some("b"))
        );
        assert_eq!(environment.first(&["A", "B"]), Some("b"));
        assert_eq!(environment.get("PATH"), None, "the process has one");
    }

    #[test]
    fn a_dead_mount_on_the_path_does_not_hold_up_its_caller() {
        let caller = thread::current().id();
        let is_file = move |_: &Path| {
            assert_ne!(thread::current().id(), caller, "the caller would wait");
            loop {
                thread::park();
            }
        };
        let environment = Environment::from_pairs([("PATH", "/dead")]);
        assert!(!environment.has_program_within(Duration::from_millis(50), "az", is_file));
    }
}

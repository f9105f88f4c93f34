//! An environment as a value: the process's own, or one that was handed over. Nothing else here reads variables.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
};

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

    fn collect(pairs: impl Iterator<Item = (OsString, OsString)>) -> Self {
        Self(pairs.map(|(name, value)| (key(&name), value)).collect())
    }

    /// A variable; one that is empty or not UTF-8 counts as unset.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(&key(OsStr::new(name)))?.to_str()?;
        (!value.is_empty()).then_some(value)
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

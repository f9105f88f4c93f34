//! PostgreSQL refuses to run as root; so does the emulator's part of it.

use nix::unistd::{User, geteuid};

use crate::Error;

/// An account to run PostgreSQL as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Account {
    /// Returns the account to switch to: none if this process is not root, otherwise `postgres` or `nobody`.
    pub(crate) fn unprivileged() -> Result<Option<Self>, Error> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let found = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| User::from_name(name).ok().flatten());
        match found {
            Some(user) if !user.uid.is_root() => Ok(Some(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() })),
            _ => Err(Error::Configuration(
                "PostgreSQL must not run as root, and this machine has neither a `postgres` nor a `nobody` account; \
                 start the emulator as another user"
                    .into(),
            )),
        }
    }
}

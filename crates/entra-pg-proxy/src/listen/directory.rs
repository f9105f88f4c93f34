//! Whether a socket's directory is this user's alone, along the whole path that leads to it.
//!
//! Who can replace a part of the path decides where clients connect. So each directory and each link on the way must belong to
//! this user or to root, and nobody else may write to the directories. A sticky one, such as `/tmp`, may be open: others can
//! add to it, but not replace what is there. What passes cannot be changed by others afterwards.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use entra_pg_core::{Error, ErrorKind};

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// As many as Linux follows.
const MAX_LINKS: usize = 40;

/// Checks the path, and the directory if it exists.
pub(super) fn check_directory(path: &Path, user: u32) -> Result<(), Error> {
    let failed = |error| cannot_use(path, &error);
    let (mut here, mut ahead, mut links) = (PathBuf::from("/"), reversed(path), 0);
    while let Some(part) = ahead.pop() {
        if part == ".." {
            // No link is left in it that this could undo.
            here.pop();
            continue;
        }
        check_parent(&here, &here.metadata().map_err(failed)?, user)?;
        let entry = here.join(part);
        let found = match entry.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound && ahead.is_empty() => {
                return Ok(());
            }
            found => found.map_err(failed)?,
        };
        if found.is_symlink() {
            check_link(&entry, &found, user)?;
            links += 1;
            if links > MAX_LINKS {
                return Err(failed(io::Error::other("too many links in the path")));
            }
            ahead.extend(reversed(&fs::read_link(&entry).map_err(failed)?));
        } else {
            here = entry;
        }
    }
    check_last(&here, &here.metadata().map_err(failed)?, user)
}

/// The parts of a path, the first one last. `/` is a part, and joins to itself.
fn reversed(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev();
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

fn check_link(link: &Path, found: &Metadata, user: u32) -> Result<(), Error> {
    if is_trusted(found.uid(), user) {
        return Ok(());
    }
    let shown = link.display();
    Err(
        listen_error(format!("{shown} is a link that belongs to another user"))
            .with_hint("give the path without the link, or choose a directory that you own"),
    )
}

fn check_parent(parent: &Path, found: &Metadata, user: u32) -> Result<(), Error> {
    let shown = parent.display();
    if !is_trusted(found.uid(), user) {
        Err(listen_error(format!(
            "{shown} belongs to another user, who can replace what is in it"
        ))
        .with_hint("choose a directory whose parents belong to you or to root"))
    } else if found.mode() & WRITABLE_BY_OTHERS != 0 && found.mode() & STICKY == 0 {
        Err(
            listen_error(format!("other users can replace what is in {shown}")).with_hint(format!(
                "run chmod go-w {shown}, or choose another directory"
            )),
        )
    } else {
        Ok(())
    }
}

fn check_last(directory: &Path, found: &Metadata, user: u32) -> Result<(), Error> {
    let shown = directory.display();
    if !found.is_dir() {
        Err(listen_error(format!("{shown} is not a directory"))
            .with_hint("give the directory for the socket"))
    } else if found.uid() != user {
        Err(listen_error(format!("{shown} belongs to another user"))
            .with_hint("choose a directory that you own"))
    } else if found.mode() & 0o077 != 0 {
        Err(
            listen_error(format!("{shown} is open to other users")).with_hint(format!(
                "close it with chmod 700 {shown}, or choose a new directory"
            )),
        )
    } else {
        Ok(())
    }
}

fn is_trusted(owner: u32, user: u32) -> bool {
    owner == user || owner == ROOT
}

pub(super) fn cannot_use(directory: &Path, error: &io::Error) -> Error {
    let shown = directory.display();
    listen_error(format!("cannot listen in {shown}: {error}"))
        .with_hint("choose a directory that you own, or a path where one can be created")
}

fn listen_error(message: String) -> Error {
    Error::new(ErrorKind::Listen, message)
}

#[cfg(test)]
#[path = "directory_tests.rs"]
mod tests;

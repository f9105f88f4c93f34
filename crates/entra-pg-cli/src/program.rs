//! Running a program in our place: it takes over this process, so that signals, terminal and exit status are its own and
//! nothing of ours is left.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
};

use entra_pg_core::LoginProvider;

use crate::{
    environment::{CONFLICTING_VARIABLES, Credentials, variables},
    failure::Failure,
    runtime::block_on,
    status, trust,
};

/// Logs in and becomes the program. Returns only if that failed.
pub(crate) fn replace_us(
    database: &LoginProvider,
    program: &OsStr,
    arguments: &[OsString],
) -> Result<u8, Failure> {
    let login =
        block_on(async { Ok(database.login().await?) }).map_err(Failure::before_the_program)?;
    let credentials = Credentials {
        user: login.user(),
        password: login.token().secret(),
    };
    let target = database.target();
    let mut command = Command::new(program);
    for name in CONFLICTING_VARIABLES {
        command.env_remove(name);
    }
    let roots = trust::file(target.root_certificates());
    command
        .args(arguments)
        .envs(variables(target, credentials, roots.as_deref()));
    Err(not_run(program, &command.exec()))
}

/// What a shell would say.
pub(crate) fn not_run(program: &OsStr, error: &io::Error) -> Failure {
    let status = if error.kind() == io::ErrorKind::NotFound {
        status::NOT_FOUND
    } else {
        status::NOT_EXECUTABLE
    };
    Failure::new(status, format!("cannot run {}: {error}", program.display()))
}

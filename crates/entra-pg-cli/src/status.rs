//! The exit statuses.

use entra_pg_core::{Error, ErrorKind, Phase};

pub(crate) const OK: u8 = 0;
pub(crate) const OTHER: u8 = 1;
/// Wrong arguments. As clap has it.
pub(crate) const USAGE: u8 = 2;
pub(crate) const CONFIGURATION: u8 = 3;
pub(crate) const TOKEN: u8 = 4;
pub(crate) const CONNECTION: u8 = 5;
pub(crate) const LOGIN: u8 = 6;

pub(crate) fn of(error: &Error) -> u8 {
    match (error.kind(), error.phase()) {
        (ErrorKind::Rejected(_), _) => LOGIN,
        (_, Phase::Configuration) => CONFIGURATION,
        (_, Phase::Token) => TOKEN,
        (_, Phase::Connection) => CONNECTION,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entra_pg_core::Rejection;
    use rstest::rstest;

    #[rstest]
    #[case(ErrorKind::PasswordInUrl, CONFIGURATION)]
    #[case(ErrorKind::NoCredential, CONFIGURATION)]
    #[case(ErrorKind::TokenTimeout, TOKEN)]
    #[case(ErrorKind::Tls, CONNECTION)]
    #[case(ErrorKind::Rejected(Rejection::Other), LOGIN)]
    fn a_script_can_tell_the_phases_apart(#[case] kind: ErrorKind, #[case] status: u8) {
        assert_eq!(of(&Error::new(kind, "x")), status);
    }
}

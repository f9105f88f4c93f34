//! Where an error leads its reader: the heading of `docs/errors.md`, and what to do when nothing more precise is known.

use crate::{ErrorKind, Rejection};

/// One table, so that a kind without a heading, or without advice, does not compile.
macro_rules! guide {
    ($($kind:ident $(($rejection:ident))? => $heading:literal, $advice:literal;)+) => {
        impl ErrorKind {
            /// Every kind of error there is, in the order of `docs/errors.md`.
            pub const ALL: &'static [Self] = &[$(Self::$kind $((Rejection::$rejection))?),+];

            /// The heading of `docs/errors.md` that says what it means and what to do. Also how logs and metrics call it.
            pub fn guide(self) -> &'static str {
                match self {
                    $(Self::$kind $((Rejection::$rejection))? => $heading,)+
                }
            }

            /// What to do, for an error that was given no hint of its own.
            pub(crate) fn advice(self) -> &'static str {
                match self {
                    $(Self::$kind $((Rejection::$rejection))? => $advice,)+
                }
            }
        }
    };
}

guide! {
    InvalidTarget => "invalid-target", "correct the URL, the PG* variable or the option that the message names";
    PasswordInUrl => "password-in-url", "remove the password: the token is the password, and it is fetched for you";
    InsecureTls => "insecure-tls", "use sslmode=verify-full, or leave sslmode and PGSSLMODE out";
    RootCertificates => "root-certificates", "check sslrootcert and PGSSLROOTCERT";
    NoCredential => "no-credential", "set the variables of one credential completely";
    NoUser => "no-user", "write the role into the URL, or set PGUSER";
    TokenRequest => "token-request", "check the credential, and that its endpoint can be reached from here";
    UnusableToken => "unusable-token", "check this machine's clock and the token endpoint";
    TokenTimeout => "token-timeout", "check that the token endpoint can be reached from here";
    Connect => "connect", "look at the server's log for the reason, and check its health";
    ConnectTimeout => "connect-timeout", "check the server's firewall and its health";
    Tls => "tls", "check that the host is the name in the server's certificate, and that sslrootcert holds its root";
    Listen => "listen", "choose another port or directory";
    Runtime => "runtime", "call this from a task of a Tokio runtime with I/O and time enabled";
    Rejected(Expired) => "rejected-expired", "check the clock of this machine";
    Rejected(Audience) => "rejected-audience", "set the scope that fits the server, see Scope";
    Rejected(Format) => "rejected-format", "check that the server has Microsoft Entra authentication enabled";
    Rejected(TokenType) => "rejected-token-type", "make the role anew, of the type that fits this principal";
    Rejected(NotEntra) => "rejected-not-entra", "check the role's name, and that it is mapped to Microsoft Entra";
    Rejected(Other) => "rejected", "check that the role exists and is mapped to this principal's object id";
}

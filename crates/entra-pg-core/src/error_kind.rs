//! What can fail: each kind of error with its phase, its stable code, and what to do when nothing more precise is known.

use std::fmt;

use crate::connect::Rejection;

/// What was being done when an error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reading the URL, the environment or a certificate file. Nothing was sent.
    Configuration,
    /// Binding the proxy's local port or socket.
    Listen,
    /// Using the Tokio runtime: there is none, or it is shutting down.
    Runtime,
    /// Getting a token from Microsoft Entra. The database was not contacted.
    Token,
    /// Opening the connection: TCP, TLS or authentication.
    Connection,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Listen => "listen",
            Self::Runtime => "runtime",
            Self::Token => "token",
            Self::Connection => "connection",
        })
    }
}

/// What failed, for programs. The `Display` of [`Error`](crate::Error) is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The URL, a `PG*` variable or a parameter in them cannot be used.
    InvalidTarget,
    /// The URL holds a password. The token is the password; a second one is a mistake, or a leak.
    PasswordInUrl,
    /// `sslmode` asks for a connection on which others could read the token.
    InsecureTls,
    /// The root certificates could not be read, or there are none.
    RootCertificates,
    /// The environment does not say which credential to use, or says so incompletely.
    NoCredential,
    /// The target names no user, and neither does the token.
    NoUser,
    /// The credential, or the endpoint behind it, returned no token.
    TokenRequest,
    /// What came back as a token cannot be one: it is empty, or expired on arrival.
    UnusableToken,
    /// No token came within the time allowed.
    TokenTimeout,
    /// The server could not be reached, or the connection broke before it was ready.
    Connect,
    /// The connection was not ready within the time allowed.
    ConnectTimeout,
    /// The server's certificate was not accepted, or the server offers no TLS.
    Tls,
    /// The server refused the login.
    Rejected(Rejection),
    /// The local proxy could not bind: the port or the socket is taken, or its directory is open to others.
    Listen,
    /// A call that needs a Tokio runtime was made outside of one, or in one that is shutting down.
    Runtime,
}

/// One table, so that a kind without a phase, a code or advice does not compile.
macro_rules! kinds {
    ($($kind:ident $(($rejection:ident))? => $phase:ident, $code:literal, $advice:literal;)+) => {
        impl ErrorKind {
            /// Every kind of error, in the order of [`error_codes`](crate::error_codes).
            pub const ALL: &'static [Self] = &[$(Self::$kind $((Rejection::$rejection))?),+];

            /// Returns the phase in which this kind of error happens.
            pub fn phase(self) -> Phase {
                match self {
                    $(Self::$kind $((Rejection::$rejection))? => Phase::$phase,)+
                }
            }

            /// Returns the stable name that logs and metrics use, and under which [`error_codes`](crate::error_codes)
            /// explains the error.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$kind $((Rejection::$rejection))? => $code,)+
                }
            }

            /// What to do, for an error without a hint of its own.
            pub(crate) fn advice(self) -> &'static str {
                match self {
                    $(Self::$kind $((Rejection::$rejection))? => $advice,)+
                }
            }
        }
    };
}

kinds! {
    InvalidTarget => Configuration, "invalid-target", "correct the URL, the PG* variable or the option that the message names";
    PasswordInUrl => Configuration, "password-in-url", "remove the password: the token is the password, and it is fetched for you";
    InsecureTls => Configuration, "insecure-tls", "use sslmode=verify-full, or leave sslmode and PGSSLMODE out";
    RootCertificates => Configuration, "root-certificates", "check sslrootcert and PGSSLROOTCERT";
    NoCredential => Configuration, "no-credential", "set the variables of one credential completely";
    NoUser => Token, "no-user", "write the role into the URL, or set PGUSER";
    TokenRequest => Token, "token-request", "check the credential, and that its endpoint can be reached from here";
    UnusableToken => Token, "unusable-token", "check this machine's clock and the token endpoint";
    TokenTimeout => Token, "token-timeout", "check that the token endpoint can be reached from here";
    Connect => Connection, "connect", "look at the server's log for the reason, and check its health";
    ConnectTimeout => Connection, "connect-timeout", "check the server's firewall and its health";
    Tls => Connection, "tls", "check that the host is the name in the server's certificate, and that sslrootcert holds its root";
    Listen => Listen, "listen", "choose another port or directory";
    Runtime => Runtime, "runtime", "call this from a task of a Tokio runtime with I/O and time enabled";
    Rejected(Expired) => Connection, "rejected-expired", "check the clock of this machine";
    Rejected(NotYetValid) => Connection, "rejected-not-yet-valid", "check the clock of this machine";
    Rejected(Audience) => Connection, "rejected-audience", "set the scope that fits the server, see Scope";
    Rejected(Tenant) => Connection, "rejected-tenant", "sign in to the server's tenant";
    Rejected(Format) => Connection, "rejected-format", "check that the server has Microsoft Entra authentication enabled";
    Rejected(TokenType) => Connection, "rejected-token-type", "recreate the role with the type that fits this principal";
    Rejected(ObjectId) => Connection, "rejected-object-id", "recreate the role with this principal's object id";
    Rejected(NotInGroup) => Connection, "rejected-not-in-group", "add the principal to the group, and wait for a new token";
    Rejected(UnknownRole) => Connection, "rejected-unknown-role", "create the role, or correct its name";
    Rejected(NoLogin) => Connection, "rejected-no-login", "let the role log in, or use another";
    Rejected(EntraDisabled) => Connection, "rejected-entra-disabled", "enable Microsoft Entra authentication on the server";
    Rejected(NotEntra) => Connection, "rejected-not-entra", "check the role's name, and that it is mapped to Microsoft Entra";
    Rejected(Other) => Connection, "rejected", "check that the role exists and is mapped to this principal's object id";
}

//! The steps of a connect, as errors, logs and metrics name them.

/// A step of a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Step {
    /// Getting the token.
    Token,
    /// Opening the TCP connection, and asking for TLS.
    TcpConnect,
    /// The TLS handshake.
    TlsHandshake,
    /// Startup and login.
    Authentication,
    /// What an adapter does with a connection before it is ready.
    Preparation,
    /// Somewhere between token and ready, with a driver that does not report its steps.
    Connecting,
    /// The connection can be used.
    Ready,
}

impl Step {
    const ALL: [Self; 7] = [
        Self::Token,
        Self::TcpConnect,
        Self::TlsHandshake,
        Self::Authentication,
        Self::Preparation,
        Self::Connecting,
        Self::Ready,
    ];

    pub(super) fn from_number(number: u8) -> Self {
        let step = Self::ALL.get(usize::from(number));
        step.copied().unwrap_or(Self::Token)
    }

    /// Returns the name that logs and metrics use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::TcpConnect => "tcp",
            Self::TlsHandshake => "tls",
            Self::Authentication => "authentication",
            Self::Preparation => "preparation",
            Self::Connecting => "connecting",
            Self::Ready => "ready",
        }
    }

    /// The step in a sentence.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Token => "the token request",
            Self::TcpConnect => "the TCP connection",
            Self::TlsHandshake => "the TLS handshake",
            Self::Authentication => "authentication",
            Self::Preparation | Self::Ready => "session setup",
            Self::Connecting => "the connect",
        }
    }

    /// What to check when the step does not end.
    pub(super) fn timeout_hint(self) -> &'static str {
        match self {
            Self::Token => "check that the token endpoint can be reached from here",
            Self::TcpConnect | Self::Connecting => {
                "check the host's name and port, and that the server's firewall admits this machine"
            }
            Self::TlsHandshake => {
                "the server, or a firewall or proxy in front of it, does not answer"
            }
            Self::Authentication | Self::Preparation | Self::Ready => {
                "the server accepts connections but does not answer: check its health"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_survives_as_a_number() {
        for step in Step::ALL {
            assert_eq!(Step::from_number(step as u8), step);
        }
    }
}

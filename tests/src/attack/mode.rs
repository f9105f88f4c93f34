//! One way to attack, and what must hold.

use std::time::Duration;

use entra_pg_emulator::CredentialSource;

use super::{
    certificate_modes::Make,
    script::{Act, Script, Stage},
    victim::Victim,
};

/// What the other side does, and what must hold then.
#[derive(Clone, Debug)]
pub struct Mode {
    pub name: String,
    pub(super) attack: Attack,
    /// The codes of the errors that are right; `ok` for a connection that may be made.
    pub(super) codes: &'static [&'static str],
    /// What every error says, in one of these ways.
    pub(super) words: &'static [&'static str],
    /// Whether it is among those that `./dev test` tries.
    pub short: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Attack {
    Server(Script),
    /// A server that shows this, and then asks for the password.
    Certificate(Make),
    /// In place of the endpoint that gives this credential its tokens. The server is well.
    Endpoint(CredentialSource, Vec<Act>),
}

/// For a connect that does not have to succeed.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

impl Mode {
    pub(super) fn server<const N: usize>(name: &'static str, stage: Stage, acts: [Act; N]) -> Self {
        let acts = acts.into();
        Self {
            name: name.to_owned(),
            attack: Attack::Server(Script { stage, acts }),
            codes: &["connect"],
            words: &[""],
            short: false,
        }
    }

    pub(super) fn certificate(name: &'static str, make: Make) -> Self {
        Self {
            name: name.to_owned(),
            attack: Attack::Certificate(make),
            codes: &["tls"],
            words: &[""],
            short: false,
        }
    }

    pub(super) fn endpoint(source: CredentialSource, name: String, acts: Vec<Act>) -> Self {
        Self {
            name,
            attack: Attack::Endpoint(source, acts),
            codes: &["token-request", "token-timeout"],
            words: &[""],
            short: false,
        }
    }

    /// Which credential gets the tokens.
    pub(super) fn source(&self) -> CredentialSource {
        match &self.attack {
            Attack::Endpoint(source, _) => *source,
            _ => CredentialSource::ManagedIdentity,
        }
    }

    /// All adapters get their tokens in the same way, from one cache: for the other credentials, one of them is enough.
    pub fn victims(&self) -> Vec<Victim> {
        let mut victims = Victim::all();
        if self.source() != CredentialSource::ManagedIdentity {
            victims.retain(|victim| ["tokio-postgres", "doctor"].contains(&victim.name()));
        }
        victims
    }

    pub(super) fn says(mut self, words: &'static [&'static str]) -> Self {
        self.words = words;
        self
    }

    pub(super) fn is(
        mut self,
        codes: &'static [&'static str],
        words: &'static [&'static str],
    ) -> Self {
        (self.codes, self.words) = (codes, words);
        self
    }

    pub(super) fn short(mut self) -> Self {
        self.short = true;
        self
    }

    /// What an adapter is given for a connect: one that must succeed has time for it on a busy machine.
    pub(super) fn patience(&self) -> Duration {
        match self.codes {
            ["ok"] => CONNECT_TIMEOUT * 4,
            _ => CONNECT_TIMEOUT,
        }
    }

    /// Whether an error with this code is right, or that the doctor stops at this check.
    pub(super) fn is_kind(&self, victim: Victim, code: &str) -> bool {
        let right = |right: &&str| match victim {
            Victim::Doctor => checks(right).contains(&code),
            Victim::Adapter(_) => *right == code,
        };
        self.codes.iter().any(right)
    }

    /// Whether the error says what it should.
    pub(super) fn is_said(&self, code: &str, error: &str) -> bool {
        code == "ok" || self.words.iter().any(|words| error.contains(words))
    }

    /// Whether the other side may have got the token: after a handshake that verified it, and no sooner.
    pub(super) fn may_hear_token(&self) -> bool {
        match &self.attack {
            Attack::Server(script) => {
                script.stage >= Stage::Told
                    || script.acts.iter().any(|act| matches!(act, Act::Pieces))
            }
            Attack::Endpoint(..) => true,
            Attack::Certificate(_) => self.codes != ["tls"],
        }
    }
}

/// Where the doctor stops in place of an error with this code.
fn checks(code: &str) -> &'static [&'static str] {
    match code {
        "ok" => &["ok"],
        "tls" => &["TLS"],
        "connect" | "connect-timeout" => &["TCP", "TLS", "login", "role"],
        "rejected" | "rejected-not-entra" => &["login"],
        "token-request" | "token-timeout" | "unusable-token" => &["token"],
        _ => &[],
    }
}

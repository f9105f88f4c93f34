//! What was seen of one mode and one victim, and whether it is what must hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    mode::Mode,
    server::Heard,
    victim::{Ended, Victim},
};

/// A debug build has some 60 MB before it does anything.
const MEMORY: u64 = 160 * 1024;

/// What `entra-pg-victim` prints.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// `ok`, or the error's code.
    pub code: String,
    pub error: String,
    pub took_ms: u64,
    /// In KiB.
    pub peak: u64,
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub mode: &'static str,
    pub victim: &'static str,
    pub code: String,
    /// The error, all of it.
    pub error: String,
    pub took: Duration,
    /// The process's peak memory, in KiB.
    pub peak: u64,
    /// What does not hold.
    pub faults: Vec<String>,
}

impl Seen {
    /// `slack` is for a machine that is busy.
    pub(super) fn judge(
        mode: &Mode,
        victim: Victim,
        ended: &Ended,
        heard: &Heard,
        slack: Duration,
    ) -> Self {
        let report = report(victim, ended);
        let mut seen = Self {
            mode: mode.name,
            victim: victim.name(),
            took: Duration::from_millis(report.took_ms),
            code: report.code,
            error: report.error,
            peak: report.peak.max(ended.peak),
            faults: Vec::new(),
        };
        seen.check_error(mode, victim);
        seen.check_limits(victim, slack);
        seen.check_secrets(mode, ended, heard);
        seen.check_lines(ended);
        seen
    }

    fn check_error(&mut self, mode: &Mode, victim: Victim) {
        // The doctor has no codes, but names the check.
        let coded = victim == Victim::Doctor || mode.codes.contains(&self.code.as_str());
        if !coded || (self.code == "ok" && !mode.codes.contains(&"ok")) {
            self.fault(format!("the code is not one of {:?}", mode.codes));
        }
        if self.code != "ok" && !mode.words.iter().any(|words| self.error.contains(words)) {
            self.fault(format!("it says none of {:?}", mode.words));
        }
    }

    fn check_limits(&mut self, victim: Victim, slack: Duration) {
        if self.took > victim.limit() + slack {
            self.fault(format!("it took longer than {:?}", victim.limit()));
        }
        if self.peak > MEMORY {
            self.fault(format!("it used more than {} MB", MEMORY / 1024));
        }
    }

    fn check_secrets(&mut self, mode: &Mode, ended: &Ended, heard: &Heard) {
        if holds_token(&heard.plain) {
            self.fault("a token left without TLS".into());
        }
        if holds_token(&heard.secured) && !mode.may_hear_token() {
            self.fault("a server that did not ask for it got the token".into());
        }
        let output = format!("{}{}", ended.stdout, ended.stderr);
        let pieces = heard.passwords.iter().flat_map(|token| pieces(token));
        if output.contains("eyJ") || pieces.into_iter().any(|piece| output.contains(&piece)) {
            self.fault("a token was printed".into());
        }
    }

    fn check_lines(&mut self, ended: &Ended) {
        if self.error.contains('\n') && self.victim != Victim::Doctor.name() {
            self.fault("the error has more than one line".into());
        }
        let output = [&ended.stdout, &ended.stderr, &self.error];
        if let Some(odd) = output.iter().find_map(|text| text.chars().find(is_odd)) {
            self.fault(format!("{odd:?} was printed"));
        }
    }

    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }
}

/// What a terminal would obey, or a reader not see.
fn is_odd(character: &char) -> bool {
    let bidirectional = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    bidirectional || (character.is_control() && *character != '\n')
}

fn holds_token(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|three| three == b"eyJ")
}

/// Parts of the signature, without which a token is of no use.
fn pieces(token: &str) -> Vec<String> {
    let signature = token.rsplit('.').next().unwrap_or_default();
    let middle = signature.len() / 2;
    [signature.get(..16), signature.get(middle..middle + 16)]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect()
}

fn report(victim: Victim, ended: &Ended) -> Report {
    let took_ms = u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX);
    let (code, error) = match (ended.status, victim) {
        (None, _) => ("hangs", format!("{}{}", ended.stdout, ended.stderr)),
        (Some(0), Victim::Doctor) => ("ok", String::new()),
        (Some(_), Victim::Doctor) => (failed_check(&ended.stdout), ended.stdout.clone()),
        (Some(_), Victim::Adapter(_)) => match serde_json::from_str(&ended.stdout) {
            Ok(report) => return report,
            Err(_) => ("crashed", ended.stderr.clone()),
        },
    };
    Report {
        code: code.to_owned(),
        error,
        took_ms,
        peak: 0,
    }
}

/// The first check that failed.
fn failed_check(output: &str) -> &str {
    let failed = output
        .lines()
        .find(|line| line.starts_with('✗') || line.contains("failed"));
    failed.unwrap_or("failed").trim()
}

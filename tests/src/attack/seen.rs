//! What was seen of one mode and one victim, and whether it is what must hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    mode::Mode,
    server::Heard,
    victim::{Ended, Victim},
};

/// A debug build has some 20 MB without an attack, and 90 MB with the symbols of a backtrace.
const MEMORY: u64 = 64 * 1024;

/// The code of a process that wanted more than [`DATA_LIMIT`](super::victim::DATA_LIMIT).
pub(super) const OUT_OF_MEMORY: &str = "out of memory";
pub(super) const HANGS: &str = "hangs";

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
    pub mode: String,
    pub victim: &'static str,
    /// The error's code, the doctor's check that failed, or how the process ended.
    pub code: String,
    /// The error, all of it.
    pub error: String,
    pub took: Duration,
    /// The process's peak memory, in KiB.
    pub peak: u64,
    /// What does not hold.
    pub faults: Vec<Fault>,
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
        let error = &report.error;
        let took = Duration::from_millis(report.took_ms);
        let peak = report.peak.max(ended.peak);
        let faults = [
            (!mode.is_kind(victim, &report.code), Fault::Kind),
            (!mode.is_said(&report.code, error), Fault::Words),
            (took > victim.limit() + slack, Fault::Time),
            (peak > MEMORY, Fault::Memory),
            (is_odd(victim, ended, error), Fault::Characters),
            (printed_token(ended, heard), Fault::TokenPrinted),
            (holds_token(&heard.plain), Fault::TokenInClear),
            (
                holds_token(&heard.secured) && !mode.may_hear_token(),
                Fault::TokenUnasked,
            ),
        ];
        let faults = faults
            .into_iter()
            .filter_map(|(is, fault)| is.then_some(fault));
        Self {
            mode: mode.name.clone(),
            victim: victim.name(),
            took,
            peak,
            faults: faults.collect(),
            code: report.code,
            error: report.error,
        }
    }
}

fn printed_token(ended: &Ended, heard: &Heard) -> bool {
    let output = format!("{}{}", ended.stdout, ended.stderr);
    let mut pieces = heard.secrets.iter().flat_map(|secret| pieces(secret));
    output.contains("eyJ") || pieces.any(|piece| output.contains(&piece))
}

/// A process that did not end by itself has no error of its own.
fn is_odd(victim: Victim, ended: &Ended, error: &str) -> bool {
    let lines = ended.status == Some(0) && victim != Victim::Doctor && error.contains('\n');
    let mut output = [&*ended.stdout, &*ended.stderr, error].into_iter();
    lines || output.any(|text| text.chars().any(is_obeyed))
}

/// What a terminal would obey, or a reader not see.
pub fn is_obeyed(character: char) -> bool {
    let bidirectional = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    bidirectional || (character.is_control() && character != '\n')
}

fn holds_token(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|three| three == b"eyJ")
}

/// Parts of a secret, or of a token's signature, without which it is of no use.
fn pieces(secret: &str) -> Vec<String> {
    let signature = secret.rsplit('.').next().unwrap_or_default();
    let middle = signature.len() / 2;
    [signature.get(..16), signature.get(middle..middle + 16)]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect()
}

fn report(victim: Victim, ended: &Ended) -> Report {
    let output = format!("{}{}", ended.stdout, ended.stderr);
    let (code, error) = match (ended.status, victim) {
        (None, _) => (HANGS, output),
        (Some(0), Victim::Doctor) => ("ok", String::new()),
        (Some(_), _) if output.contains("memory allocation of ") => (OUT_OF_MEMORY, output),
        (Some(_), Victim::Doctor) => failed_check(&ended.stdout),
        (Some(_), Victim::Adapter(_)) => match serde_json::from_str(&ended.stdout) {
            Ok(report) => return report,
            Err(_) => ("crashed", output),
        },
    };
    Report {
        code: code.to_owned(),
        error,
        took_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
        peak: 0,
    }
}

/// The first check that failed, and the report from there on.
fn failed_check(output: &str) -> (&str, String) {
    let failed = output.split_once("✗ ").map(|(_, failed)| failed);
    let (check, error) = failed
        .and_then(|failed| failed.split_once(' '))
        .unwrap_or_default();
    (check, error.trim_start().to_owned())
}

//! The checks and their outcomes.

use std::fmt;

use serde::Serialize;

use crate::status;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Step {
    Configuration,
    Dns,
    Tcp,
    Tls,
    Credential,
    Token,
    Login,
    Role,
}

impl Step {
    pub(crate) const ALL: [Self; 8] = [
        Self::Configuration,
        Self::Dns,
        Self::Tcp,
        Self::Tls,
        Self::Credential,
        Self::Token,
        Self::Login,
        Self::Role,
    ];

    /// Returns the checks that have to pass before this one.
    fn needs(self) -> &'static [Self] {
        match self {
            Self::Configuration | Self::Credential => &[],
            Self::Dns => &[Self::Configuration],
            Self::Tcp => &[Self::Dns],
            Self::Tls => &[Self::Tcp],
            Self::Token => &[Self::Credential],
            Self::Login => &[Self::Tls, Self::Token],
            Self::Role => &[Self::Login],
        }
    }

    fn exit_status(self) -> u8 {
        match self {
            Self::Configuration | Self::Credential => status::CONFIGURATION,
            Self::Token => status::TOKEN,
            Self::Dns | Self::Tcp | Self::Tls => status::CONNECTION,
            Self::Login | Self::Role => status::LOGIN,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Configuration => "configuration",
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Credential => "credential",
            Self::Token => "token",
            Self::Login => "login",
            Self::Role => "role",
        })
    }
}

/// The outcome of one check.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// With notes on what may become a problem.
    Passed {
        summary: String,
        notes: Vec<String>,
    },
    Failed(Finding),
    Skipped {
        because: Step,
    },
}

/// Why a check failed, and what to do about it, the likeliest first.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) cause: String,
    pub(crate) cures: Vec<String>,
}

impl Finding {
    pub(crate) fn new(cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            cause: cause.into(),
            cures: vec![cure.into()],
        }
    }
}

impl From<entra_pg_core::Error> for Finding {
    fn from(error: entra_pg_core::Error) -> Self {
        Self {
            cause: error.message().to_owned(),
            cures: vec![error.hint().to_owned()],
        }
    }
}

/// What a check found, and its outcome if it passed.
pub(super) type CheckResult<T> = Result<(T, Outcome), Finding>;

impl Outcome {
    pub(crate) fn passed(summary: impl Into<String>) -> Self {
        Self::Passed {
            summary: summary.into(),
            notes: Vec::new(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Report(Vec<(Step, Outcome)>);

impl Report {
    pub(crate) fn add(&mut self, step: Step, outcome: Outcome) {
        self.0.push((step, outcome));
    }

    /// Returns the first check that this one needs and that has not passed.
    pub(crate) fn missing_for(&self, step: Step) -> Option<Step> {
        let passed = |needed: &Step| {
            self.0
                .iter()
                .any(|(step, outcome)| step == needed && matches!(outcome, Outcome::Passed { .. }))
        };
        step.needs().iter().copied().find(|needed| !passed(needed))
    }

    pub(crate) fn checks(&self) -> &[(Step, Outcome)] {
        &self.0
    }

    /// Returns the check to fix first.
    pub(crate) fn first_failure(&self) -> Option<Step> {
        let failed = |(step, outcome): &(Step, Outcome)| {
            matches!(outcome, Outcome::Failed(_)).then_some(*step)
        };
        self.0.iter().find_map(failed)
    }

    pub(crate) fn exit_status(&self) -> u8 {
        self.first_failure().map_or(status::OK, Step::exit_status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn report(failed: &[Step]) -> Report {
        let mut report = Report::default();
        for step in Step::ALL {
            let outcome = match report.missing_for(step) {
                Some(because) => Outcome::Skipped { because },
                None if failed.contains(&step) => Outcome::Failed(Finding::new("cause", "cure")),
                None => Outcome::passed("fine"),
            };
            report.add(step, outcome);
        }
        report
    }

    fn skipped(report: &Report) -> Vec<Step> {
        let skipped = |(step, outcome): &(Step, Outcome)| {
            matches!(outcome, Outcome::Skipped { .. }).then_some(*step)
        };
        report.0.iter().filter_map(skipped).collect()
    }

    #[rstest]
    #[case(&[], &[], 0)]
    #[case(&[Step::Configuration], &[Step::Dns, Step::Tcp, Step::Tls, Step::Login, Step::Role], 3)]
    #[case(&[Step::Dns], &[Step::Tcp, Step::Tls, Step::Login, Step::Role], 5)]
    #[case(&[Step::Credential], &[Step::Token, Step::Login, Step::Role], 3)]
    #[case(&[Step::Token], &[Step::Login, Step::Role], 4)]
    #[case(&[Step::Tls, Step::Token], &[Step::Login, Step::Role], 5)]
    #[case(&[Step::Login], &[Step::Role], 6)]
    #[case(&[Step::Role], &[], 6)]
    fn what_can_be_tried_is_tried_and_the_first_failure_counts(
        #[case] failed: &[Step],
        #[case] left_out: &[Step],
        #[case] status: u8,
    ) {
        let report = report(failed);
        assert_eq!(skipped(&report), left_out);
        assert_eq!(report.exit_status(), status);
    }
}

//! The report for people: live on a terminal, plain lines otherwise.

use std::time::Duration;

use console::{Term, style};
use entra_pg_core::connect::one_line;
use indicatif::{ProgressBar, ProgressStyle};

use super::report::{Finding, Outcome, Report, Step};
use crate::{failure::Failure, output::print};

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(100);
const INDENT: &str = "                 ";

pub(crate) enum Display {
    /// Nothing before the report is complete, which is JSON.
    Quiet,
    Plain,
    Live,
}

impl Display {
    pub(crate) fn choose(json: bool) -> Self {
        if json {
            Self::Quiet
        } else if Term::stdout().is_term() && Term::stderr().is_term() {
            Self::Live
        } else {
            Self::Plain
        }
    }

    /// Shows a spinner while the check runs.
    pub(crate) async fn while_busy<T>(&self, step: Step, work: impl Future<Output = T>) -> T {
        let Self::Live = self else { return work.await };
        let bar = ProgressBar::new_spinner().with_message(step.to_string());
        bar.set_style(ProgressStyle::default_spinner().tick_strings(&["·", "•", "●", "•"]));
        bar.enable_steady_tick(TICK);
        let result = work.await;
        bar.finish_and_clear();
        result
    }

    pub(crate) fn show(&self, step: Step, outcome: &Outcome) -> Result<(), Failure> {
        match self {
            Self::Quiet => Ok(()),
            Self::Plain | Self::Live => print(&lines(step, outcome)),
        }
    }
}

pub(crate) fn conclude(report: &Report) -> Result<(), Failure> {
    print(&match report.first_failure() {
        None => "\nAll checks passed.\n".to_owned(),
        Some(step) => format!("\nFix this first: {step}.\n"),
    })
}

fn lines(step: Step, outcome: &Outcome) -> String {
    let (sign, summary) = match outcome {
        Outcome::Passed { summary, .. } => (style("✓").green(), summary.clone()),
        Outcome::Failed(finding) => (style("✗").red(), finding.cause.clone()),
        Outcome::Skipped { because } => (style("-").dim(), format!("skipped: needs {because}")),
    };
    let mut lines = format!("{sign} {step:14} {}\n", one_line(&summary));
    let (mark, details) = match outcome {
        Outcome::Passed { notes, .. } => ("note:", notes.as_slice()),
        Outcome::Failed(Finding { cures, .. }) => ("→", cures.as_slice()),
        Outcome::Skipped { .. } => ("", &[][..]),
    };
    for text in details {
        // SQL is on lines of its own.
        let text: Vec<_> = text.split('\n').map(one_line).collect();
        let text = text.join(&format!("\n{INDENT}    "));
        lines.extend([INDENT, mark, " ", &text, "\n"]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_followed_by_what_to_do() {
        console::set_colors_enabled(false);
        let failed = Outcome::Failed(Finding {
            cause: "broken".into(),
            cures: vec!["do this".into(), "run\nthat".into()],
        });
        assert_eq!(
            lines(Step::Tls, &failed),
            "✗ TLS            broken\n                 → do this\n                 → run\n                     that\n"
        );
        assert_eq!(
            lines(Step::Configuration, &Outcome::passed("fine")),
            "✓ configuration  fine\n"
        );
        assert_eq!(
            lines(Step::Login, &Outcome::Skipped { because: Step::Tls }),
            "- login          skipped: needs TLS\n"
        );
    }
}

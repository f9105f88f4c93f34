//! The report for programs.

use serde::Serialize;

use super::report::{Finding, Outcome, Report, Step};

#[derive(Serialize)]
pub(super) struct Json<'a> {
    ok: bool,
    exit_status: u8,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    check: &'static str,
    #[serde(flatten)]
    result: Status<'a>,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Status<'a> {
    Passed {
        summary: &'a str,
        notes: &'a [String],
    },
    Failed {
        cause: &'a str,
        cures: &'a [String],
    },
    Skipped {
        because: &'static str,
    },
}

impl<'a> Json<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        Self {
            ok: report.first_failure().is_none(),
            exit_status: report.exit_status(),
            checks: report.checks().iter().map(Check::of).collect(),
        }
    }
}

impl<'a> Check<'a> {
    fn of((step, outcome): &'a (Step, Outcome)) -> Self {
        Self {
            check: step.key(),
            result: match outcome {
                Outcome::Passed { summary, notes } => Status::Passed { summary, notes },
                Outcome::Failed(Finding { cause, cures }) => Status::Failed { cause, cures },
                Outcome::Skipped { because } => Status::Skipped {
                    because: because.key(),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_all_that_people_see() {
        let mut report = Report::default();
        report.add(Step::Dns, Outcome::passed("fine"));
        let finding = Finding::new("cause", "cure");
        report.add(Step::Tls, Outcome::Failed(finding));
        report.add(Step::Login, Outcome::Skipped { because: Step::Tls });
        assert_eq!(
            serde_json::to_value(Json::of(&report)).expect("JSON"),
            serde_json::json!({
                "ok": false,
                "exit_status": 5,
                "checks": [
                    {"check": "dns", "status": "passed", "summary": "fine", "notes": []},
                    {"check": "tls", "status": "failed", "cause": "cause", "cures": ["cure"]},
                    {"check": "login", "status": "skipped", "because": "tls"},
                ],
            })
        );
    }
}

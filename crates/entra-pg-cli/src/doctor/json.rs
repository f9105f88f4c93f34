//! The report for programs.

use serde::Serialize;

use super::report::{Outcome, Report, Step};

#[derive(Serialize)]
pub(super) struct Json<'a> {
    ok: bool,
    exit_status: u8,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    check: Step,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

impl<'a> Json<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let checks = report.checks().iter();
        Self {
            ok: report.first_failure().is_none(),
            exit_status: report.exit_status(),
            checks: checks
                .map(|(step, outcome)| Check {
                    check: *step,
                    outcome,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::report::Finding, *};

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

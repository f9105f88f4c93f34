//! Was the promise kept? Pure.

use crate::{evidence::Evidence, score::Score};

/// One adapter at the end.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) score: Score,
    pub(crate) evidence: Evidence,
}

/// What was promised and not kept; empty if all was.
pub(crate) fn broken_promises(
    lifetimes: u32,
    outcomes: &[Outcome],
    control: &Score,
) -> Vec<String> {
    let mut broken = Vec::new();
    for Outcome {
        name,
        score,
        evidence,
    } in outcomes
    {
        if let Some(first) = score.errors.first() {
            broken.push(format!(
                "{name} had {} errors, the first: {first}",
                score.errors.len()
            ));
        }
        if evidence.survived < lifetimes {
            broken.push(format!(
                "{name} opened new connections, and kept its first, through only {} of {lifetimes} lifetimes",
                evidence.survived
            ));
        }
    }
    if control.errors.is_empty() {
        broken.push("the pool with a pasted token did not fail, so nothing was proven".into());
    } else if control.queries == 0 {
        broken.push("the pool with a pasted token never worked, so nothing was proven".into());
    } else if !control.outlived {
        broken.push(format!(
            "the pool with a pasted token failed for another reason than its expiry: {}",
            control.errors[0]
        ));
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(errors: &[&str], survived: u32) -> Outcome {
        Outcome {
            name: "it",
            score: score(errors),
            evidence: Evidence {
                connections: 9,
                survived,
            },
        }
    }

    fn score(errors: &[&str]) -> Score {
        Score {
            errors: errors.iter().map(ToString::to_string).collect(),
            ..Score::default()
        }
    }

    #[test]
    fn only_a_flawless_run_next_to_a_failing_control_passes() {
        let failed = Score {
            queries: 2,
            outlived: true,
            ..score(&["expired"])
        };
        assert!(broken_promises(5, &[outcome(&[], 5)], &failed).is_empty());
        for (outcomes, control, told) in [
            (
                outcome(&["oops"], 5),
                failed.clone(),
                "it had 1 errors, the first: oops",
            ),
            (outcome(&[], 4), failed.clone(), "through only 4 of 5"),
            (
                outcome(&[], 5),
                Score {
                    queries: 0,
                    ..failed.clone()
                },
                "never worked",
            ),
            (
                outcome(&[], 5),
                Score {
                    outlived: false,
                    ..failed
                },
                "another reason than its expiry: expired",
            ),
            (outcome(&[], 5), score(&[]), "did not fail"),
        ] {
            let broken = broken_promises(5, &[outcomes], &control);
            assert!(broken.len() == 1 && broken[0].contains(told), "{broken:?}");
        }
    }
}

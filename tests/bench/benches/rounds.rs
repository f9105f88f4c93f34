//! Measures the subjects of a section in turn, round by round, and compares them within each round.

use crate::section::Section;

/// The values of one subject and one percentile: one for each round.
pub struct Row {
    pub name: String,
    pub percentile: u32,
    pub values: Vec<f64>,
    /// To the baseline of the same round; empty for one that has none.
    pub ratios: Vec<f64>,
    pub note: String,
}

pub async fn measure(section: &Section, rounds: usize) -> Vec<Row> {
    // All values of each subject, round by round.
    let mut all: Vec<Vec<Vec<f64>>> = section.subjects.iter().map(|_| Vec::new()).collect();
    for subject in &section.subjects {
        // What is made once, such as connections that others share, is not of any round.
        subject.measure().await;
    }
    for round in 0..rounds {
        // Each begins a round once, so that none is always behind the same other.
        for offset in 0..section.subjects.len() {
            let index = (round + offset) % section.subjects.len();
            let mut values = section.subjects[index].measure().await;
            values.sort_by(f64::total_cmp);
            all[index].push(values);
        }
    }
    let of = |index: usize, percentile: u32| -> Vec<f64> {
        let rounds = all[index].iter();
        rounds.map(|values| at(values, percentile)).collect()
    };
    let mut rows = Vec::new();
    for &percentile in section.percentiles {
        for (index, subject) in section.subjects.iter().enumerate() {
            let baseline = (section.baseline_of)(subject.name());
            let baseline = section
                .subjects
                .iter()
                .position(|other| other.name() == baseline);
            let values = of(index, percentile);
            let ratios = match baseline {
                Some(baseline) if baseline != index => {
                    let baseline = of(baseline, percentile);
                    values
                        .iter()
                        .zip(baseline)
                        .map(|(value, of)| value / of)
                        .collect()
                }
                _ => Vec::new(),
            };
            rows.push(Row {
                name: subject.name().to_owned(),
                percentile,
                values,
                ratios,
                note: subject.note(),
            });
        }
    }
    rows
}

/// The value below which so many of a hundred are.
fn at(sorted: &[f64], percentile: u32) -> f64 {
    let last = sorted.len() - 1;
    sorted[(last * percentile as usize).div_ceil(100)]
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    at(&sorted, 50)
}

/// The least and the most.
pub fn range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, most)
}

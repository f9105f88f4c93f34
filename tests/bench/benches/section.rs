//! One question of the report: what is measured, of whom, and what is expected.

use async_trait::async_trait;

/// What answers a question. Each round asks it once.
#[async_trait]
pub trait Subject: Send + Sync {
    fn name(&self) -> &str;

    /// The values of one round, in the section's unit.
    async fn measure(&self) -> Vec<f64>;

    /// What a reader should know beside the numbers.
    fn note(&self) -> String {
        String::new()
    }
}

pub struct Section {
    pub title: &'static str,
    /// What was done, in a sentence or two.
    pub about: &'static str,
    pub unit: Unit,
    /// The parts of each round's values that are reported, as percentiles.
    pub percentiles: &'static [u32],
    pub subjects: Vec<Box<dyn Subject>>,
    /// The name of the one to which each is compared: a subject's, or that of its own baseline.
    pub baseline_of: fn(&str) -> &'static str,
    pub goals: Vec<Goal>,
}

#[derive(Clone, Copy)]
pub enum Unit {
    Nanoseconds,
    Milliseconds,
    /// More is better.
    PerSecond,
}

impl Unit {
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => format!("{value:.0} ns"),
            Self::Milliseconds if value < 10.0 => format!("{value:.2} ms"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::PerSecond => format!("{value:.0}/s"),
        }
    }
}

/// What the ratio of one subject to its baseline should be.
pub struct Goal {
    pub subject: &'static str,
    pub limit: Limit,
    /// Why it is missed, if it is: known, and said beside it.
    pub reason: &'static str,
}

#[derive(Clone, Copy)]
pub enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Limit {
    pub fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(limit) => ratio <= limit,
            Self::AtLeast(limit) => ratio >= limit,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(limit) => write!(f, "at most {limit}"),
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
        }
    }
}

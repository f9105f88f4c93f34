//! What is shown while it runs: moving lines on a terminal, one line per lifetime and event otherwise.

use std::{io::IsTerminal, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::score::Score;

pub(crate) struct Display {
    bars: Option<Vec<ProgressBar>>,
    each: Duration,
    total: Duration,
    lifetime_said: u32,
    failure_said: Vec<bool>,
}

impl Display {
    pub(crate) fn new(names: &[&'static str], each: Duration, count: u32) -> Self {
        let total = each * count;
        let bars = std::io::stderr().is_terminal().then(|| bars(names, total));
        Self {
            bars,
            each,
            total,
            lifetime_said: 0,
            failure_said: vec![false; names.len()],
        }
    }

    /// `scores` in the order of the names, and how long the current token still lives.
    pub(crate) fn show(
        &mut self,
        elapsed: Duration,
        token_left: Duration,
        scores: &[(&'static str, Score)],
    ) {
        if let Some(bars) = &self.bars {
            for (bar, (_, score)) in bars.iter().zip(scores) {
                bar.set_position(millis(elapsed.min(self.total)));
                bar.set_message(format!(
                    "{:>3} connections {:>5} queries {:>2} errors",
                    score.connections.len(),
                    score.queries,
                    score.errors.len()
                ));
            }
            if let Some(bar) = bars.last() {
                bar.set_position(millis(token_left.min(self.each)));
                bar.set_message(format!("{:.1} s left", token_left.as_secs_f64()));
            }
        } else {
            self.say(elapsed, scores);
        }
    }

    fn say(&mut self, elapsed: Duration, scores: &[(&'static str, Score)]) {
        for (said, (name, score)) in self.failure_said.iter_mut().zip(scores) {
            if let (false, Some(error)) = (*said, score.errors.first()) {
                *said = true;
                println!(
                    "after {:>4.1} s: {name} fails: {error}",
                    elapsed.as_secs_f64()
                );
            }
        }
        let passed =
            u32::try_from(elapsed.as_millis() / self.each.as_millis().max(1)).unwrap_or(u32::MAX);
        if passed > self.lifetime_said {
            self.lifetime_said = passed;
            let counts = scores.iter().map(|(name, score)| {
                format!("{name} {}/{}", score.connections.len(), score.errors.len())
            });
            println!(
                "after {:>4.1} s, {passed} token lifetimes; connections/errors: {}",
                elapsed.as_secs_f64(),
                counts.collect::<Vec<_>>().join(", ")
            );
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for bar in self.bars.iter().flatten() {
            bar.abandon();
        }
    }
}

fn bars(names: &[&'static str], total: Duration) -> Vec<ProgressBar> {
    let style = ProgressStyle::with_template("{prefix:22} {bar:30} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let all = MultiProgress::new();
    names
        .iter()
        .copied()
        .chain(["the current token"])
        .map(|name| {
            let bar = all.add(ProgressBar::new(millis(total)));
            bar.set_style(style.clone());
            bar.set_prefix(name);
            bar
        })
        .collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

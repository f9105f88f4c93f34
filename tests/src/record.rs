//! One measurement, and the file that collects them when asked for by [`FILE`].

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::scenarios::FaultScenario;

/// The environment variable that names the file to which measurements are appended, one JSON object a line.
pub const FILE: &str = "ENTRA_PG_FAULTS_FILE";

/// What happened to one adapter under one fault. Written down only once everything has been asserted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub row: FaultScenario,
    pub adapter: String,
    /// Which kind of the row's fault.
    pub case: String,
    pub operations: u64,
    pub failed: u64,
    /// Requests to the token endpoint since the fault began.
    pub token_requests: u64,
    /// The longest operation.
    pub longest: Duration,
    /// What else there is to know.
    pub note: String,
}

impl Measured {
    /// Appends it to the file, if there is to be one. One short write in append mode does not mix with others'.
    pub fn record(&self) {
        let Some(path) = std::env::var_os(FILE) else {
            return;
        };
        let mut line = serde_json::to_string(self).expect("plain data");
        line.push('\n');
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .expect("the file of measurements can be opened");
        file.write_all(line.as_bytes())
            .expect("the file of measurements can be written");
    }

    pub fn read_all(path: &Path) -> Vec<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a measurement"))
            .collect()
    }
}

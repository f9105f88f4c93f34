//! The machine and the versions that a report is of.

use std::{fs, process::Command, thread};

pub fn describe() -> Vec<(&'static str, String)> {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let memory = first_of("/proc/meminfo", "MemTotal:").unwrap_or_default();
    let memory: f64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
    let processor = first_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
    vec![
        (
            "processor",
            format!("{}, {cores} cores", processor.trim_start_matches(": ")),
        ),
        ("memory", format!("{:.0} GiB", memory / 1024.0 / 1024.0)),
        ("system", output("uname", &["-sr"])),
        ("compiler", output("rustc", &["--version"])),
        (
            "commit",
            output("git", &["log", "-1", "--format=%h of %as"]),
        ),
    ]
}

/// What follows a name at the begin of a line.
fn first_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    Some(line?.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    output.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

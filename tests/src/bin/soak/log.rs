//! What the adapters log meanwhile: no line may hold what a terminal obeys, or be two.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::judge::is_one_line;

/// The lines that are not right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Reads what this process logs from now on.
    pub(crate) fn start() -> Self {
        let log = Self::default();
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("entra_pg=info"))
            .with_ansi(false)
            .with_writer(log.clone())
            .init();
        log
    }

    pub(crate) fn odd_lines(&self) -> Vec<String> {
        let lines = self.0.lock();
        lines.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Each event is written at once.
impl io::Write for Log {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(event);
        if !is_one_line(line.trim_end_matches('\n')) {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push(line.into_owned());
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn an_event_of_two_lines_is_odd() {
        let mut log = Log::default();
        log.write_all(b"one line\n").unwrap();
        assert!(log.odd_lines().is_empty());
        log.write_all(b"two\nlines\n").unwrap();
        log.write_all(b"a screen\x1b[2J\n").unwrap();
        assert_eq!(log.odd_lines().len(), 2);
    }
}

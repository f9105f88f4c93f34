//! What the server's records prove about one contestant. Pure.

use std::{collections::BTreeSet, time::Duration};

use crate::records::Record;

/// Consecutive token lifetimes from a moment on, by the server's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    /// In microseconds since 1970.
    pub(crate) begin: i64,
    pub(crate) each: Duration,
    pub(crate) count: u32,
}

impl Lifetimes {
    /// Which lifetime a moment lies in.
    fn of(self, moment: i64) -> Option<u32> {
        let passed = u128::try_from(moment - self.begin).ok()?;
        let number = u32::try_from(passed / self.each.as_micros()).ok()?;
        (number < self.count).then_some(number)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Physical connections, each a server process of its own.
    pub(crate) connections: usize,
    /// Lifetimes, from the first on and without a gap, in which a new connection was opened and written over, and the one
    /// that was opened first was written over too.
    pub(crate) survived: u32,
}

impl Evidence {
    pub(crate) fn of(application: &str, records: &[Record], lifetimes: Lifetimes) -> Self {
        let own = || {
            records
                .iter()
                .filter(|record| record.application == application)
        };
        let connections: BTreeSet<_> = own()
            .map(|record| (record.backend, record.opened))
            .collect();
        let opened: BTreeSet<_> = own()
            .filter(|r| !r.kept)
            .filter_map(|r| lifetimes.of(r.opened))
            .collect();
        let first = own().find(|r| r.kept).map(|r| (r.backend, r.opened));
        let kept: BTreeSet<_> = own()
            .filter(|r| r.kept && Some((r.backend, r.opened)) == first)
            .filter_map(|r| lifetimes.of(r.written))
            .collect();
        let alive = |number: &u32| opened.contains(number) && kept.contains(number);
        let survived = (0..lifetimes.count).take_while(alive).count();
        Self {
            connections: connections.len(),
            survived: u32::try_from(survived).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes = Lifetimes {
        begin: 1_000,
        each: Duration::from_micros(100),
        count: 3,
    };

    fn record(backend: i32, opened: i64, written: i64, kept: bool) -> Record {
        Record {
            application: "a".into(),
            backend,
            opened,
            written,
            kept,
        }
    }

    #[test]
    fn a_lifetime_without_a_new_connection_is_not_survived() {
        let kept = [1_010, 1_110, 1_210].map(|written| record(1, 1_001, written, true));
        let fresh = [
            record(2, 1_020, 1_030, false),
            record(3, 1_220, 1_230, false),
        ];
        let evidence = Evidence::of("a", &[&kept[..], &fresh].concat(), LIFETIMES);
        assert_eq!(
            evidence,
            Evidence {
                connections: 3,
                survived: 1
            }
        );
    }

    #[test]
    fn a_lost_old_connection_ends_survival() {
        let records = [
            record(1, 1_001, 1_010, true),
            record(2, 1_020, 1_030, false),
            record(3, 1_120, 1_130, false),
        ];
        assert_eq!(Evidence::of("a", &records, LIFETIMES).survived, 1);
    }

    #[test]
    fn a_replaced_old_connection_ends_survival() {
        let records = [
            record(1, 1_001, 1_010, true),
            record(2, 1_020, 1_030, false),
            record(9, 1_105, 1_110, true),
            record(3, 1_120, 1_130, false),
        ];
        assert_eq!(Evidence::of("a", &records, LIFETIMES).survived, 1);
    }

    #[test]
    fn another_contestants_rows_prove_nothing() {
        let records = [
            record(1, 1_001, 1_010, true),
            record(2, 1_020, 1_030, false),
        ];
        assert_eq!(Evidence::of("b", &records, LIFETIMES), Evidence::default());
    }
}

//! Where the checker may switch tasks.

use shuttle::sync::atomic::{AtomicBool, Ordering};

/// Another task may run here.
pub(crate) fn scheduling_point() {
    AtomicBool::new(false).load(Ordering::SeqCst);
}

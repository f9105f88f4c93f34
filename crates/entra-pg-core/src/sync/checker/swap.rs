//! The atomic pointer to the current token.

use std::sync::{Arc, Mutex, PoisonError};

use super::schedule::scheduling_point;

/// Read and written in one step each.
pub(crate) struct ArcSwapOption<T>(Mutex<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn load_full(&self) -> Option<Arc<T>> {
        scheduling_point();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn store(&self, value: Option<Arc<T>>) {
        scheduling_point();
        let old = std::mem::replace(
            &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner),
            value,
        );
        drop(old);
    }
}

//! Which server runs which session: a request to cancel goes to where the query runs, wherever the host's name leads by now.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use entra_pg_core::connect::ServerAddress;

use super::startup_response::backend_key;

/// Servers by the process number and the secret of a session.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<Vec<u8>, ServerAddress>>>);

impl Sessions {
    /// Keeps the server until the result is dropped. `None` for a session without a key, which nothing can cancel.
    pub(crate) fn add(&self, startup_response: &[u8], server: ServerAddress) -> Option<Running> {
        let key = backend_key(startup_response)?.to_owned();
        self.lock().insert(key.clone(), server);
        let sessions = self.clone();
        Some(Running { sessions, key })
    }

    pub(crate) fn server(&self, key: &[u8]) -> Option<ServerAddress> {
        self.lock().get(key).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, ServerAddress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Running {
    sessions: Sessions,
    key: Vec<u8>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.key);
    }
}

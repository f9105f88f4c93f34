//! What `initdb` makes, kept for the next emulators of this process: a copy takes a tenth of its time.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{Binaries, Supervisor};
use crate::{Error, resources::Account, sync::lock};

/// What a data directory depends on.
type Key = (Binaries, Option<Account>);

enum Kept {
    Nothing,
    /// One emulator was started, which is all that most processes do.
    Asked(Key),
    Template(Key, Template),
}

/// A supervisor that starts no server. When this process ends, it removes the directory.
struct Template {
    supervisor: Arc<Supervisor>,
    is_ready: Arc<AtomicBool>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept::Nothing);

/// Returns a data directory to copy, if there is one by now. The second call of a process begins to make it, and nobody waits.
pub(crate) fn template(binaries: &Binaries, account: Option<Account>) -> Option<PathBuf> {
    let key = (binaries.clone(), account);
    let mut kept = lock(&KEPT);
    match &*kept {
        Kept::Nothing => *kept = Kept::Asked(key),
        Kept::Asked(asked) if *asked == key => {
            // A failure is no matter: each emulator then runs `initdb`, and says what is wrong.
            if let Ok(template) = Template::make(binaries, account) {
                *kept = Kept::Template(key, template);
            }
        }
        Kept::Template(made, template) if *made == key => return template.data(),
        // Other programs or another account: rare enough.
        _ => {}
    }
    None
}

impl Template {
    fn make(binaries: &Binaries, account: Option<Account>) -> Result<Self, Error> {
        let supervisor = Arc::new(Supervisor::start(binaries, account, None)?);
        let is_ready = Arc::<AtomicBool>::default();
        let made = Self {
            supervisor: Arc::clone(&supervisor),
            is_ready: Arc::clone(&is_ready),
        };
        thread::spawn(move || {
            let succeeded = matches!(supervisor.read_status(), Ok(0));
            is_ready.store(succeeded, Ordering::Release);
        });
        Ok(made)
    }

    fn data(&self) -> Option<PathBuf> {
        let layout = self.supervisor.directory().ok()?;
        self.is_ready.load(Ordering::Acquire).then(|| layout.data())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::mpsc, time::Duration};

    use super::*;
    use crate::Emulator;

    #[test]
    fn a_copy_needs_no_initdb_and_outlives_its_template() {
        let account = Account::unprivileged().expect("an account");
        let binaries = Binaries::find().expect("PostgreSQL");
        let start = |template: Option<PathBuf>| {
            let supervisor = Supervisor::start(&binaries, account, template).expect("starts");
            assert_eq!(supervisor.read_status().expect("a status"), 0);
            let data = supervisor.directory().expect("a directory").data();
            (supervisor, data)
        };
        // It holds the cluster's identifier, which initdb draws.
        let identity = |data: &PathBuf| fs::read(data.join("global/pg_control")).expect("a file");
        let (template, data) = start(None);
        let drawn = identity(&data);
        let (_kept, copy) = start(Some(data.clone()));
        template.shutdown().expect("it ends");
        assert!(identity(&copy) == drawn, "initdb ran");
        let (_made, other) = start(Some(data));
        assert!(identity(&other) != drawn, "the template was removed");
    }

    #[test]
    fn a_start_does_not_hold_up_the_runtime_of_its_caller() {
        // The start has to wait for it.
        let kept = lock(&KEPT);
        let (sender, receiver) = mpsc::channel();
        let caller = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(async {
                let other_task = async { sender.send(()) };
                let (emulator, _) = tokio::join!(Emulator::start(), other_task);
                emulator?.stop().await
            })
        });
        let other_task = receiver.recv_timeout(Duration::from_secs(60));
        drop(kept);
        let ended = caller.join().expect("no panic");
        ended.expect("it starts and stops");
        other_task.expect("it did not wait");
    }
}

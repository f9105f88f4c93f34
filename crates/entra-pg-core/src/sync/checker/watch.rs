//! Tokio's channel, each of whose operations is one step.

use tokio::sync::watch as tokio_watch;
pub(crate) use tokio_watch::{Ref, error::RecvError};

use super::schedule::scheduling_point;

pub(crate) fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

pub(crate) struct Sender<T>(tokio_watch::Sender<T>);

impl<T> Sender<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(tokio_watch::Sender::new(value))
    }

    pub(crate) fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        scheduling_point();
        self.0.send_modify(modify);
    }

    pub(crate) fn send_replace(&self, value: T) -> T {
        scheduling_point();
        self.0.send_replace(value)
    }

    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        self.0.borrow()
    }

    pub(crate) fn subscribe(&self) -> Receiver<T> {
        Receiver(self.0.subscribe())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Receivers see that the channel is closed.
        scheduling_point();
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Receiver<T>(tokio_watch::Receiver<T>);

impl<T> Receiver<T> {
    pub(crate) async fn wait_for(
        &mut self,
        condition: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, RecvError> {
        scheduling_point();
        self.0.wait_for(condition).await
    }

    pub(crate) async fn changed(&mut self) -> Result<(), RecvError> {
        scheduling_point();
        self.0.changed().await
    }
}

//! The operator's use cases run on one thread: their caches and batches belong to it. The server hands work over and
//! waits for its result.

use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

/// Work, as it is handed over.
type Task = Box<dyn FnOnce() + Send>;

/// A place to hand work to.
#[derive(Clone)]
pub(crate) struct Worker(mpsc::UnboundedSender<Task>);

/// The work as it arrives.
pub(crate) struct Inbox(mpsc::UnboundedReceiver<Task>);

/// The console is ending: nothing takes work any more.
#[derive(Debug)]
pub(crate) struct Ended;

impl Worker {
    pub(crate) fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), Inbox(receiver))
    }

    /// Runs a future on the worker's thread and returns its result.
    ///
    /// # Errors
    /// [`Ended`].
    pub(crate) async fn run<T, F, Fut>(&self, make: F) -> Result<T, Ended>
    where
        T: Send + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
    {
        let (tell, hear) = oneshot::channel();
        let task: Task = Box::new(move || {
            spawn_local(async move {
                // Whoever asked may have gone; the work is done all the same.
                let _ = tell.send(make().await);
            });
        });
        self.0.send(task).map_err(|_| Ended)?;
        hear.await.map_err(|_| Ended)
    }
}

impl Inbox {
    /// Takes work until every [`Worker`] is gone.
    pub(crate) async fn serve(mut self) {
        LocalSet::new()
            .run_until(async move {
                while let Some(task) = self.0.recv().await {
                    task();
                }
            })
            .await;
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[tokio::test]
    async fn runs_what_belongs_to_one_thread() {
        let (worker, inbox) = Worker::new();
        let work = async move {
            let slow = worker.run(|| async {
                let held = Rc::new(20);
                tokio::task::yield_now().await;
                *held + 1
            });
            slow.await.unwrap()
        };
        assert_eq!(tokio::join!(work, inbox.serve()).0, 21);
    }
}

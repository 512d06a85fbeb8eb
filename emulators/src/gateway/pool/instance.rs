//! One instance: what it works on, and the process behind it.

use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::AbortHandle;

use super::super::journal::{InvocationIndex, lock};
use super::InvocationOutcome;

/// A place for a process that takes one event at a time.
#[derive(Default)]
pub(super) struct InstanceSlot {
    busy: Mutex<Option<Busy>>,
    /// Kills the process, if there is one.
    kill: Mutex<Option<Arc<Notify>>>,
    life: watch::Sender<Life>,
}

/// The state of the place's process.
#[derive(Clone, Copy, Default)]
struct Life {
    /// How many processes have died here.
    deaths: u64,
    asked_for_work: bool,
}

/// An event that was given to the process.
pub(super) struct Busy {
    pub(super) request_id: String,
    pub(super) entry: InvocationIndex,
    /// `None` once answered; the process is still busy until it asks for more.
    pub(super) reply: Option<oneshot::Sender<InvocationOutcome>>,
    /// Kills the process at the deadline.
    pub(super) watchdog: AbortHandle,
}

/// Resolves when the process that asked is dead.
pub(super) struct Replaced(watch::Receiver<Life>, u64);

impl Replaced {
    pub(super) async fn changed(&mut self) {
        let deaths = self.1;
        // An error is the gateway's end.
        let _ = self.0.wait_for(|life| life.deaths != deaths).await;
    }

    pub(super) fn has_happened(&self) -> bool {
        self.0.borrow().deaths != self.1
    }
}

impl InstanceSlot {
    pub(super) fn is_ready(&self) -> bool {
        self.life.borrow().asked_for_work
    }

    pub(super) fn asks_for_work(&self) -> Replaced {
        self.life.send_modify(|life| life.asked_for_work = true);
        let receiver = self.life.subscribe();
        let deaths = receiver.borrow().deaths;
        Replaced(receiver, deaths)
    }

    pub(super) fn set_busy(&self, busy: Busy) {
        *lock(&self.busy) = Some(busy);
    }

    pub(super) fn take_busy(&self) -> Option<Busy> {
        lock(&self.busy).take()
    }

    /// Only if it is still at work on this event.
    pub(super) fn take_busy_with(&self, request_id: &str) -> Option<Busy> {
        lock(&self.busy).take_if(|busy| busy.request_id == request_id)
    }

    pub(super) fn take_reply(
        &self,
        request_id: &str,
    ) -> Option<(InvocationIndex, oneshot::Sender<InvocationOutcome>)> {
        let mut busy = lock(&self.busy);
        let busy = busy.as_mut().filter(|busy| busy.request_id == request_id)?;
        Some((busy.entry, busy.reply.take()?))
    }

    pub(super) fn started(&self, kill: Arc<Notify>) {
        *lock(&self.kill) = Some(kill);
    }

    pub(super) fn died(&self) {
        lock(&self.kill).take();
        self.life.send_modify(|life| {
            life.deaths += 1;
            life.asked_for_work = false;
        });
    }

    pub(super) fn kill(&self) {
        if let Some(kill) = &*lock(&self.kill) {
            kill.notify_one();
        }
    }

    pub(super) async fn kill_and_wait(&self) -> Result<()> {
        let mut life = self.life.subscribe();
        let deaths = life.borrow().deaths;
        lock(&self.kill).as_ref().context("no process")?.notify_one();
        life.wait_for(|life| life.deaths != deaths).await?;
        Ok(())
    }
}

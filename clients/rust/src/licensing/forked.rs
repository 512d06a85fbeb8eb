//! A process forked from the one that opened the license.
//!
//! The child has copies of all locks, and a lock that another thread of the parent held at that moment stays locked in
//! the child for ever. It also has copies of the store's file handles and of the connections to the server, which it must
//! not use. **Invariant:** in a forked child the library takes no lock, sends nothing, writes nothing and closes nothing.
//! Looks show the license as the parent last stored it.

use std::sync::{PoisonError, RwLock, TryLockError};

use super::{Memory, Shared};

/// Copies of the memory, for looks in a forked child. The session writes one after the other, and nobody else locks them
/// in the parent. At any moment at least one of the two can be read.
pub(super) struct MemoryCopies([RwLock<Memory>; 2]);

impl MemoryCopies {
    pub(super) fn new(memory: &Memory) -> Self {
        Self([RwLock::new(memory.clone()), RwLock::new(memory.clone())])
    }

    /// Replaces both copies. Only the running session may call it, because two writers could lock both copies at once.
    pub(super) fn replace(&self, memory: &Memory) {
        for copy in &self.0 {
            *copy.write().unwrap_or_else(PoisonError::into_inner) = memory.clone();
        }
    }

    fn read(&self) -> Memory {
        loop {
            for copy in &self.0 {
                match copy.try_read() {
                    Ok(memory) => return memory.clone(),
                    Err(TryLockError::Poisoned(memory)) => return memory.into_inner().clone(),
                    Err(TryLockError::WouldBlock) => {}
                }
            }
            std::thread::yield_now();
        }
    }
}

impl Shared {
    /// True in a process that was forked from the one that opened the license.
    pub(super) fn is_forked(&self) -> bool {
        std::process::id() != self.process
    }

    /// Looks at the memory, or at a copy of it in a forked child.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        if self.is_forked() { look(&mut self.copies.read()) } else { look(&mut self.memory()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::clock::{ClockReading, UnixSeconds};
    use crate::state::StoredDecision;
    use crate::timeline::{TimeCheckpoint, Timeline};

    fn memory(failed_at: i64) -> Memory {
        let clocks = ClockReading { wall: falconer_domain::UnixMillis(0), monotonic: Duration::default() };
        Memory {
            decision: StoredDecision::NoLicense,
            claims: None,
            key: None,
            fingerprint: None,
            failed_at: Some(UnixSeconds(failed_at)),
            pending: None,
            notice: None,
            timeline: Timeline::resumed(
                TimeCheckpoint::default(),
                crate::timeline::CheckpointIntegrity::Intact,
                clocks,
            ),
        }
    }

    /// The writer stops at any moment for ever, as in a child; a stopped writer holds one lock at most.
    #[test]
    fn copy_is_readable_while_other_is_locked() {
        let copies = MemoryCopies::new(&memory(1));
        for held in 0..2 {
            let _held = copies.0[held].write().unwrap();
            assert_eq!(copies.read().failed_at, Some(UnixSeconds(1)));
        }
    }

    #[test]
    fn copies_are_whole_under_a_writer() {
        let (copies, ends) = (Arc::new(MemoryCopies::new(&memory(0))), Arc::new(AtomicBool::new(false)));
        let (written, ended) = (Arc::clone(&copies), Arc::clone(&ends));
        let writer = std::thread::spawn(move || {
            for number in 1.. {
                written.replace(&memory(number));
                if ended.load(Ordering::Relaxed) {
                    return number;
                }
            }
            0
        });
        for _ in 0..10_000 {
            assert!(copies.read().failed_at.is_some());
        }
        ends.store(true, Ordering::Relaxed);
        let last = writer.join().unwrap();
        assert_eq!(copies.read().failed_at, Some(UnixSeconds(last)));
    }
}

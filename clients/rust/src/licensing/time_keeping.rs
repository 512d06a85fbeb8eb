//! Time keeping: writes the time that has passed into the row, under a seal, so that a restart does not forget it.

use std::time::Duration;

use super::Shared;
use super::session::Session;
use super::verified_record::{self, VerifiedRecord};
use crate::state::StoredDecision;
use crate::timeline::{CheckpointIntegrity, TimeCheckpoint};

impl Session<'_> {
    /// Stores the time if it is `at_least` later than the stored one, or if the clock was set since: a later start could
    /// not find that out.
    pub(super) fn keep_time(&mut self, at_least: Duration) {
        let (checkpoint, _) = self.shared.checkpoint();
        let stored = self.state.record.checkpoint;
        let later = checkpoint.floor.0.saturating_sub(stored.floor.0);
        let is_later = u128::try_from(later).is_ok_and(|later| later >= at_least.as_millis());
        if is_later || checkpoint.skew_millis != stored.skew_millis {
            self.write_time();
        }
    }

    /// Stores the time under a new seal. Only a lease needs it. A tampered checkpoint is left alone, because a new seal
    /// would make it valid. Where another process stored the time since, the later floor counts.
    pub(super) fn write_time(&mut self) {
        let config = &self.shared.config;
        let (checkpoint, integrity) = self.shared.checkpoint();
        let (answer, read) = (self.state.record.answer.clone(), self.state.record.checkpoint);
        self.keep(|record| {
            let VerifiedRecord {
                decision: StoredDecision::Leased(_),
                integrity: CheckpointIntegrity::Intact,
                claims: Some(claims),
                key: Some(key),
                ..
            } = VerifiedRecord::of(record, config)
            else {
                return;
            };
            let answer = record.answer.as_ref().filter(|stored| Some(*stored) == answer.as_ref());
            let (Some(answer), CheckpointIntegrity::Intact) = (answer, integrity) else { return };
            let checkpoint = if record.checkpoint == read {
                checkpoint
            } else {
                TimeCheckpoint { floor: record.checkpoint.floor.max(checkpoint.floor), ..record.checkpoint }
            };
            let answer = answer.clone();
            record.checkpoint = checkpoint;
            record.seal = Some(verified_record::seal_of(record, &answer, &key, &claims));
        });
    }
}

impl Shared {
    /// Checkpoint of this moment, and whether the one that it goes back to was intact.
    fn checkpoint(&self) -> (TimeCheckpoint, CheckpointIntegrity) {
        let mut memory = self.memory();
        memory.observe_time(&self.config);
        (memory.timeline.checkpoint(), memory.timeline.integrity())
    }
}

//! Persistence: changes the row on disk, reads what other processes wrote, and merges changes that could not be written.

use super::merge::merge;
use super::session::Session;
use super::verified_record::{VerifiedRecord, replace_trusted_keys};
use super::{Config, Pending};
use crate::store::Record;
use crate::timeline::Timeline;

impl Session<'_> {
    /// Changes the row: on disk where that works, in memory in any case. `change` may run twice.
    pub(super) fn keep(&mut self, change: impl Fn(&mut Record)) {
        let (shared, state) = (self.shared, &mut *self.state);
        let (own, unsaved_base) = (&state.record, &state.unsaved_base);
        let kept = state.store.update(|record| {
            if let Some(base) = unsaved_base {
                *record = merged(record, base, own, &shared.config);
            }
            change(record);
        });
        match kept {
            Ok(record) => {
                // The failure that left changes unsaved has passed.
                if state.unsaved_base.take().is_some() {
                    state.notice = None;
                }
                self.adopt(record);
            }
            Err(error) => {
                let mut record = state.record.clone();
                change(&mut record);
                if state.unsaved_base.is_none() {
                    if record == state.record {
                        return;
                    }
                    state.unsaved_base = Some(state.record.clone());
                }
                state.notice = Some(error.user_message_while_running());
                tracing::warn!(?error, "license not saved; kept in memory until the store can be written");
                self.adopt(record);
            }
        }
    }

    /// Reads the row from disk. Unsaved changes stay where the disk has nothing newer.
    pub(super) fn reload(&mut self) {
        let (shared, state) = (self.shared, &mut *self.state);
        let Ok(row) = state.store.read() else { return };
        let record = match &mut state.unsaved_base {
            None => row,
            Some(base) => {
                let record = merged(&row, base, &state.record, &shared.config);
                *base = row;
                record
            }
        };
        if record != state.record {
            self.adopt(record);
        }
    }

    /// Makes `record` the row that counts, verifies it, and updates the memory that `status` reads.
    ///
    /// A newer answer brings its own time. The checkpoint of the same or of an older answer may only add to the time that
    /// this process has seen pass.
    fn adopt(&mut self, record: Record) {
        let config = &self.shared.config;
        let clocks = config.clock.now();
        let state = &mut *self.state;
        let before = std::mem::replace(&mut state.record, record);
        let verified = VerifiedRecord::of(&state.record, config);
        let verified_before = std::mem::replace(&mut state.verified, verified);
        let (record, verified) = (&state.record, &state.verified);
        let mut memory = self.shared.memory();
        memory.decision = verified.decision;
        memory.claims.clone_from(&verified.claims);
        memory.key.clone_from(&verified.key);
        memory.fingerprint.clone_from(&verified.fingerprint);
        memory.failed_at = record.failed_at;
        memory.pending = Pending::of(record);
        memory.notice = state.notice;
        let has_changed =
            |a: &Record, b: &Record| (a.checkpoint, &a.seal, &a.answer) != (b.checkpoint, &b.seal, &b.answer);
        if record.answer != before.answer && !goes_back(verified, &verified_before) {
            memory.timeline = Timeline::resumed(record.checkpoint, verified.integrity, clocks);
        } else if has_changed(record, &before) {
            memory.timeline.join(record.checkpoint, verified.integrity, clocks);
        }
        let copy = memory.clone();
        drop(memory);
        self.shared.copies.replace(&copy);
    }
}

/// Merges two rows. The answer and the keys may come from different ones, so the seal is made anew where it fitted.
fn merged(disk: &Record, base: &Record, own: &Record, config: &Config) -> Record {
    let issued_at = |row: &Record| VerifiedRecord::of(row, config).issued_at();
    let mut merged = merge(disk, base, own, issued_at);
    let keys = merged.trusted_keys.clone();
    let is_source = |row: &&Record| (&row.answer, &row.seal) == (&merged.answer, &merged.seal);
    if let Some(source) = [disk, own].into_iter().find(is_source) {
        merged.trusted_keys.clone_from(&source.trusted_keys);
        replace_trusted_keys(&mut merged, keys, config);
    }
    merged
}

/// True where a row replaces an answer by an older one about the same license. The library never writes such a row, so
/// somebody has edited the file.
fn goes_back(now: &VerifiedRecord, before: &VerifiedRecord) -> bool {
    let claims = now.claims.as_ref().zip(before.claims.as_ref());
    let is_same_license = claims.is_some_and(|(now, before)| now.sub == before.sub);
    is_same_license && now.issued_at() < before.issued_at()
}

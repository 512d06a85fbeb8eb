//! The state of the model: its row, its log, and the promises that were heard.

use falconer_domain::hardware::DeviceId;
use falconer_domain::{Code, UnixMillis};
use std::collections::BTreeSet;

use super::service::device_id;
use super::{
    AuditEntry, BEGIN, BindingKind, Call, ModelRequest, ModelRow, ModelState, Next, Promise, STEP_MILLIS,
};

impl ModelState {
    pub(super) fn now(&self) -> UnixMillis {
        UnixMillis(BEGIN.0 + i64::from(self.clock) * STEP_MILLIS)
    }

    pub(super) fn take(&mut self, request: ModelRequest) {
        let place = self.in_flight.iter().position(|sent| *sent == request).unwrap();
        self.in_flight.remove(place);
        let taken = &mut self.taken[request.machine];
        *taken += 1;
        let fresh_id = device_id(request.machine, *taken);
        self.busy.push((Call { request, now: self.now(), fresh_id, lost_races: 0 }, Next::Load));
    }

    pub(super) fn commit(&mut self, row: ModelRow, entry: AuditEntry) {
        self.promised.retain(|device, _| !entry.is_about(device));
        self.row = row;
        self.log.push(entry);
    }

    pub(super) fn hear(&mut self, promise: Option<Promise>) {
        let Some(Promise { device, holds_a_seat, log_length }) = promise else { return };
        if !self.log[log_length..].iter().any(|entry| entry.is_about(&device)) {
            self.promised.insert(device, holds_a_seat);
        }
    }

    /// The devices that hold a seat according to the log.
    pub(super) fn told_by_log(&self) -> BTreeSet<&DeviceId> {
        let mut bound: BTreeSet<_> = self.began_with.iter().collect();
        for AuditEntry { bound: came, freed, .. } in &self.log {
            bound.retain(|device| !freed.contains(*device));
            bound.extend(came);
        }
        bound
    }

    pub(super) fn paid(&self, how: BindingKind) -> usize {
        self.log.iter().filter(|entry| entry.paid == how).count()
    }

    pub(super) fn given_back(&self) -> usize {
        let given_back = |entry: &AuditEntry| match entry.paid {
            BindingKind::GivenBack(bindings) => bindings as usize,
            _ => 0,
        };
        self.log.iter().map(given_back).sum()
    }

    /// Bindings that cost nothing.
    pub(super) fn returns(&self) -> usize {
        self.log
            .iter()
            .filter(|entry| entry.code == Code::Activated && entry.paid == BindingKind::Nothing)
            .count()
    }

    /// Returns true if an instance is about to answer so.
    pub(super) fn answers(&self, code: Code) -> bool {
        self.busy.iter().any(|(_, next)| matches!(next, Next::Answer(answer, _) if *answer == code))
    }

    pub(super) fn answers_a_copy(&self, code: Code) -> bool {
        let answers = |(call, next): &(Call, Next)| {
            call.request.is_copy && matches!(next, Next::Answer(answer, _) if *answer == code)
        };
        self.busy.iter().any(answers)
    }
}

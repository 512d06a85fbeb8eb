//! Seats: which device holds one, who gets the next, and which bindings are counted.
//!
//! A binding is free for the first device of each seat; it is a *return* or a *reclaim* for a device that held a seat
//! before (see [`released`](FormerDevice)); it replaces an opaque device uncounted; every other one is a transfer,
//! whichever endpoint makes it.

mod released;
mod transfers;

pub use released::{FormerDevice, Reclaim};
pub use transfers::{MAX_TRANSFERS_A_YEAR, TransferLimit, TransferQuota, YEAR_DAYS};

use crate::catalog::{Policy, VirtualMachines};
use crate::code::Code;
use crate::hardware::{ComponentForm, DeviceId, HashedComponents, best_match, is_enough_to_bind};
use crate::license::{Device, License, Status};
use crate::person::{DeviceName, Email, PersonName};
use crate::time::UnixMillis;

/// Seats of a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seats {
    /// Devices bound.
    pub used: u32,
    /// How many may be.
    pub max: u32,
}

impl Seats {
    /// The seats of a license under its policy. A device that has left keeps its seat while its long lease lasts.
    #[must_use]
    pub fn of(license: &License, policy: &Policy, now: UnixMillis) -> Self {
        Self { used: license.seats_taken(now), max: policy.seats }
    }

    const fn has_room(self) -> bool {
        self.used < self.max
    }
}

/// The client's own account of the machine that it runs on. An older or foreign client gives none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReportedMachine {
    /// It does not say that it runs in a virtual machine.
    #[default]
    Ordinary,
    /// It says so.
    Virtual,
}

/// A device that asks for a seat, and what it says of itself and its owner.
#[derive(Clone, Debug)]
pub struct SeatRequest<'a> {
    /// The components, hashed as this license stores them.
    pub hardware: &'a HashedComponents,
    /// The content of the components.
    pub form: ComponentForm,
    /// The kind of machine that it is, as the client says.
    pub machine: ReportedMachine,
    /// The customer's name for it.
    pub device_name: Option<&'a DeviceName>,
    /// The customer's name.
    pub licensee_name: Option<&'a PersonName>,
    /// The customer's e-mail.
    pub licensee_email: Option<&'a Email>,
    /// The id it gets if it is new here: random, and the same however often one request is decided.
    pub fresh_id: &'a DeviceId,
}

/// A yes about a device: what it makes of the license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The code of the answer.
    pub code: Code,
    /// The license afterwards; equal to the one before where there is nothing to write.
    pub license: License,
    /// The device that asked.
    pub device: DeviceId,
}

/// The seat of a new device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// To a seat that nobody holds.
    Vacant,
    /// In the place of a device that an older client had bound.
    Opaque(DeviceId),
    /// Back to its own seat, which the latest transfer gave to this device.
    Reclaimed(DeviceId),
    /// To the seat of this device.
    MovedFrom(DeviceId),
}

/// How a binding was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BindingKind {
    FirstOfASeat,
    Transfer,
}

impl SeatRequest<'_> {
    pub(crate) fn is_recognisable(&self) -> bool {
        is_enough_to_bind(self.hardware)
    }

    /// Returns true if the policy gives it no seat, because it is a virtual machine.
    pub(crate) fn is_refused_as_virtual(&self, policy: &Policy) -> bool {
        self.machine == ReportedMachine::Virtual && policy.virtual_machines == VirtualMachines::Refuse
    }

    /// The device it was, if that has a right to come back uncounted.
    fn former(&self, license: &License, policy: &Policy, now: UnixMillis) -> Option<DeviceId> {
        // While its long lease lasts, the seat of a device that has left is kept for it.
        let may_come = |id, released: &FormerDevice| {
            released.has_right(policy, now) || license.offline_lease(id, now).is_some()
        };
        let with_right = license.released.iter().filter(|(id, released)| may_come(id, released));
        let devices = with_right.map(|(id, released)| (id, &released.device));
        best_match(devices, self.hardware, policy.hardware_match_threshold, now).map(|found| found.id.clone())
    }

    /// Returns true if it brings the e-mail that the policy asks for before a device loses its seat. The operator's
    /// entry counts, else what the first client said; where neither is stored nobody can know it. Of an erased license
    /// the authority itself has forgotten it, so none is asked for: the customer would be locked out for good.
    pub(crate) fn names_the_customer(&self, license: &License, policy: &Policy) -> bool {
        let known = license.email.as_ref().or(license.licensee_email.as_ref());
        let is_theirs =
            || known.zip(self.licensee_email).is_some_and(|(known, typed)| known.is_same_as(typed));
        let is_forgotten = known.is_none() && license.erased_at.is_some();
        !policy.transfer_requires_email || is_forgotten || is_theirs()
    }

    /// A seat that this device gets without displacing a device in use. It is the seat of an opaque device, which this one
    /// is assumed to be, or a vacant one. A device that can come back, to a vacant seat or by a reclaim, gets no opaque one.
    pub(crate) fn open_seat(&self, license: &License, policy: &Policy, now: UnixMillis) -> Option<Seat> {
        let former = self.former(license, policy, now);
        let has_own = former.as_ref().is_some_and(|id| license.offline_lease(id, now).is_some());
        let has_room = has_own || Seats::of(license, policy, now).has_room();
        let vacant = has_room.then_some(Seat::Vacant);
        let comes_back =
            (vacant.is_some() && former.is_some()) || self.reclaimable_seat(license, policy, now).is_some();
        let opaque = || {
            let devices = license.devices.iter().filter(|(id, device)| {
                device.form == ComponentForm::Opaque && license.offline_lease(id, now).is_none()
            });
            devices.min_by_key(|(id, device)| (device.seen_at, *id)).map(|(id, _)| Seat::Opaque(id.clone()))
        };
        if self.form == ComponentForm::Keyed && !comes_back && self.names_the_customer(license, policy) {
            return opaque().or(vacant);
        }
        vacant
    }

    /// A seat, if it has the right to take one back: its own, which the longest bound of those bound since it was
    /// displaced has. If none was, another displaced device has come back to a seat in between; then that of the device
    /// bound last, of those first bound after this one. Coming back changes no `bound_at`, so whoever was there first
    /// finds a seat as long as somebody came later, and nobody who was there before is touched.
    pub(crate) fn reclaimable_seat(
        &self,
        license: &License,
        policy: &Policy,
        now: UnixMillis,
    ) -> Option<Seat> {
        let released = &license.released[&self.former(license, policy, now)?];
        if !released.has_reclaim(policy, now) {
            return None;
        }
        // A long lease cannot be called back, so its device stays.
        let movable = || license.devices.iter().filter(|(id, _)| license.offline_lease(id, now).is_none());
        let bound = || movable().map(|(id, device)| (device.bound_at, id));
        let since = bound().filter(|(bound_at, _)| *bound_at >= released.at).min();
        let later = || bound().filter(|(bound_at, _)| *bound_at > released.device.bound_at).max();
        since.or_else(later).map(|(_, id)| Seat::Reclaimed(id.clone()))
    }

    /// Takes a seat.
    ///
    /// # Errors
    /// The binding is one that is counted, and a window of transfers is full.
    pub(crate) fn take(
        &self,
        seat: &Seat,
        license: &License,
        policy: &Policy,
        now: UnixMillis,
    ) -> Result<(License, DeviceId), TransferLimit> {
        let mut after = license.clone();
        // Seats that were taken away have taken their first bindings along; given back, they have them again.
        after.free_used = after.free_used.min(policy.seats);
        let former = self.former(license, policy, now).and_then(|id| after.released.remove_entry(&id));
        // Its own seat or a vacant one; to somebody else's it is like any other, or two could take turns uncounted.
        let comes_back = former.is_some() && matches!(seat, Seat::Vacant | Seat::Reclaimed(_));
        if !comes_back && !matches!(seat, Seat::Opaque(_)) {
            let paid = after.count(policy, now)?;
            if (paid, seat) == (BindingKind::Transfer, &Seat::Vacant) {
                released::displace_absent(&mut after.released, now);
            }
        }
        let (id, device) = match former {
            // Exactly as it was: what it presents now may be half another machine's.
            Some((id, released)) if comes_back => (id, Device { seen_at: now, ..released.device }),
            _ => (self.fresh_id.clone(), self.new_device(license.next_moment(now))),
        };
        let displaced = after.displace(seat, license.next_moment(now));
        after.devices.insert(id.clone(), device);
        let vacant = policy.seats.saturating_sub(after.seats_taken(now));
        let kept = after.devices_kept_offline(now);
        released::keep_what_fits(
            &mut after.released,
            vacant,
            |id| displaced.as_ref() == Some(id) || kept.contains(id),
            now,
        );
        after.begin_term(now);
        self.record_customer(&mut after, &id);
        after.prune_expired(policy, now);
        Ok((after, id))
    }

    /// Writes down who the customer is where that is not known yet, and what the device is called now. Nothing of it on
    /// a license whose person was erased.
    pub(crate) fn record_customer(&self, license: &mut License, id: &DeviceId) {
        if license.erased_at.is_some() {
            return;
        }
        if license.licensee_name.is_none() {
            license.licensee_name = self.licensee_name.cloned();
        }
        if license.licensee_email.is_none() {
            license.licensee_email = self.licensee_email.cloned();
        }
        if let (Some(name), Some(device)) = (self.device_name, license.devices.get_mut(id)) {
            device.name = Some(name.clone());
        }
    }

    fn new_device(&self, bound_at: UnixMillis) -> Device {
        Device {
            name: None,
            components: self.hardware.stored(),
            form: self.form,
            bound_at,
            seen_at: bound_at,
        }
    }
}

impl License {
    /// `now`, or just after the latest binding: a request that was overtaken, or decided by an instance whose clock is
    /// behind, happens after what it finds. Who was bound before whom depends on it.
    fn next_moment(&self, now: UnixMillis) -> UnixMillis {
        let bound = self.devices.values().chain(self.released.values().map(|released| &released.device));
        bound.map(|device| UnixMillis(device.bound_at.0.saturating_add(1))).fold(now, UnixMillis::max)
    }

    /// Counts a binding: as the first of a seat while there is one unused, else as a transfer.
    fn count(&mut self, policy: &Policy, now: UnixMillis) -> Result<BindingKind, TransferLimit> {
        if self.free_used < policy.seats {
            self.free_used += 1;
            return Ok(BindingKind::FirstOfASeat);
        }
        TransferQuota::of(self, policy, now).admit()?;
        self.transfers = transfers::counted(&self.transfers, now);
        self.transfers_total = self.transfers_total.saturating_add(1);
        Ok(BindingKind::Transfer)
    }

    /// Takes the seat from its device, and says which that was.
    fn displace(&mut self, seat: &Seat, at: UnixMillis) -> Option<DeviceId> {
        let (id, reclaim) = match seat {
            Seat::Vacant => return None,
            // A reclaim displaces nobody with the right to do the same.
            Seat::Reclaimed(id) => (id, Reclaim::Never),
            // A device that a stranger replaced has a cool-down to object. The replacement is not a transfer, so it
            // removes no right.
            Seat::Opaque(id) => (id, Reclaim::DuringCooldown),
            Seat::MovedFrom(id) => (id, Reclaim::Always),
        };
        let mut device = self.devices.remove(id)?;
        match seat {
            Seat::MovedFrom(_) => released::demote(&mut self.released),
            // Once for each: should it come back, it is replaced like any other.
            Seat::Opaque(_) => device.form = ComponentForm::Keyed,
            Seat::Vacant | Seat::Reclaimed(_) => {}
        }
        self.released.insert(id.clone(), FormerDevice { device, at, may_return: true, reclaim });
        Some(id.clone())
    }

    /// Frees a seat at its device's own wish.
    pub(crate) fn release(&mut self, id: &DeviceId, policy: &Policy, now: UnixMillis) {
        if let Some(device) = self.devices.remove(id) {
            let released = FormerDevice { device, at: now, may_return: true, reclaim: Reclaim::Never };
            self.released.insert(id.clone(), released);
        }
        self.prune_expired(policy, now);
    }

    /// Forgets long leases that have ended, and devices without any right left.
    fn prune_expired(&mut self, policy: &Policy, now: UnixMillis) {
        self.offline.retain(|_, lease| lease.is_out(now));
        let kept = self.devices_kept_offline(now);
        released::prune_expired(&mut self.released, policy, |id| kept.contains(id), now);
    }

    /// The first binding makes a pending license active, and starts its term.
    pub(crate) fn begin_term(&mut self, now: UnixMillis) {
        if self.status == Status::Pending {
            self.status = Status::Active;
            self.expires_at = self.expires_at.or_else(|| Some(now.plus_days(self.duration_days?)));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

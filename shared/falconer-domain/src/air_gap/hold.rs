//! Seats that a long lease keeps. Nothing can take such a lease back, so its seat is not used again before it ends: not
//! by a transfer, not by the device's own deactivation, not by an operator who has not said so.

use std::collections::BTreeSet;

use super::Receipt;
use crate::catalog::Policy;
use crate::hardware::DeviceId;
use crate::license::License;
use crate::time::UnixMillis;

/// A long lease that was handed out. Of several for one device, this is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineLease {
    /// The `jti`, which a receipt names.
    pub lease: String,
    /// The latest end of the device's long leases.
    pub until: UnixMillis,
}

impl OfflineLease {
    /// Returns true while a machine may work by it.
    #[must_use]
    pub fn is_out(&self, now: UnixMillis) -> bool {
        now < self.until
    }
}

impl License {
    /// The long lease of a device, while it lasts.
    #[must_use]
    pub fn offline_lease(&self, device: &DeviceId, now: UnixMillis) -> Option<&OfflineLease> {
        self.offline.get(device).filter(|lease| lease.is_out(now))
    }

    /// Counts the long leases that are out.
    #[must_use]
    pub fn offline_leases_out(&self, now: UnixMillis) -> usize {
        self.offline.values().filter(|lease| lease.is_out(now)).count()
    }

    /// Seats that cannot be had: those of bound devices, and those of devices that left with a long lease.
    #[must_use]
    pub fn seats_taken(&self, now: UnixMillis) -> u32 {
        let kept = u32::try_from(self.devices_kept_offline(now).len()).unwrap_or(u32::MAX);
        self.bound().saturating_add(kept)
    }

    /// Devices that hold no seat any more and keep one until their long lease ends.
    #[must_use]
    pub fn devices_kept_offline(&self, now: UnixMillis) -> BTreeSet<DeviceId> {
        let kept =
            self.offline.iter().filter(|(id, lease)| lease.is_out(now) && !self.devices.contains_key(*id));
        kept.map(|(id, _)| id.clone()).collect()
    }
}

/// A device whose long lease is out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "device {device} has an offline lease, so its seat would be used twice; `falconer show` says until when, `falconer \
     accept-receipt` takes its receipt, and --despite-offline-lease frees the seat all the same"
)]
pub struct HeldOffline {
    /// The device.
    pub device: DeviceId,
    /// When its lease ends.
    pub until: UnixMillis,
}

/// The operator's word about seats that a long lease keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorWord {
    /// None: they stay.
    Keep,
    /// They are free, and the machine may go on working beside the next one.
    Free,
}

/// Why an operation that frees seats was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Guarded<E: std::error::Error> {
    /// A device's long lease is out.
    #[error(transparent)]
    Held(HeldOffline),
    /// The operation's own rule.
    #[error(transparent)]
    Rule(E),
}

/// Does an operation that takes seats from devices, unless one of them has a long lease and the operator has not said
/// that its seat is free. `leaving` returns the devices.
///
/// # Errors
/// [`Guarded`].
pub fn guarded<E: std::error::Error>(
    license: License,
    leaving: impl FnOnce(&License) -> BTreeSet<DeviceId>,
    word: OperatorWord,
    now: UnixMillis,
    rule: impl FnOnce(License) -> Result<License, E>,
) -> Result<License, Guarded<E>> {
    let leaving = leaving(&license);
    if word == OperatorWord::Keep {
        keep_held(&license, &leaving, now).map_err(Guarded::Held)?;
    }
    let mut license = license;
    license.offline.retain(|id, _| !leaving.contains(id));
    rule(license).map_err(Guarded::Rule)
}

/// Checks that none of these devices has a long lease that is out.
///
/// # Errors
/// [`HeldOffline`], naming the first that has.
pub fn keep_held(
    license: &License,
    leaving: &BTreeSet<DeviceId>,
    now: UnixMillis,
) -> Result<(), HeldOffline> {
    let mut held = license.offline.iter().filter(|(id, lease)| leaving.contains(*id) && lease.is_out(now));
    held.next()
        .map_or(Ok(()), |(device, lease)| Err(HeldOffline { device: device.clone(), until: lease.until }))
}

/// How far a receipt is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenBack {
    /// The seat is vacant once the long lease has ended: a copy of the store would work until then.
    AtEnd,
    /// The seat is vacant at once: the operator trusts the customer.
    AtOnce,
}

/// Why a receipt frees nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefusal {
    /// No long lease of the device is out.
    #[error("device {0} has no offline lease any more: it has ended, or this receipt was accepted before")]
    NothingOut(DeviceId),
    /// A later lease is out.
    #[error("this receipt is for an earlier lease of {0}; a receipt for the newest one is needed")]
    EarlierLease(DeviceId),
}

/// Takes a receipt: the device gives its seat back.
///
/// # Errors
/// [`ReceiptRefusal`].
pub fn accept(
    mut license: License,
    receipt: &Receipt,
    given_back: GivenBack,
    policy: &Policy,
    now: UnixMillis,
) -> Result<License, ReceiptRefusal> {
    let device = &receipt.device;
    let out = license.offline_lease(device, now).ok_or_else(|| ReceiptRefusal::NothingOut(device.clone()))?;
    if out.lease != receipt.lease {
        return Err(ReceiptRefusal::EarlierLease(device.clone()));
    }
    if given_back == GivenBack::AtOnce {
        license.offline.remove(device);
    }
    license.release(device, policy, now);
    Ok(license)
}

//! Bind this device, or refresh its binding. The decision behind `POST /api/activate-sync`.

use crate::code::Code;
use crate::effective_license::{EffectiveLicense, Inactive};
use crate::hardware::{ComponentForm, DeviceId, drift_candidate, learned};
use crate::license::License;
use crate::seats::{Outcome, SeatRequest, TransferLimit};
use crate::time::{MILLIS_PER_HOUR, UnixMillis};
use crate::verify::{Facts, VerifyRefusal};

/// A refresh that has nothing else to write leaves the row alone for this long.
pub const SEEN_MILLIS: i64 = MILLIS_PER_HOUR;

/// A lawful no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivateRefusal {
    /// It offers fewer than two components, or no strong one.
    FingerprintTooWeak,
    /// The key is authentic, its license is not in the table.
    NotFound,
    /// The license grants nothing now.
    Inactive(Inactive),
    /// A virtual machine asks for a seat, and the policy refuses them.
    VirtualMachine,
    /// Every seat is held by another device.
    SeatsExhausted,
    /// A seat is free, but taking it would be counted, and a window is full.
    TransferLimit(TransferLimit),
}

impl ActivateRefusal {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::FingerprintTooWeak => Code::FingerprintTooWeak,
            Self::NotFound => Code::NotFound,
            Self::Inactive(fallen) => fallen.code(),
            Self::VirtualMachine => Code::VirtualMachine,
            Self::SeatsExhausted => Code::SeatsExhausted,
            Self::TransferLimit(spent) => spent.code(),
        }
    }
}

/// Decides. `standing` is `None` where the license does not exist.
///
/// # Errors
/// The first [`ActivateRefusal`] in the order of the variants.
pub fn decide(
    standing: Option<&EffectiveLicense>,
    seat_request: &SeatRequest<'_>,
    now: UnixMillis,
) -> Result<Outcome, ActivateRefusal> {
    if !seat_request.is_recognisable() {
        return Err(ActivateRefusal::FingerprintTooWeak);
    }
    let standing = standing.ok_or(ActivateRefusal::NotFound)?;
    let EffectiveLicense { license, policy, .. } = standing;
    standing.check_active(now).map_err(ActivateRefusal::Inactive)?;
    if let Some(device) = standing.device_of(seat_request.hardware, now) {
        return Ok(seen(license, seat_request, device, now));
    }
    if seat_request.is_refused_as_virtual(policy) {
        return Err(ActivateRefusal::VirtualMachine);
    }
    let seat = seat_request.open_seat(license, policy, now).ok_or(ActivateRefusal::SeatsExhausted)?;
    let (license, device) =
        seat_request.take(&seat, license, policy, now).map_err(ActivateRefusal::TransferLimit)?;
    Ok(Outcome { code: Code::Activated, license, device })
}

/// A lawful no to a request that takes no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// Verify's own.
    Verify(VerifyRefusal),
    /// The license is good, and the request shows nothing of a device. A refusal about the device would lock the one that
    /// holds the seat.
    FingerprintTooWeak,
}

impl RefreshRefusal {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Verify(refusal) => refusal.code(),
            Self::FingerprintTooWeak => Code::FingerprintTooWeak,
        }
    }
}

/// Decides about a request that takes no seat: a device that holds one is seen, any other hears what verify says.
///
/// # Errors
/// [`RefreshRefusal`]: first verify's about the license, then those about the device.
pub fn refresh(
    standing: Option<&EffectiveLicense>,
    seat_request: &SeatRequest<'_>,
    now: UnixMillis,
) -> Result<Outcome, RefreshRefusal> {
    let refused = |refusal: VerifyRefusal| {
        let shows_nothing = seat_request.hardware.is_empty() && refusal.is_about_device();
        if shows_nothing { RefreshRefusal::FingerprintTooWeak } else { RefreshRefusal::Verify(refusal) }
    };
    let standing = standing.ok_or(refused(VerifyRefusal::NotFound))?;
    let facts = Facts::gather(standing, Some(seat_request.hardware), now);
    facts.decide().map_err(refused)?;
    let device = facts.device().ok_or(refused(VerifyRefusal::HardwareMismatch))?.id.clone();
    Ok(seen(&standing.license, seat_request, device, now))
}

/// A device that holds its seat: it may have changed in one part, and was seen.
fn seen(before: &License, seat_request: &SeatRequest<'_>, id: DeviceId, now: UnixMillis) -> Outcome {
    let mut license = before.clone();
    seat_request.record_customer(&mut license, &id);
    license.begin_term(now);
    let mut code = Code::Refreshed;
    if let Some(device) = license.devices.get_mut(&id) {
        if let Some(label) = drift_candidate(&device.components, seat_request.hardware, now) {
            device.components =
                learned(std::mem::take(&mut device.components), seat_request.hardware, label, now);
            code = Code::Drifted;
        }
        if seat_request.form == ComponentForm::Keyed {
            device.form = ComponentForm::Keyed;
        }
        let unseen_for_long = device.seen_at.0 < now.0 - SEEN_MILLIS;
        if unseen_for_long || license != *before {
            license.devices.entry(id.clone()).and_modify(|device| device.seen_at = now);
        }
    }
    Outcome { code, license, device: id }
}

#[cfg(test)]
mod tests;

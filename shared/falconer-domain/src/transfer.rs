//! Move a seat to this device. The decision behind `POST /api/transfer`.

use crate::code::Code;
use crate::effective_license::{EffectiveLicense, Inactive};
use crate::hardware::DeviceId;
use crate::license::License;
use crate::seats::{Outcome, Seat, SeatRequest, TransferLimit};
use crate::time::UnixMillis;

/// A lawful no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferRefusal {
    /// It offers fewer than two components, or no strong one.
    FingerprintTooWeak,
    /// The key is authentic, its license is not in the table.
    NotFound,
    /// The license grants nothing now.
    Inactive(Inactive),
    /// A virtual machine asks for a seat, and the policy refuses them.
    VirtualMachine,
    /// Several devices are bound and none of them, or none that is bound, was named to move from.
    DeviceRequired,
    /// The device to move from has a long lease, which nothing can take back before it ends.
    DeviceOffline,
    /// The policy asks for the customer's e-mail, and this is not it.
    EmailMismatch,
    /// Too many transfers, or the latest too recent.
    TransferLimit(TransferLimit),
}

impl TransferRefusal {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::FingerprintTooWeak => Code::FingerprintTooWeak,
            Self::NotFound => Code::NotFound,
            Self::Inactive(fallen) => fallen.code(),
            Self::VirtualMachine => Code::VirtualMachine,
            Self::DeviceRequired => Code::DeviceRequired,
            Self::DeviceOffline => Code::DeviceOffline,
            Self::EmailMismatch => Code::EmailMismatch,
            Self::TransferLimit(spent) => spent.code(),
        }
    }
}

/// The device to move from, as the caller named it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromDevice<'a> {
    /// None was named: the only one, if there is only one.
    Only,
    /// This one.
    Named(&'a str),
}

/// Decides. `standing` is `None` where the license does not exist.
///
/// # Errors
/// The first [`TransferRefusal`] in the order of the variants.
pub fn decide(
    standing: Option<&EffectiveLicense>,
    seat_request: &SeatRequest<'_>,
    from: FromDevice<'_>,
    now: UnixMillis,
) -> Result<Outcome, TransferRefusal> {
    if !seat_request.is_recognisable() {
        return Err(TransferRefusal::FingerprintTooWeak);
    }
    let standing = standing.ok_or(TransferRefusal::NotFound)?;
    let EffectiveLicense { license, policy, .. } = standing;
    standing.check_active(now).map_err(TransferRefusal::Inactive)?;
    if let Some(device) = standing.device_of(seat_request.hardware, now) {
        let mut license = license.clone();
        license.begin_term(now);
        return Ok(Outcome { code: Code::AlreadyBound, license, device });
    }
    if seat_request.is_refused_as_virtual(policy) {
        return Err(TransferRefusal::VirtualMachine);
    }
    let seat = seat_request
        .open_seat(license, policy, now)
        .or_else(|| seat_request.reclaimable_seat(license, policy, now))
        .or_else(|| from.resolve(license).map(Seat::MovedFrom));
    let seat = match seat {
        Some(Seat::MovedFrom(from)) if license.offline_lease(&from, now).is_some() => {
            return Err(TransferRefusal::DeviceOffline);
        }
        Some(seat) => seat,
        // Devices that have left keep every seat, so no device is left to be named.
        None if license.devices.is_empty() => return Err(TransferRefusal::DeviceOffline),
        None => return Err(TransferRefusal::DeviceRequired),
    };
    if !seat_request.names_the_customer(license, policy) {
        return Err(TransferRefusal::EmailMismatch);
    }
    let code = match seat {
        Seat::Vacant | Seat::Opaque(_) => Code::Activated,
        Seat::Reclaimed(_) => Code::Reclaimed,
        Seat::MovedFrom(_) => Code::Transferred,
    };
    let (license, device) =
        seat_request.take(&seat, license, policy, now).map_err(TransferRefusal::TransferLimit)?;
    Ok(Outcome { code, license, device })
}

impl FromDevice<'_> {
    fn resolve(self, license: &License) -> Option<DeviceId> {
        let mut bound = license.devices.keys();
        match self {
            Self::Named(name) => bound.find(|id| id.as_str() == name).cloned(),
            Self::Only => bound.next().filter(|_| license.devices.len() == 1).cloned(),
        }
    }
}

#[cfg(test)]
mod tests;

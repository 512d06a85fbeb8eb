//! Move a seat to this device. The decision behind `POST /api/transfer`.

use crate::code::Code;
use crate::hardware::DeviceId;
use crate::license::License;
use crate::seats::{Arrival, Outcome, Seat, Spent};
use crate::standing::{Fallen, Standing};
use crate::time::UnixMillis;

/// A lawful no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferRefusal {
    /// It offers fewer than two components, or no strong one.
    FingerprintTooWeak,
    /// The key is authentic, its license is not in the table.
    NotFound,
    /// The license grants nothing now.
    Fallen(Fallen),
    /// Several devices are bound and none of them, or none that is bound, was named to move from.
    DeviceRequired,
    /// The policy asks for the customer's e-mail, and this is not it.
    EmailMismatch,
    /// Too many transfers, or the latest too recent.
    Spent(Spent),
}

impl TransferRefusal {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::FingerprintTooWeak => Code::FingerprintTooWeak,
            Self::NotFound => Code::NotFound,
            Self::Fallen(fallen) => fallen.code(),
            Self::DeviceRequired => Code::DeviceRequired,
            Self::EmailMismatch => Code::EmailMismatch,
            Self::Spent(spent) => spent.code(),
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

/// Decides. `standing` is `None` where there is no license.
///
/// # Errors
/// The first [`TransferRefusal`] in the order of the variants.
pub fn decide(
    standing: Option<&Standing>,
    arrival: &Arrival<'_>,
    from: FromDevice<'_>,
    now: UnixMillis,
) -> Result<Outcome, TransferRefusal> {
    if !arrival.is_recognisable() {
        return Err(TransferRefusal::FingerprintTooWeak);
    }
    let standing = standing.ok_or(TransferRefusal::NotFound)?;
    let Standing { license, policy, .. } = standing;
    standing.upright(now).map_err(TransferRefusal::Fallen)?;
    if let Some(device) = standing.device_of(arrival.hardware, now) {
        let mut license = license.clone();
        license.begin_term(now);
        return Ok(Outcome { code: Code::AlreadyBound, license, device });
    }
    let seat = arrival
        .open_seat(license, policy, now)
        .or_else(|| arrival.reclaimable_seat(license, policy, now))
        .or_else(|| from.resolve(license).map(Seat::MovedFrom))
        .ok_or(TransferRefusal::DeviceRequired)?;
    if !arrival.names_the_customer(license, policy) {
        return Err(TransferRefusal::EmailMismatch);
    }
    let code = match seat {
        Seat::Vacant | Seat::Opaque(_) => Code::Activated,
        Seat::Reclaimed(_) => Code::Reclaimed,
        Seat::MovedFrom(_) => Code::Transferred,
    };
    let (license, device) = arrival.take(&seat, license, policy, now).map_err(TransferRefusal::Spent)?;
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

//! Free this device's seat. The decision behind `POST /api/deactivate`.

use crate::code::Code;
use crate::effective_license::EffectiveLicense;
use crate::hardware::HashedComponents;
use crate::seats::Outcome;
use crate::time::UnixMillis;

/// A lawful no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeactivateRefusal {
    /// The key is authentic, its license is not in the table.
    NotFound,
    /// No bound device is this one; a client takes it as done.
    DeviceNotBound,
}

impl DeactivateRefusal {
    /// The refusal's row in the table of codes.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::NotFound => Code::NotFound,
            Self::DeviceNotBound => Code::DeviceNotBound,
        }
    }
}

/// Decides. `standing` is `None` where the license does not exist. Its status does not matter: a customer can always
/// free a seat.
///
/// # Errors
/// The first [`DeactivateRefusal`] in the order of the variants.
pub fn decide(
    standing: Option<&EffectiveLicense>,
    hardware: &HashedComponents,
    now: UnixMillis,
) -> Result<Outcome, DeactivateRefusal> {
    let standing = standing.ok_or(DeactivateRefusal::NotFound)?;
    let device = standing.device_of(hardware, now).ok_or(DeactivateRefusal::DeviceNotBound)?;
    let mut license = standing.license.clone();
    license.release(&device, &standing.policy, now);
    Ok(Outcome { code: Code::Deactivated, license, device })
}

#[cfg(test)]
mod tests;

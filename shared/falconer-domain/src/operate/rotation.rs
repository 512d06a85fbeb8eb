//! A new key for a license whose old one has leaked.

use crate::hardware::ComponentForm;
use crate::keyring::GenerationNumber;
use crate::license::{Device, License, Status};
use crate::license_id::LicenseId;
use crate::operate::StatusRefusal;

/// The two licenses of one rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// What the new key opens.
    pub new: License,
    /// What the old key opens: nothing any more.
    pub old: License,
}

/// Replaces a license by one with another key: the same terms, counts and devices. Stored hardware hangs on the license
/// id, so no device matches under the new one; each is marked opaque, and so binds once more without being counted.
///
/// # Errors
/// [`StatusRefusal::Replaced`]: it has been replaced before.
pub fn rotate(
    license: License,
    id: LicenseId,
    generation: GenerationNumber,
) -> Result<Rotated, StatusRefusal> {
    if let Some(replaced_by) = license.replaced_by {
        return Err(StatusRefusal::Replaced(replaced_by));
    }
    let opaque = |device: &Device| Device { form: ComponentForm::Opaque, ..device.clone() };
    let new = License {
        devices: license.devices.iter().map(|(id, device)| (id.clone(), opaque(device))).collect(),
        released: std::collections::BTreeMap::new(),
        replaces: Some(license.id.clone()),
        generation,
        id: id.clone(),
        ..license.clone()
    };
    Ok(Rotated { new, old: License { status: Status::Revoked, replaced_by: Some(id), ..license } })
}

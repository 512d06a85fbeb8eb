//! A new key for a license whose old one has leaked.

use std::collections::BTreeMap;

use crate::keyring::GenerationNumber;
use crate::license::{License, Status};
use crate::license_id::LicenseId;
use crate::operate::StatusRefusal;

/// The two licenses of one rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The license of the new key.
    pub new: License,
    /// The license of the old key, which is revoked.
    pub old: License,
}

/// Replaces a license by one with another key: the same terms, and the transfers that were counted. It begins with
/// every seat vacant and free of count. Stored hardware hangs on the license id, so no device matches under the new
/// one, and the records of devices would only hold seats that nobody can use. The old key binds nothing any more, so
/// the seats are for the owners of the new one. Transfers stay counted: a new key does not bring fresh ones.
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
    let new = License {
        devices: BTreeMap::new(),
        released: BTreeMap::new(),
        free_used: 0,
        replaces: Some(license.id.clone()),
        generation,
        id: id.clone(),
        ..license.clone()
    };
    Ok(Rotated { new, old: License { status: Status::Revoked, replaced_by: Some(id), ..license } })
}

//! Erasing a person from a license that goes on working.
//!
//! What stays tells a license from another and lets it be used: terms, counts, moments, keyed hashes of hardware. The
//! hashes stay because a seat hangs on them: without them every device of the customer would have to bind anew. The
//! mark [`License::erased_at`] keeps the next request from bringing the person back.

use std::collections::BTreeMap;

use crate::hardware::DeviceId;
use crate::license::{Device, License};
use crate::person::{Email, PersonName, mentions};
use crate::seats::FormerDevice;
use crate::time::UnixMillis;

/// Shortest word of a name that tells a person: shorter ones are `de`, `van` and initials.
const LEAST_NAME_CHARS: usize = 3;

/// The personal data that a license may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Personal {
    /// The vendor's own id of the customer.
    UserId,
    /// The e-mail that the operator entered.
    Email,
    /// The name.
    Name,
    /// The e-mail that the first client said.
    TheirEmail,
    /// The operator's note.
    Note,
    /// The customer's name of a device, bound or released.
    DeviceNames,
}

impl Personal {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::UserId, Self::Email, Self::Name, Self::TheirEmail, Self::Note, Self::DeviceNames];

    /// As a person calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserId => "user id",
            Self::Email => "e-mail",
            Self::Name => "name",
            Self::TheirEmail => "e-mail told by the application",
            Self::Note => "note",
            Self::DeviceNames => "names of devices",
        }
    }

    fn is_in(self, license: &License) -> bool {
        match self {
            Self::UserId => license.user_id.is_some(),
            Self::Email => license.email.is_some(),
            Self::Name => license.licensee_name.is_some(),
            Self::TheirEmail => license.licensee_email.is_some(),
            Self::Note => license.notes.is_some(),
            Self::DeviceNames => all_devices(license).any(|device| device.name.is_some()),
        }
    }
}

/// Returns the personal data that a license holds.
#[must_use]
pub fn personal(license: &License) -> Vec<Personal> {
    Personal::ALL.into_iter().filter(|part| part.is_in(license)).collect()
}

/// Returns true if a license is of the person with this address: the operator entered it, the application told it, or
/// the vendor uses it as the customer's id.
#[must_use]
pub fn holds_address(license: &License, email: &Email) -> bool {
    let stored = [&license.email, &license.licensee_email];
    stored.into_iter().flatten().any(|stored| stored.is_same_as(email))
        || license.user_id.as_deref().is_some_and(|id| crate::person::is_same(id, email.as_str()))
}

/// Returns true if a text names the person of a license: by id, address, name or a word of the name.
#[must_use]
pub fn names_person(license: &License, text: &str) -> bool {
    let emails = [&license.email, &license.licensee_email].into_iter().flatten().map(Email::as_str);
    let name = license.licensee_name.as_ref().map(PersonName::as_str);
    let words = name.into_iter().flat_map(str::split_whitespace);
    let words = words.filter(|word| word.chars().count() >= LEAST_NAME_CHARS);
    emails.chain(license.user_id.as_deref()).chain(name).chain(words).any(|part| mentions(text, part))
}

/// Takes everything about a person out of a license, and marks it. A license that was erased before keeps its mark.
#[must_use]
pub fn erase(license: License, now: UnixMillis) -> License {
    // Each attribute by its name: whoever adds one decides here whether it is about a person.
    let License {
        id,
        product,
        tier,
        status,
        user_id: _,
        email: _,
        licensee_name: _,
        licensee_email: _,
        expires_at,
        duration_days,
        features,
        limits,
        updates_until,
        policy,
        devices,
        released,
        offline,
        free_used,
        transfers,
        transfers_total,
        notes: _,
        erased_at,
        replaces,
        replaced_by,
        generation,
    } = license;
    let nameless_released = |(id, released): (DeviceId, FormerDevice)| {
        (id, FormerDevice { device: nameless(released.device), ..released })
    };
    License {
        id,
        product,
        tier,
        status,
        user_id: None,
        email: None,
        licensee_name: None,
        licensee_email: None,
        expires_at,
        duration_days,
        features,
        limits,
        updates_until,
        policy,
        devices: devices.into_iter().map(|(id, device)| (id, nameless(device))).collect::<BTreeMap<_, _>>(),
        released: released.into_iter().map(nameless_released).collect(),
        // An id of a lease and a moment: neither is about a person.
        offline,
        free_used,
        transfers,
        transfers_total,
        notes: None,
        erased_at: erased_at.or(Some(now)),
        replaces,
        replaced_by,
        generation,
    }
}

/// Takes the mark off a license for which the operator enters a new customer: what clients say of that one is stored
/// again.
#[must_use]
pub fn lift_erasure(license: License) -> License {
    License { erased_at: None, ..license }
}

fn nameless(device: Device) -> Device {
    Device { name: None, ..device }
}

fn all_devices(license: &License) -> impl Iterator<Item = &Device> {
    license.devices.values().chain(license.released.values().map(|released| &released.device))
}

#[cfg(test)]
mod tests;

//! How long the audit keeps what a client's change says.
//!
//! An operator's deeds are kept for good. Of what clients change, most says nothing: the hour at which a device was
//! seen moves with every day's first request, and a row of it would be a diary of where and when a customer works.

use crate::hardware::{ComponentForm, DeviceId};
use crate::license::{Device, License};

/// The trace of a client's change in the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Nothing: only the hour at which a device was seen differs, or what its client makes components of.
    None,
    /// A row for a while, as of a verification: a device is called something else.
    Passing,
    /// A row for good, in the transaction of the change. From where it was asked goes when verifications go.
    Lasting,
}

impl Trace {
    /// Classifies a change.
    #[must_use]
    pub fn of(before: &License, after: &License) -> Self {
        if is_telling(before, after) {
            return Self::Lasting;
        }
        let names = |license: &License| -> Vec<_> {
            license.devices.values().map(|device| device.name.clone()).collect()
        };
        if names(before) == names(after) { Self::None } else { Self::Passing }
    }
}

/// Returns true if a change says anything of a license: whether more differs than the hour at which its devices were
/// seen, their clients' form, and their names.
#[must_use]
pub fn is_telling(before: &License, after: &License) -> bool {
    let plain = |license: &License| {
        let plain = |(id, device): (&DeviceId, &Device)| {
            let device =
                Device { name: None, form: ComponentForm::Keyed, seen_at: device.bound_at, ..device.clone() };
            (id.clone(), device)
        };
        License { devices: license.devices.iter().map(plain).collect(), ..license.clone() }
    };
    plain(before) != plain(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::{Label, StoredComponent};
    use crate::license::Status;
    use crate::person::{DeviceName, Email};
    use crate::seats::tests::{DAY, at, bound, device, id, license, opaque};

    /// Machine 1 holds a seat, under a name.
    fn before() -> License {
        let named = Device { name: DeviceName::read("Laptop").unwrap(), ..device(1, at(-DAY)) };
        License { devices: bound([(1, named)]), ..license() }
    }

    fn with(change: impl FnOnce(&mut Device)) -> License {
        let mut license = before();
        change(license.devices.get_mut(&id(1)).unwrap());
        license
    }

    #[test]
    fn each_change_has_its_retention() {
        let learned = StoredComponent { hash: [9; 16], learned_at: Some(at(0)) };
        for (name, after, expected) in [
            ("nothing", before(), Trace::None),
            ("the hour", with(|device| device.seen_at = at(0)), Trace::None),
            ("the form", with(|device| *device = opaque(device.clone())), Trace::None),
            ("a name", with(|device| device.name = DeviceName::read("Desk").unwrap()), Trace::Passing),
            ("a name taken away", with(|device| device.name = None), Trace::Passing),
            (
                "a part",
                with(|device| {
                    device.components.insert(Label::Disk, learned);
                }),
                Trace::Lasting,
            ),
            ("when it was bound", with(|device| device.bound_at = at(0)), Trace::Lasting),
            ("no device", License { devices: bound([]), ..before() }, Trace::Lasting),
            (
                "another in its place",
                License { devices: bound([(2, device(2, at(0)))]), ..before() },
                Trace::Lasting,
            ),
            (
                "an e-mail",
                License { licensee_email: Email::read("a@example.com").unwrap(), ..before() },
                Trace::Lasting,
            ),
            ("a status", License { status: Status::Suspended, ..before() }, Trace::Lasting),
            ("a count", License { free_used: 1, ..before() }, Trace::Lasting),
        ] {
            assert_eq!(Trace::of(&before(), &after), expected, "{name}");
            assert_eq!(is_telling(&before(), &after), expected == Trace::Lasting, "{name}");
        }
    }
}

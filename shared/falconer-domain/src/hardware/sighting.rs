//! The machine of a request, as far as the audit may record it: names of labels, never a value or a hash.

use super::matching::common_labels;
use super::{DeviceId, HashedComponents, Label};
use crate::license::License;

/// The machine of a request, as far as an operator has to know it: enough to say "another computer with the same
/// processor", and nothing that tells one computer from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The labels it sent.
    pub sent: Vec<Label>,
    /// The bound device that agrees with it most, where one agrees in anything.
    pub nearest: Option<Nearest>,
}

/// A device that agrees with a machine in some components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The device's id.
    pub device: DeviceId,
    /// The labels that agree.
    pub agreed: Vec<Label>,
}

impl Sighting {
    /// Compares a machine with a license's devices; `None` for a machine without components.
    #[must_use]
    pub fn of(presented: &HashedComponents, license: &License) -> Option<Self> {
        let sent: Vec<_> = presented.0.keys().copied().collect();
        let nearest = license
            .devices
            .iter()
            .map(|(id, device)| (id, common_labels(&device.components, presented)))
            .filter(|(_, agreed)| !agreed.is_empty())
            // The first of equals, so that the same request always says the same.
            .rev()
            .max_by_key(|(_, agreed)| agreed.len())
            .map(|(id, agreed)| Nearest { device: id.clone(), agreed });
        (!sent.is_empty()).then_some(Self { sent, nearest })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::KeyRing;
    use crate::hardware::{ComponentForm, ReceivedComponents};
    use crate::issue::{Order, Term};
    use crate::license::Device;
    use crate::{Catalog, LicenseKey, Product, TierName, UnixMillis};

    fn received(parts: &[(Label, &str)]) -> ReceivedComponents {
        let mut received = ReceivedComponents::default();
        for (label, text) in parts {
            received.insert(*label, text).unwrap();
        }
        received
    }

    #[test]
    fn records_labels_only() {
        let ring = KeyRing::parse(r#"{"current":"1","1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#).unwrap();
        let product = Product::parse("QF").unwrap();
        let catalog = Catalog::built_in(&product).unwrap();
        let order = Order {
            product,
            tier: TierName::parse("pro").unwrap(),
            user_id: None,
            email: None,
            licensee_name: None,
            term: Term::Perpetual,
            seats: None,
            features: Vec::new(),
            limits: crate::Limits::default(),
            updates_until: None,
        };
        let key = LicenseKey::parse("QF-PRO-1YQHJ-NQJM8-TQS7R-DW1VG-ET6BN-RKPPT").unwrap();
        let id = crate::LicenseId::of(ring.current(), &key);
        let terms = order.check(&catalog).unwrap().terms(id, ring.current().number(), UnixMillis(0));
        let hashed = |parts: &[(Label, &str)]| received(parts).hashed(ring.current(), &terms.id);
        let device = |parts: &[(Label, &str)]| Device {
            name: None,
            components: hashed(parts).stored(),
            form: ComponentForm::Opaque,
            bound_at: UnixMillis(0),
            seen_at: UnixMillis(0),
        };
        let ids = [1, 2].map(|number| DeviceId::from_random([number; 10]));
        let first = device(&[(Label::Mac, "mac-of-one"), (Label::Cpu, "processor")]);
        let second =
            device(&[(Label::Mac, "mac-of-two"), (Label::Cpu, "processor"), (Label::Board, "board-two")]);
        let devices = BTreeMap::from([(ids[0].clone(), first), (ids[1].clone(), second)]);
        let license = License { devices, ..terms.clone() };
        for (parts, nearest) in [
            (vec![(Label::Mac, "mac-of-three"), (Label::Hostname, "host-three")], None),
            (vec![(Label::Cpu, "processor")], Some((0, vec![Label::Cpu]))),
            (
                vec![(Label::Cpu, "processor"), (Label::Board, "board-two")],
                Some((1, vec![Label::Board, Label::Cpu])),
            ),
        ] {
            let sighting = Sighting::of(&hashed(&parts), &license).unwrap();
            let nearest =
                nearest.map(|(index, agreed): (usize, _)| Nearest { device: ids[index].clone(), agreed });
            assert_eq!((sighting.sent.len(), sighting.nearest), (parts.len(), nearest), "{parts:?}");
        }
        assert_eq!(Sighting::of(&hashed(&[]), &license), None);
    }
}

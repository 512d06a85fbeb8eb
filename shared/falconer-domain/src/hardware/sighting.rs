//! What may be written down about the machine of a request: names of labels, never a value and never a hash.

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
    /// Which one.
    pub device: DeviceId,
    /// The labels that agree.
    pub agreed: Vec<Label>,
}

impl Sighting {
    /// What a license knows of a machine; `None` for one that sent nothing.
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

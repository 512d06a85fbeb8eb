//! Computers that exist in tests only.

use falconer_domain::hardware::{ComponentForm, DeviceId, HashedComponents, Label, ReceivedComponents};
use falconer_domain::issue::NewLicense;
use falconer_domain::license::Device;
use falconer_domain::person::DeviceName;
use falconer_domain::{KeyRing, UnixMillis};
use serde_json::{Value, json};

/// A computer: what its three parts say. No log may hold one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The network card.
    pub mac: String,
    /// The processor.
    pub cpu: String,
    /// The main board.
    pub board: String,
}

impl Machine {
    /// A computer that shares no part with one of another name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let part = |part: &str| format!("fixture-hardware-{name}-{part}");
        Self { mac: part("mac"), cpu: part("cpu"), board: part("board") }
    }

    /// The request of today's client library, without its keyed values: what a server takes them for is the same.
    #[must_use]
    pub fn request(&self, key: &str) -> Value {
        json!({ "license_key": key, "hardware_format": 1, "hardware": self.hardware() })
    }

    /// The member `hardware` alone.
    #[must_use]
    pub fn hardware(&self) -> Value {
        json!({ "mac": self.mac, "cpu": self.cpu, "board": self.board })
    }

    /// The request of the spreadsheet's client.
    #[must_use]
    pub fn old_request(&self, key: &str) -> Value {
        json!({
            "license_key": key,
            "hw_component_1": self.mac,
            "hw_component_2": self.cpu,
            "hw_component_3": self.board,
        })
    }

    /// The components as a server receives them.
    ///
    /// # Panics
    /// A part is not a valid component.
    #[must_use]
    pub fn received(&self) -> ReceivedComponents {
        let mut received = ReceivedComponents::default();
        for (label, text) in [(Label::Mac, &self.mac), (Label::Cpu, &self.cpu), (Label::Board, &self.board)] {
            received.insert(label, text).expect("a component");
        }
        received
    }

    /// The same, hashed as a license stores it.
    ///
    /// # Panics
    /// The ring lacks the license's generation.
    #[must_use]
    pub fn hashed(&self, new: &NewLicense, ring: &KeyRing) -> HashedComponents {
        let generation = ring.generation(new.license.generation).expect("the license's generation");
        self.received().hashed(generation, &new.license.id)
    }

    /// It as a device that was bound at a moment, and seen then.
    ///
    /// # Panics
    /// The ring lacks the license's generation.
    #[must_use]
    pub fn device(&self, new: &NewLicense, ring: &KeyRing, bound_at: UnixMillis) -> Device {
        Device {
            name: DeviceName::read("Laptop").expect("a name"),
            components: self.hashed(new, ring).stored(),
            form: ComponentForm::Keyed,
            bound_at,
            seen_at: bound_at,
        }
    }
}

/// The id of the n-th device of a fixture.
#[must_use]
pub fn device_id(number: u8) -> DeviceId {
    DeviceId::from_random([number; 10])
}

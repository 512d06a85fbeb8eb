//! Hardware components of this machine. Raw values stay in this module's types: they are hashed with the license key
//! before anything is sent or stored, and `Debug` hides them.

#[cfg(target_os = "linux")]
mod linux;
mod system;

use std::collections::BTreeMap;

use falconer_domain::LicenseKey;
use falconer_domain::encoding::HEXLOWER;
use falconer_domain::hardware::{Label, LeaseComponents, ReceivedComponents, component, keyed_component};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use system::SystemHardware;

/// Value of `hardware_format` in requests: components keyed by the license key.
pub(crate) const HARDWARE_FORMAT: u8 = 1;

/// Source of hardware values: [`SystemHardware`], or a test's own.
pub trait Hardware: Send + Sync {
    /// Reads all components. Called once, when the library is opened.
    fn read(&self) -> RawComponents;

    /// Reads the model that the maker gave the machine, such as "ThinkPad T14 Gen 3". It becomes a part of the default
    /// device name and nothing else.
    fn model(&self) -> Option<String> {
        None
    }

    /// Detects the platform. It is reported to the application and changes nothing else.
    fn platform(&self) -> Platform {
        Platform::Physical
    }
}

/// Kind of machine that a program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Platform {
    /// A physical machine, or one that shows no sign of being another.
    Physical,
    /// A container. Its file system and host name may be new at every start.
    Container,
    /// A virtual machine. It can be copied whole.
    VirtualMachine,
}

/// Raw components: normalized, without placeholders, wiped when dropped.
#[derive(Clone, derive_more::Debug, Default)]
#[debug("{:?}", self.labels().collect::<Vec<_>>())]
pub struct RawComponents(BTreeMap<Label, Zeroizing<String>>);

impl RawComponents {
    /// Adds a component, unless its value identifies nothing: "To be filled by O.E.M." is the same on many machines.
    #[must_use]
    pub fn with(mut self, label: Label, raw: &str) -> Self {
        if let Some(value) = component(label, raw) {
            self.0.insert(label, Zeroizing::new(value));
        }
        self
    }

    /// Iterates over the labels of the components.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        self.0.keys().copied()
    }

    /// Returns the raw value of a component.
    pub(crate) fn value(&self, label: Label) -> Option<&str> {
        self.0.get(&label).map(|value| value.as_str())
    }

    /// Sets every label to one text; the effect of `FALCONER_MACHINE_ID`.
    #[must_use]
    pub(crate) fn all(text: &str) -> Self {
        Label::ALL.into_iter().fold(Self::default(), |components, label| components.with(label, text))
    }
}

/// Random id that supplements hardware which is too little to bind.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[debug("InstallId(…)")]
pub(crate) struct InstallId(String);

impl InstallId {
    pub(crate) const BYTES: usize = 16;

    pub(crate) fn from_random(random: [u8; Self::BYTES]) -> Self {
        Self(HEXLOWER.encode(&random))
    }

    pub(crate) fn kept(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Components of this machine, keyed by one license key. Two licenses cannot find out that they run on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    received: ReceivedComponents,
}

impl Fingerprint {
    /// Hashes the raw components and the install id with the license key.
    pub(crate) fn of(key: &LicenseKey, raw: &RawComponents, install: Option<&InstallId>) -> Self {
        let canonical = Zeroizing::new(key.canonical());
        let mut received = ReceivedComponents::default();
        let install = install.map(|id| (Label::Install, id.as_str()));
        for (label, value) in raw.0.iter().map(|(label, value)| (*label, value.as_str())).chain(install) {
            // A keyed component is 64 hex digits, which every reader accepts.
            let _ = received.insert(label, &keyed_component(&canonical, label, value));
        }
        Self { received }
    }

    /// True if the components are enough for the server to bind a device.
    pub(crate) fn can_bind(&self) -> bool {
        self.received.are_enough_to_bind()
    }

    /// Components in the form of a request.
    pub(crate) fn to_wire(&self) -> BTreeMap<&'static str, &str> {
        self.received.iter().map(|(label, text)| (label.as_str(), text)).collect()
    }

    /// Components in the form of a lease.
    pub(crate) fn lease_components(&self) -> LeaseComponents {
        self.received.lease(&Label::ALL)
    }

    /// Hash over all components, for noticing a change.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (label, component) in self.received.iter() {
            hash.update(label.as_str());
            hash.update(component);
        }
        HEXLOWER.encode(&hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> LicenseKey {
        LicenseKey::parse(text).unwrap()
    }

    #[test]
    fn keys_components_and_hides_raw_values() {
        let raw = RawComponents::default()
            .with(Label::Mac, " AA:BB  cc ")
            .with(Label::Board, "To be filled by O.E.M.");
        assert_eq!((format!("{raw:?}"), raw.labels().count()), ("[Mac]".to_owned(), 1));
        let first = Fingerprint::of(&key("ABC-123-XYZ"), &raw, None);
        let second = Fingerprint::of(&key("ABC-123-XYY"), &raw, None);
        let expected = keyed_component("ABC123XYZ", Label::Mac, "aa:bb cc");
        assert_eq!(first.to_wire(), BTreeMap::from([("mac", expected.as_str())]));
        assert_ne!(first, second);
        assert!(!format!("{first:?}").contains("aa"), "{first:?}");
    }

    #[test]
    fn install_id_supplements_little_hardware() {
        let raw = RawComponents::default().with(Label::Hostname, "host-name");
        let install = InstallId::from_random([7; 16]);
        assert!(!Fingerprint::of(&key("ABC-123-XYZ"), &raw, None).can_bind());
        assert!(Fingerprint::of(&key("ABC-123-XYZ"), &raw, Some(&install)).can_bind());
        assert_eq!(format!("{install:?}"), "InstallId(…)");
    }

    #[test]
    fn override_sets_every_label() {
        assert_eq!(RawComponents::all("machine-7").labels().collect::<Vec<_>>(), Label::ALL);
        assert_eq!(RawComponents::all("unknown").labels().count(), 0);
    }

    #[test]
    fn reads_this_machine_twice_alike() {
        let system = SystemHardware;
        let (first, second) = (system.read(), system.read());
        let labels = |raw: &RawComponents| raw.labels().collect::<Vec<_>>();
        assert_eq!(labels(&first), labels(&second), "the same machine, twice");
        assert!(first.0 == second.0, "the same values, twice");
        let _ = system.platform();
    }
}

//! Hardware components of this machine. Raw values stay in this module's types: they are hashed with the license key
//! before anything is sent or stored, and `Debug` hides them.

mod cards;
mod disks;
mod guest;
#[cfg(target_os = "linux")]
mod linux;
mod listing;
#[cfg(test)]
mod listings;
#[cfg(any(target_os = "macos", test))]
mod macos;
mod selection;
mod system;
#[cfg(any(windows, test))]
mod windows;

use std::collections::BTreeMap;

use falconer_domain::LicenseKey;
use falconer_domain::encoding::HEXLOWER;
use falconer_domain::hardware::{Label, LeaseComponents, ReceivedComponents, component, keyed_component};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use system::SystemHardware;

/// Value of `hardware_format` in requests: components keyed by the license key.
pub(crate) const HARDWARE_FORMAT: u8 = 1;
/// Separates the parts of a hash; no part contains it.
const SEPARATOR: u8 = 0x1F;

/// Source of hardware values: [`SystemHardware`], or a test's own.
pub trait Hardware: Send + Sync {
    /// Reads all components. Called once, when the library is opened.
    fn read(&self) -> RawComponents;

    /// Reads the model that the maker gave the machine, such as "Latitude 5440". It becomes a part of the default
    /// device name and nothing else.
    fn model(&self) -> Option<String> {
        None
    }
}

/// Kind of machine that a program runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Platform {
    /// A physical machine, or one that shows no sign of being another.
    #[default]
    Physical,
    /// A container. Its file system and host name may be new at every start.
    Container,
    /// A virtual machine. It can be copied whole.
    VirtualMachine,
}

/// Raw components: normalized, without placeholders, wiped when dropped.
#[derive(Clone, derive_more::Debug, Default)]
#[debug("{:?}", self.labels().collect::<Vec<_>>())]
pub struct RawComponents {
    found: BTreeMap<Label, Zeroizing<String>>,
    platform: Platform,
    /// Whether the server hears of a virtual machine.
    virtual_machine: VirtualMachine,
    install: InstallRule,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum VirtualMachine {
    #[default]
    Unseen,
    Seen,
}

/// The machines that an install id is made for.
#[derive(Clone, Default, PartialEq, Eq)]
enum InstallRule {
    /// Those whose other components are too few to bind.
    #[default]
    WhereTooLittle,
    /// Every guest, with the machine id where it is the guest's own.
    Guest(Option<Zeroizing<String>>),
}

impl RawComponents {
    /// Adds a component, unless its value identifies nothing: "To be filled by O.E.M." is the same on many machines.
    #[must_use]
    pub fn with(mut self, label: Label, raw: &str) -> Self {
        if let Some(value) = component(label, raw) {
            self.found.insert(label, Zeroizing::new(value));
        }
        self
    }

    /// Names the kind of machine. Its device's default name says so, and a request reports a virtual machine.
    #[must_use]
    pub const fn on(mut self, platform: Platform) -> Self {
        self.platform = platform;
        if matches!(platform, Platform::VirtualMachine) {
            self.virtual_machine = VirtualMachine::Seen;
        }
        self
    }

    /// Returns a raw value that tells this machine from others. A guest's machine id is one, although it is not sent.
    pub(crate) fn value(&self, label: Label) -> Option<&str> {
        let of_guest = match &self.install {
            InstallRule::Guest(Some(machine_id)) if label == Label::MachineId => Some(machine_id),
            _ => None,
        };
        self.found.get(&label).or(of_guest).map(|value| value.as_str())
    }

    /// Tells the server of a virtual machine below a container.
    #[must_use]
    pub const fn in_virtual_machine(mut self) -> Self {
        self.virtual_machine = VirtualMachine::Seen;
        self
    }

    /// Adds an install id whatever else there is, because a guest can be copied whole. It is made of a random value, which
    /// the store keeps, and of the guest's machine id, if it has one of its own. A copy of the store alone therefore shows
    /// another install id.
    #[must_use]
    pub fn in_guest(mut self, machine_id: Option<&str>) -> Self {
        let machine_id = machine_id.and_then(|id| component(Label::MachineId, id));
        self.install = InstallRule::Guest(machine_id.map(Zeroizing::new));
        self
    }

    /// Iterates over the labels of the components. An install id is not among them, because the store has it.
    pub fn labels(&self) -> impl Iterator<Item = Label> {
        self.found.keys().copied()
    }

    /// The kind of machine.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    /// Returns true if requests report a virtual machine.
    #[must_use]
    pub fn is_in_virtual_machine(&self) -> bool {
        self.virtual_machine == VirtualMachine::Seen
    }

    /// Sets every label to one text, and leaves the platform as it is; the effect of `FALCONER_MACHINE_ID`.
    #[must_use]
    pub(crate) fn replaced_by(self, text: &str) -> Self {
        let bare = Self { found: BTreeMap::new(), install: InstallRule::WhereTooLittle, ..self };
        Label::ALL.into_iter().fold(bare, |components, label| components.with(label, text))
    }

    /// Returns true if an install id has to be made for a machine that shows this fingerprint.
    pub(crate) fn needs_install_id(&self, own: &Fingerprint) -> bool {
        let is_guest = matches!(self.install, InstallRule::Guest(_));
        !own.can_bind() || (is_guest && !own.received.iter().any(|(label, _)| label == Label::Install))
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

    /// The value that is shown: a guest's is a hash over the machine id too.
    fn shown(&self, rule: &InstallRule) -> Zeroizing<String> {
        let InstallRule::Guest(Some(machine_id)) = rule else { return Zeroizing::new(self.0.clone()) };
        let mut hash = Sha256::new();
        hash.update(&self.0);
        hash.update([SEPARATOR]);
        hash.update(machine_id.as_bytes());
        Zeroizing::new(HEXLOWER.encode(&hash.finalize()))
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
        let shown = install.map(|id| id.shown(&raw.install));
        let install = shown.as_ref().map(|value| (Label::Install, value.as_str()));
        for (label, value) in raw.found.iter().map(|(label, value)| (*label, value.as_str())).chain(install) {
            // A keyed component is 64 hex digits, which every reader accepts.
            let _ = received.insert(label, &keyed_component(&canonical, label, value));
        }
        Self { received }
    }

    /// True if the components are enough for the server to bind a device.
    pub(crate) fn can_bind(&self) -> bool {
        self.received.are_enough_to_bind()
    }

    /// Components as a request brings them.
    pub(crate) const fn received(&self) -> &ReceivedComponents {
        &self.received
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
    fn guest_always_gets_an_install_id() {
        let enough =
            RawComponents::default().with(Label::Mac, "52:54:00:9a:3c:7e").with(Label::Hostname, "host-name");
        let guest = enough.clone().in_guest(None);
        let install = InstallId::from_random([7; 16]);
        let of = |raw: &RawComponents, install| Fingerprint::of(&key("ABC-123-XYZ"), raw, install);
        assert!(!enough.needs_install_id(&of(&enough, None)));
        assert!(guest.needs_install_id(&of(&guest, None)));
        assert!(!guest.needs_install_id(&of(&guest, Some(&install))));
        assert!(of(&RawComponents::default().in_guest(None), Some(&install)).can_bind(), "alone");
    }

    #[test]
    fn copied_store_proves_nothing_elsewhere() {
        let install = InstallId::from_random([7; 16]);
        let shown = |machine_id: Option<&str>| {
            let raw = RawComponents::default().in_guest(machine_id);
            Fingerprint::of(&key("ABC-123-XYZ"), &raw, Some(&install)).to_wire()["install"].to_owned()
        };
        let (first, second) = ("3d1219c7c4c5404aaa1f6d2a48adfda4", "7c1219c7c4c5404aaa1f6d2a48adfda4");
        let spelled = format!(" {}\n", first.to_uppercase());
        assert_eq!(shown(Some(first)), shown(Some(&spelled)));
        assert_ne!(shown(Some(first)), shown(Some(second)));
        assert_ne!(shown(Some(first)), shown(None));
        assert_eq!(shown(Some("uninitialized")), shown(None), "an image's");
    }

    #[test]
    fn override_sets_every_label() {
        let machine = RawComponents::default().on(Platform::VirtualMachine).in_guest(None);
        let replaced = machine.clone().replaced_by("machine-7");
        assert_eq!(replaced.labels().collect::<Vec<_>>(), Label::ALL);
        assert_eq!((replaced.platform(), replaced.is_in_virtual_machine()), (Platform::VirtualMachine, true));
        assert_eq!(machine.replaced_by("unknown").labels().count(), 0);
    }

    #[test]
    fn reads_this_machine_twice_alike() {
        let (first, second) = (SystemHardware.read(), SystemHardware.read());
        assert!(first.found == second.found, "the same values, twice");
        assert!(first.install == second.install, "the same machine id, twice");
        assert_eq!(first.platform(), second.platform());
    }
}

//! Hardware: the components a device is known by, as they are received, kept and stated in leases.
//!
//! | | who computes it | what it is |
//! | --- | --- | --- |
//! | received | the client library | `hex(HMAC(canonical key, label ‖ 1F ‖ normalized value))`, or whatever an old client sends |
//! | stored | the server | `HMAC(pepper, license id ‖ 1F ‖ label ‖ 1F ‖ folded)[..16]`, `folded` being the one spelling of what was received |
//! | in a lease | the server | the first 16 bytes of `SHA-256(received)` |

mod drift;
pub(crate) mod folding;
mod matching;
mod received;
mod sighting;

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub use drift::{MEMORY_DAYS, REST_DAYS, drift_candidate, learned};
pub use matching::{DeviceMatch, best_match, is_enough_to_bind, lease_labels, may_be_copy};
pub use received::{Fault, Hardware, Used};
pub use sighting::{Nearest, Sighting};

use crate::encoding::{CROCKFORD_LOWER, HEXLOWER};
use crate::keyring::{Generation, Purpose};
use crate::license_id::LicenseId;
use crate::placeholders;
use crate::time::UnixMillis;

/// Shortest component taken: anything less identifies nothing.
pub const MIN_COMPONENT_CHARS: usize = 8;
/// Longest component taken: a SHA-512 in hex.
pub const MAX_COMPONENT_CHARS: usize = 128;
/// Bytes of a component's hash, at rest and in leases.
pub const HASH_BYTES: usize = 16;

const SEPARATOR: u8 = 0x1F;

/// The kind of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Label {
    /// The operating system's machine id.
    MachineId,
    /// Address of the first physical network interface.
    Mac,
    /// Serial number of the main board.
    Board,
    /// Serial number of the system disk.
    Disk,
    /// A random id the client keeps where hardware says nothing.
    Install,
    /// Processor model: millions share it.
    Cpu,
    /// The host's name: anyone can change it.
    Hostname,
}

impl Label {
    /// Every label.
    pub const ALL: [Self; 7] =
        [Self::MachineId, Self::Mac, Self::Board, Self::Disk, Self::Install, Self::Cpu, Self::Hostname];

    /// As requests, tables and leases write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MachineId => "machine_id",
            Self::Mac => "mac",
            Self::Board => "board",
            Self::Disk => "disk",
            Self::Install => "install",
            Self::Cpu => "cpu",
            Self::Hostname => "hostname",
        }
    }

    /// As requests, tables and leases write it, read back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.as_str() == text)
    }

    /// As JSON is written in languages that use camelCase.
    #[must_use]
    pub const fn camel_case(self) -> &'static str {
        match self {
            Self::MachineId => "machineId",
            _ => self.as_str(),
        }
    }

    /// Returns true if this part alone tells two machines apart.
    const fn is_hardware_id(self) -> bool {
        matches!(self, Self::MachineId | Self::Mac | Self::Board | Self::Disk)
    }
}

/// The spreadsheet's three columns under both of their names, with their labels. The first set that a request has
/// counts.
pub const FLAT_NAMES: [[(&[&str], Label); 3]; 2] = [
    [
        (&["hw_component_1", "hwComponent1"], Label::Mac),
        (&["hw_component_2", "hwComponent2"], Label::Cpu),
        (&["hw_component_3", "hwComponent3"], Label::Board),
    ],
    [(&["hw1"], Label::Mac), (&["hw2"], Label::Cpu), (&["hw3"], Label::Board)],
];

/// The content of a client's components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComponentForm {
    /// Today's client library: keyed by the license key (`hardware_format: 1`).
    Keyed,
    /// An older client's own text. Its machine looks like another one once its client is a new one.
    Opaque,
}

/// Brings a raw value into the one form that is hashed: trimmed, lower case, inner white space collapsed. `None` for
/// placeholders that vendors leave in firmware: two machines without a serial number are not the same machine.
#[must_use]
pub fn normalized(raw: &str) -> Option<String> {
    let value = raw.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    (!placeholders::is_placeholder(&value)).then_some(value)
}

/// [`normalized`] as a part of a machine: `None` also for what proves nothing as this part alone, such as the address
/// of an adapter that every installation of a product has.
#[must_use]
pub fn component(label: Label, raw: &str) -> Option<String> {
    normalized(raw).filter(|value| !placeholders::proves_nothing(label, value))
}

/// Returns the component that the client library sends for a normalized value.
#[must_use]
pub fn keyed_component(canonical_key: &str, label: Label, normalized: &str) -> String {
    HEXLOWER.encode(&mac(canonical_key.as_bytes(), &[label.as_str(), normalized]))
}

/// An invalid component: too short, too long, or not printable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a component has {MIN_COMPONENT_CHARS} to {MAX_COMPONENT_CHARS} printable characters")]
pub struct BadComponent;

/// Components as one request brought them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReceivedComponents(BTreeMap<Label, String>);

impl ReceivedComponents {
    /// Takes one component. Empty texts, values that prove nothing and their hashes are absent, not wrong.
    ///
    /// # Errors
    /// [`BadComponent`].
    pub fn insert(&mut self, label: Label, text: &str) -> Result<(), BadComponent> {
        let text = text.trim();
        if component(label, text).is_none() || placeholders::is_hashed_placeholder(text) {
            return Ok(());
        }
        let printable = text.chars().all(|c| !c.is_control());
        if !printable || !(MIN_COMPONENT_CHARS..=MAX_COMPONENT_CHARS).contains(&text.chars().count()) {
            return Err(BadComponent);
        }
        self.0.insert(label, text.to_owned());
        Ok(())
    }

    /// Returns true if nothing usable came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if any of them tells two machines apart: without one no device can ever match.
    #[must_use]
    pub fn has_strong(&self) -> bool {
        self.0.keys().any(|label| label.is_hardware_id())
    }

    /// The components, as a request writes them.
    pub fn iter(&self) -> impl Iterator<Item = (Label, &str)> {
        self.0.iter().map(|(label, text)| (*label, text.as_str()))
    }

    /// The components as this license would store them, whatever spelling they came in.
    #[must_use]
    pub fn hashed(&self, generation: &Generation, license: &LicenseId) -> HashedComponents {
        let pepper = generation.subkey(Purpose::HardwarePepper);
        HashedComponents(
            self.0
                .iter()
                .map(|(label, text)| {
                    let folded = folding::folded(text);
                    (*label, first_bytes(&mac(pepper.as_ref(), &[license.as_str(), label.as_str(), &folded])))
                })
                .collect(),
        )
    }

    /// Returns the components of these labels in the form of a lease.
    #[must_use]
    pub fn lease(&self, labels: &[Label]) -> LeaseComponents {
        LeaseComponents(
            self.0
                .iter()
                .filter(|(label, _)| labels.contains(label))
                .map(|(label, text)| (*label, first_bytes(&Sha256::digest(text.as_bytes()))))
                .collect(),
        )
    }
}

#[cfg(test)]
impl FromIterator<(Label, String)> for ReceivedComponents {
    fn from_iter<I: IntoIterator<Item = (Label, String)>>(components: I) -> Self {
        Self(components.into_iter().collect())
    }
}

/// Never shows a value: even a hash identifies a person's machine.
impl fmt::Debug for ReceivedComponents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Received components, hashed as one license stores them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HashedComponents(pub(crate) BTreeMap<Label, [u8; HASH_BYTES]>);

impl HashedComponents {
    /// Returns true if there is no component.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a device that is bound now stores them.
    #[must_use]
    pub fn stored(&self) -> StoredComponents {
        self.0
            .iter()
            .map(|(label, hash)| (*label, StoredComponent { hash: *hash, learned_at: None }))
            .collect()
    }

    /// The hash of one component.
    #[must_use]
    pub fn get(&self, label: Label) -> Option<&[u8; HASH_BYTES]> {
        self.0.get(&label)
    }
}

/// Shows no hash: even that identifies a person's machine.
impl fmt::Debug for HashedComponents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// One component at rest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoredComponent {
    /// The hash.
    pub hash: [u8; HASH_BYTES],
    /// The moment of learning; `None` if the component came with the binding.
    pub learned_at: Option<UnixMillis>,
}

/// Shows no hash: even that identifies a person's machine.
impl fmt::Debug for StoredComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredComponent").field("learned_at", &self.learned_at).finish_non_exhaustive()
    }
}

/// The components of one device at rest.
pub type StoredComponents = BTreeMap<Label, StoredComponent>;

/// The components of a device in its lease.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LeaseComponents(BTreeMap<Label, [u8; HASH_BYTES]>);

/// Shows no hash: even that identifies a person's machine.
impl fmt::Debug for LeaseComponents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl FromIterator<(Label, [u8; HASH_BYTES])> for LeaseComponents {
    fn from_iter<I: IntoIterator<Item = (Label, [u8; HASH_BYTES])>>(components: I) -> Self {
        Self(components.into_iter().collect())
    }
}

impl LeaseComponents {
    /// Label → hex, read back. Labels that are not known here and texts that are not a hash are left out: the first may
    /// come from a newer server.
    #[must_use]
    pub fn from_wire(claim: &BTreeMap<String, String>) -> Self {
        let read = |(label, hex): (&String, &String)| {
            let hash = HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()?;
            Some((Label::parse(label)?, hash))
        };
        claim.iter().filter_map(read).collect()
    }

    /// Label → hex, as the claim `hw` holds it.
    #[must_use]
    pub fn to_wire(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(label, hash)| (label.as_str().to_owned(), HEXLOWER.encode(hash))).collect()
    }
}

/// `dev_` and 16 lower-case Crockford characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    const PREFIX: &str = "dev_";
    const BYTES: usize = 10;

    /// A new id from 80 random bits.
    #[must_use]
    pub fn from_random(random: [u8; Self::BYTES]) -> Self {
        Self(format!("{}{}", Self::PREFIX, CROCKFORD_LOWER.encode(&random)))
    }

    /// The id of the one device that a sheet knows of a license: the same in every run of an import.
    #[must_use]
    pub fn of_sheet(generation: &Generation, license: &LicenseId) -> Self {
        let hash = mac(generation.subkey(Purpose::SheetImport).as_ref(), &["device", license.as_str()]);
        let mut random = [0; Self::BYTES];
        random.copy_from_slice(&hash[..Self::BYTES]);
        Self::from_random(random)
    }

    /// `text` as a device id, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let random = CROCKFORD_LOWER.decode(text.strip_prefix(Self::PREFIX)?.as_bytes()).ok()?;
        (random.len() == Self::BYTES).then(|| Self(text.to_owned()))
    }

    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn mac(key: &[u8], parts: &[&str]) -> [u8; 32] {
    // Unwrap safety: HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            mac.update(&[SEPARATOR]);
        }
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

fn first_bytes(hash: &[u8]) -> [u8; HASH_BYTES] {
    let mut first = [0; HASH_BYTES];
    first.copy_from_slice(&hash[..HASH_BYTES]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_omits_or_refuses_component() {
        let long = "xy".repeat(MAX_COMPONENT_CHARS / 2);
        for (text, expected) in [
            ("12345679", Ok(true)),
            ("  12345679\n", Ok(true)),
            (long.as_str(), Ok(true)),
            ("", Ok(false)),
            ("   ", Ok(false)),
            ("To Be Filled By O.E.M.", Ok(false)),
            ("00:00:00:00:00:00", Ok(false)),
            ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", Ok(false)),
            ("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", Ok(false)),
            ("d41d8cd98f00b204e9800998ecf8427e", Ok(false)),
            ("7654321", Err(BadComponent)),
            ("1234567", Ok(false)),
            (&format!("{long}x"), Err(BadComponent)),
            ("1234\u{7}5678", Err(BadComponent)),
        ] {
            let mut components = ReceivedComponents::default();
            let taken = components.insert(Label::Mac, text).map(|()| !components.is_empty());
            assert_eq!(taken, expected, "{text}");
        }
    }

    #[test]
    fn debug_names_labels_only() {
        let components = ReceivedComponents::from_iter([(Label::Mac, "a-secret-value".to_owned())]);
        assert_eq!(format!("{components:?}"), "[Mac]");
        let hashed = HashedComponents(BTreeMap::from([(Label::Mac, [7; HASH_BYTES])]));
        let in_a_lease = components.lease(&[Label::Mac, Label::Cpu]);
        assert_eq!(format!("{hashed:?} {in_a_lease:?}"), "[Mac] [Mac]");
        assert_eq!(
            format!("{:?}", hashed.stored()),
            "{Mac: StoredComponent { learned_at: None, .. }}",
            "as it came with the binding"
        );
    }

    #[test]
    fn hash_depends_on_every_input() {
        let ring =
            crate::KeyRing::parse(r#"{"current":"1","1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#).unwrap();
        let of = |license: u8, label, text: &str| {
            let components = ReceivedComponents::from_iter([(label, text.to_owned())]);
            let hashed = components.hashed(ring.current(), &LicenseId::from_hash(&[license; 32]));
            *hashed.get(label).unwrap()
        };
        let hash = of(1, Label::Mac, "12345679");
        assert_eq!(of(1, Label::Mac, "12345679"), hash);
        for other in
            [of(2, Label::Mac, "12345679"), of(1, Label::Cpu, "12345679"), of(1, Label::Mac, "12345680")]
        {
            assert_ne!(other, hash);
        }
        let components = ReceivedComponents::from_iter([(Label::Cpu, "12345679".to_owned())]);
        assert!(components.lease(&[Label::Mac]).to_wire().is_empty(), "a label that is not asked for");
        assert!(
            !components.has_strong() && !components.is_empty() && ReceivedComponents::default().is_empty()
        );
        assert_eq!(components.iter().collect::<Vec<_>>(), [(Label::Cpu, "12345679")]);
        assert!(ReceivedComponents::from_iter([(Label::Disk, "12345679".to_owned())]).has_strong());
    }

    #[test]
    fn normalizes_case_and_spaces() {
        assert_eq!(normalized("  A  b\tC "), Some("a b c".to_owned()));
        for nothing in ["", "  ", "None", "0000-0000", "ff:ff:ff"] {
            assert_eq!(normalized(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn labels_and_ids_read_back() {
        for label in Label::ALL {
            assert_eq!(Label::parse(label.as_str()), Some(label));
        }
        assert_eq!(Label::parse("MAC"), None);
        let id = DeviceId::from_random([0xAB; 10]);
        assert_eq!(DeviceId::parse(id.as_str()), Some(id.clone()));
        assert_eq!((id.as_str().len(), DeviceId::parse("dev_0")), (20, None));
        assert_eq!(format!("{id}"), id.as_str());
    }
}

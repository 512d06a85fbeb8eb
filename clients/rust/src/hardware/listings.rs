//! Runs the recorded listings of `tests/listings`: the components that each machine shows, and the pairs that are the same
//! machine or are not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use falconer_domain::LicenseKey;
use serde::Deserialize;
use serde_json::Value;

use super::listing::{Listing, Signs};
use super::macos::Interface;
use super::windows::Adapter;
use super::{Fingerprint, InstallId, InstallRule, Platform, RawComponents};

/// The threshold of the built-in policy.
const THRESHOLD: u32 = 2;

#[derive(Deserialize)]
struct RecordedListing {
    linux: Option<LinuxFiles>,
    windows: Option<WindowsValues>,
    macos: Option<MacValues>,
    processor: String,
    host_name: String,
    expect: Expected,
}

#[derive(Deserialize)]
struct LinuxFiles {
    files: BTreeMap<String, Value>,
    links: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct WindowsValues {
    machine_id: String,
    board: String,
    maker: String,
    adapters: Vec<Adapter>,
}

#[derive(Deserialize)]
struct MacValues {
    machine_id: String,
    board: String,
    maker: String,
    interfaces: Vec<Interface>,
}

#[derive(Deserialize)]
struct Expected {
    platform: String,
    virtual_machine: bool,
    install: String,
    components: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Pair {
    about: String,
    first: String,
    second: Option<String>,
    #[serde(default)]
    first_change: Option<Value>,
    #[serde(default)]
    change: Option<Value>,
    store: StoreOfSecond,
    same: bool,
    #[serde(default)]
    unchanged: bool,
}

/// The store that the second machine has.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoreOfSecond {
    /// The store of the first, kept or copied.
    Kept,
    /// A store of its own.
    Own,
}

impl RecordedListing {
    fn listing(&self) -> Listing {
        let listing = match (&self.linux, &self.windows, &self.macos) {
            (Some(linux), None, None) => linux.listing(),
            (None, Some(windows), None) => Listing {
                machine_id: Some(windows.machine_id.clone()),
                board: Some(windows.board.clone()),
                cards: windows.adapters.iter().map(Adapter::card).collect(),
                signs: Signs { firmware: windows.maker.clone(), ..Signs::default() },
                ..Listing::default()
            },
            (None, None, Some(mac)) => Listing {
                machine_id: Some(mac.machine_id.clone()),
                board: Some(mac.board.clone()),
                cards: mac.interfaces.iter().map(Interface::card).collect(),
                signs: Signs { firmware: mac.maker.clone(), ..Signs::default() },
                ..Listing::default()
            },
            _ => panic!("a recording is of one system"),
        };
        Listing {
            processor: Some(self.processor.clone()),
            host_name: Some(self.host_name.clone()),
            ..listing
        }
    }
}

impl LinuxFiles {
    /// Writes the files down below a folder, and lists that folder as `/` is listed.
    #[cfg(target_os = "linux")]
    fn listing(&self) -> Listing {
        let root = tempfile::tempdir().unwrap();
        let place = |path: &String| {
            let place = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            place
        };
        for (path, content) in &self.files {
            let lines: Vec<&str> = match content {
                Value::String(line) => vec![line],
                lines => lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect(),
            };
            fs::write(place(path), lines.join("\n") + "\n").unwrap();
        }
        for (path, target) in &self.links {
            std::os::unix::fs::symlink(target, place(path)).unwrap();
        }
        super::linux::list(root.path())
    }

    #[cfg(not(target_os = "linux"))]
    fn listing(&self) -> Listing {
        panic!("{} files need a system with links", self.files.len() + self.links.len())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listings")
}

fn read(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

fn names() -> Vec<String> {
    let entries =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = entries
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| name != "pairs")
        .collect();
    names.sort();
    names
}

/// Changes a document as a JSON Merge Patch does (RFC 7396): `null` takes a member away.
fn merge(document: &mut Value, change: &Value) {
    match (document, change) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                if change.is_null() {
                    members.remove(name).unwrap_or_else(|| panic!("{name} is not there"));
                } else {
                    merge(members.entry(name).or_insert(Value::Null), change);
                }
            }
        }
        (document, change) => *document = change.clone(),
    }
}

fn recording(name: &str, change: Option<&Value>) -> RecordedListing {
    let mut document = read(name);
    if let Some(change) = change {
        merge(&mut document, change);
    }
    serde_json::from_value(document).unwrap()
}

/// Systems whose files can be written down here.
fn can_be_tried(recording: &RecordedListing) -> bool {
    cfg!(target_os = "linux") || recording.linux.is_none()
}

fn fingerprint(raw: &RawComponents, store: &InstallId) -> Fingerprint {
    let key = LicenseKey::parse("QF-PRO-1YQHJ-NQJM8-TQS7R-DW1VG-ET6BN-RKPPT").unwrap();
    let own = Fingerprint::of(&key, raw, None);
    if raw.needs_install_id(&own) { Fingerprint::of(&key, raw, Some(store)) } else { own }
}

#[test]
fn every_machine_shows_what_is_expected() {
    let mut tried = 0;
    for name in names() {
        let recording = recording(&name, None);
        if !can_be_tried(&recording) {
            continue;
        }
        let raw = recording.listing().components();
        let shown: BTreeMap<_, _> =
            raw.found.iter().map(|(label, value)| (label.as_str().to_owned(), value.to_string())).collect();
        assert_eq!(shown, recording.expect.components, "{name}");
        let platform = match raw.platform() {
            Platform::Physical => "physical",
            Platform::Container => "container",
            Platform::VirtualMachine => "virtual machine",
        };
        assert_eq!(platform, recording.expect.platform, "{name}");
        assert_eq!(raw.is_in_virtual_machine(), recording.expect.virtual_machine, "{name}");
        let install = match &raw.install {
            InstallRule::WhereTooLittle => "none",
            InstallRule::Guest(None) => "random",
            InstallRule::Guest(Some(_)) => "random and machine id",
        };
        assert_eq!(install, recording.expect.install, "{name}");
        assert!(fingerprint(&raw, &InstallId::from_random([1; 16])).can_bind(), "{name} can be bound");
        tried += 1;
    }
    assert!(tried >= if cfg!(target_os = "linux") { 13 } else { 3 }, "{tried} listings");
}

#[test]
fn pairs_are_the_same_machine_or_not() {
    let pairs: Vec<Pair> = serde_json::from_value(read("pairs")).unwrap();
    let (mut same, mut other) = (0, 0);
    for pair in pairs {
        let first = recording(&pair.first, pair.first_change.as_ref());
        let second = recording(pair.second.as_ref().unwrap_or(&pair.first), pair.change.as_ref());
        if !can_be_tried(&first) {
            continue;
        }
        let kept = InstallId::from_random([1; 16]);
        let store = match pair.store {
            StoreOfSecond::Kept => kept.clone(),
            StoreOfSecond::Own => InstallId::from_random([2; 16]),
        };
        let bound = fingerprint(&first.listing().components(), &kept);
        let shown = fingerprint(&second.listing().components(), &store);
        let matches = bound.lease_components().are_matched_by(&shown.lease_components(), THRESHOLD);
        assert_eq!(matches, pair.same, "{}: {bound:?} and {shown:?}", pair.about);
        if pair.unchanged {
            assert!(bound == shown, "{}: a part differs: {bound:?} and {shown:?}", pair.about);
        }
        if pair.same { same += 1 } else { other += 1 }
    }
    assert!(same >= 8 && other >= 3, "{same} and {other}");
}

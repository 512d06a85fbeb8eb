//! The name of this device that other users of the license see: the application's, or a default that tells machines
//! apart and names no person.

use falconer_domain::hardware::{Label, component};
use falconer_domain::person::MAX_DEVICE_NAME_CHARS;

use crate::hardware::{Fingerprint, Platform};

/// Suffix of the name while the machine id is set by the environment.
const OVERRIDDEN: &str = "(machine id set by hand)";
/// Hexadecimal digits of a mark. Among a hundred machines of one license, all differ in 9 of 10 cases.
const MARK_DIGITS: usize = 4;
/// Longest model that is named; a longer one is cut.
const MAX_MODEL_CHARS: usize = 40;
/// Components that a mark is made from: the first of these that is there. They change least.
const MARKED_BY: [Label; 5] = [Label::MachineId, Label::Board, Label::Disk, Label::Mac, Label::Install];

/// Origin of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeviceNameSource {
    /// The application chose the name, and it is used as it is.
    Application,
    /// The library made the name.
    Default,
}

impl DeviceNameSource {
    /// Adds a mark to a default name: "Linux computer (Latitude 5440, 3F9A)". The mark comes from a component that is keyed
    /// with the license key, so it is another one under another license.
    pub(super) fn marked(self, name: &str, own: &Fingerprint) -> String {
        let components = own.to_wire();
        let mark = MARKED_BY.iter().find_map(|label| components.get(label.as_str())?.get(..MARK_DIGITS));
        match (self, mark.map(str::to_uppercase), name.strip_suffix(')')) {
            (Self::Application, ..) | (_, None, _) => name.to_owned(),
            (Self::Default, Some(mark), Some(open)) => format!("{open}, {mark})"),
            (Self::Default, Some(mark), None) => format!("{name} ({mark})"),
        }
    }
}

/// The default: operating system, kind of machine, and the model where the maker has set one. The host name is left out,
/// because it is often the owner's name.
pub(super) fn default_name(platform: Platform, model: Option<&str>) -> String {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        "windows" => "Windows",
        other => other,
    };
    let kind = match platform {
        Platform::Container => "container",
        Platform::VirtualMachine => "virtual machine",
        _ => "computer",
    };
    match model.and_then(readable_model) {
        Some(model) if platform == Platform::Physical => format!("{system} {kind} ({model})"),
        _ => format!("{system} {kind}"),
    }
}

/// The model in one line; `None` for a placeholder such as "To be filled by O.E.M.".
fn readable_model(model: &str) -> Option<String> {
    component(Label::Board, model)?;
    let model: String = model.chars().filter(|c| !c.is_control() && !matches!(c, '(' | ')')).collect();
    let model = model.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_placeholder = model.eq_ignore_ascii_case("System Product Name");
    (!is_placeholder && !model.is_empty()).then(|| model.chars().take(MAX_MODEL_CHARS).collect())
}

/// The name while `FALCONER_MACHINE_ID` is in effect.
pub(super) fn overridden(name: &str) -> String {
    let room = MAX_DEVICE_NAME_CHARS - OVERRIDDEN.chars().count() - 1;
    let name: String = name.chars().take(room).collect();
    format!("{name} {OVERRIDDEN}")
}

#[cfg(test)]
mod tests {
    use falconer_domain::LicenseKey;
    use falconer_domain::person::DeviceName;

    use super::*;
    use crate::hardware::RawComponents;

    fn own(serial: &str) -> Fingerprint {
        let raw = RawComponents::default().with(Label::Board, serial).with(Label::Cpu, "one of many");
        Fingerprint::of(&LicenseKey::parse("ABC-123-XYZ").unwrap(), &raw, None)
    }

    #[test]
    fn default_names_tell_machines_apart() {
        let plain = default_name(Platform::Physical, None);
        let model = default_name(Platform::Physical, Some(" ThinkPad  T14 Gen 3 "));
        assert!(model.ends_with(" computer (ThinkPad T14 Gen 3)"), "{model}");
        for name in [plain, model] {
            let [first, second] =
                ["PF-0001", "PF-0002"].map(|serial| DeviceNameSource::Default.marked(&name, &own(serial)));
            assert_ne!(first, second);
            assert_eq!(first, DeviceNameSource::Default.marked(&name, &own("PF-0001")), "the same machine");
            assert!(!first.contains("0001") && first.ends_with(')'), "{first}");
            assert_eq!(DeviceNameSource::Application.marked(&name, &own("PF-0001")), name);
        }
    }

    #[test]
    fn placeholders_are_no_models() {
        let plain = default_name(Platform::Physical, None);
        for model in ["To be filled by O.E.M.", "System Product Name", "Default string", "", " "] {
            assert_eq!(default_name(Platform::Physical, Some(model)), plain, "{model}");
        }
        assert_eq!(
            default_name(Platform::VirtualMachine, Some("VMware Virtual Platform")),
            default_name(Platform::VirtualMachine, None)
        );
        let long = default_name(Platform::Physical, Some(&"x".repeat(500)));
        assert!(long.chars().count() < 70, "{long}");
    }

    #[test]
    fn overridden_name_fits_the_limit() {
        assert_eq!(overridden("Linux container"), "Linux container (machine id set by hand)");
        let long = overridden(&"x".repeat(MAX_DEVICE_NAME_CHARS));
        assert_eq!(long.chars().count(), MAX_DEVICE_NAME_CHARS);
        assert!(DeviceName::read(&long).unwrap().is_some());
    }
}

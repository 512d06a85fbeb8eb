//! Rules that one license has of its own, in the place of its tier's.

use std::collections::BTreeSet;

use super::{ReleaseRefusal, fitted};
use crate::catalog::{Catalog, MAX_SEATS, PolicyOverrides, VirtualMachines};
use crate::hardware::DeviceId;
use crate::license::License;
use crate::time::UnixMillis;

/// The place of a policy's member, by the kind of its values.
#[derive(Clone, Copy)]
enum Member {
    Number(fn(&mut PolicyOverrides) -> &mut Option<u32>),
    Flag(fn(&mut PolicyOverrides) -> &mut Option<bool>),
    VirtualMachines(fn(&mut PolicyOverrides) -> &mut Option<VirtualMachines>),
}

macro_rules! member {
    (u32, $name:ident) => {
        Member::Number(|own| &mut own.$name)
    };
    (bool, $name:ident) => {
        Member::Flag(|own| &mut own.$name)
    };
    (VirtualMachines, $name:ident) => {
        Member::VirtualMachines(|own| &mut own.$name)
    };
}

macro_rules! members_table {
    ($($(#[$meaning:meta])* $name:ident: $kind:ident = $default:expr,)*) => {
        /// Every member of a policy, as catalogs name it.
        const MEMBERS: &[(&str, Member)] = &[$((stringify!($name), member!($kind, $name)),)*];
    };
}

crate::policy_members!(members_table);

/// A text that sets no member of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// Not `NAME=VALUE`.
    #[error("{0:?} is not NAME=VALUE, as offline_grace_days=30; NAME= gives the member back to the tier")]
    Form(String),
    /// A name that no policy has.
    #[error("a policy has no member {0:?}; it has {names}", names = member_names())]
    Name(String),
    /// A value that is not a whole number.
    #[error("{0} must be a whole number from 0 to {max}", max = u32::MAX)]
    Number(&'static str),
    /// Seats outside 1 to [`MAX_SEATS`].
    #[error("seats must be 1 to {MAX_SEATS}")]
    Seats,
    /// A value that is neither yes nor no.
    #[error("{0} must be true or false")]
    Flag(&'static str),
    /// A value that is neither `allow` nor `refuse`.
    #[error("{0} must be allow or refuse")]
    VirtualMachines(&'static str),
}

/// Why a policy stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// The catalog lacks the license's tier.
    #[error("the catalog lacks the license's tier; `falconer set-tier` gives it another one")]
    NoSuchTier,
    /// Devices would be left without a seat.
    #[error(transparent)]
    Release(#[from] ReleaseRefusal),
}

/// A change of a license's own policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyChange {
    /// Members that are not its own any more.
    cleared: PolicyCleared,
    /// Members that are set.
    set: PolicyOverrides,
}

/// The members that the tier rules again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PolicyCleared {
    All,
    Named(BTreeSet<&'static str>),
}

impl Default for PolicyCleared {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl PolicyChange {
    /// Every member back to the tier's.
    #[must_use]
    pub fn reset() -> Self {
        Self { cleared: PolicyCleared::All, ..Self::default() }
    }

    /// Reads `NAME=VALUE` texts; `NAME=` gives a member back to the tier. Of two for one member the later one counts.
    /// A name may be written with hyphens, blanks or capitals.
    ///
    /// # Errors
    /// [`BadSetting`].
    pub fn and<'t>(mut self, settings: impl IntoIterator<Item = &'t str>) -> Result<Self, BadSetting> {
        for setting in settings {
            let (name, value) =
                setting.split_once('=').ok_or_else(|| BadSetting::Form(setting.to_owned()))?;
            self.read(name, value.trim())?;
        }
        Ok(self)
    }

    fn read(&mut self, named: &str, value: &str) -> Result<(), BadSetting> {
        let (name, member) = *MEMBERS
            .iter()
            .find(|(name, _)| plain(name) == plain(named))
            .ok_or_else(|| BadSetting::Name(named.trim().to_owned()))?;
        if let PolicyCleared::Named(cleared) = &mut self.cleared {
            cleared.insert(name);
        }
        match member {
            Member::Number(at) => *at(&mut self.set) = number(name, value)?,
            Member::Flag(at) => *at(&mut self.set) = flag(name, value)?,
            Member::VirtualMachines(at) => *at(&mut self.set) = virtual_machines(name, value)?,
        }
        Ok(())
    }

    fn over(&self, own: PolicyOverrides) -> PolicyOverrides {
        let (mut after, mut set) = (own, self.set);
        for &(name, member) in MEMBERS {
            let is_cleared = match &self.cleared {
                PolicyCleared::All => true,
                PolicyCleared::Named(named) => named.contains(name),
            };
            match member {
                Member::Number(at) if is_cleared => *at(&mut after) = *at(&mut set),
                Member::Flag(at) if is_cleared => *at(&mut after) = *at(&mut set),
                Member::VirtualMachines(at) if is_cleared => *at(&mut after) = *at(&mut set),
                Member::Number(_) | Member::Flag(_) | Member::VirtualMachines(_) => {}
            }
        }
        after
    }
}

/// The members of a license's own policy: each name, and its value where it is the license's own.
pub fn own_policy(own: &PolicyOverrides) -> impl Iterator<Item = (&'static str, Option<OwnValue>)> + use<> {
    let mut own = *own;
    MEMBERS.iter().map(move |&(name, member)| {
        let value = match member {
            Member::Number(at) => at(&mut own).map(OwnValue::Number),
            Member::Flag(at) => at(&mut own).map(OwnValue::Flag),
            Member::VirtualMachines(at) => at(&mut own).map(OwnValue::VirtualMachines),
        };
        (name, value)
    })
}

/// A value of a policy's member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnValue {
    /// A number of something.
    Number(u32),
    /// Yes or no.
    Flag(bool),
    /// The answer to virtual machines.
    VirtualMachines(VirtualMachines),
}

/// Changes what a license sets differently from its tier. Fewer seats than there are devices are possible only if those
/// that lose theirs are named.
///
/// # Errors
/// [`PolicyRefusal`].
pub fn set_policy(
    mut license: License,
    change: &PolicyChange,
    catalog: &Catalog,
    release: &BTreeSet<DeviceId>,
    now: UnixMillis,
) -> Result<License, PolicyRefusal> {
    let own = change.over(license.policy);
    let seats = |own| catalog.policy(&license.tier, own).map(|policy| policy.seats);
    let (before, after) = seats(&license.policy).zip(seats(&own)).ok_or(PolicyRefusal::NoSuchTier)?;
    // A license that has too many devices already is not kept from another grace by that.
    if after < before || !release.is_empty() {
        license = fitted(license, after, release, now)?;
    }
    license.policy = own;
    Ok(license)
}

fn member_names() -> String {
    MEMBERS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// A name without what people write differently.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-') && !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The catalog's bounds: every number but that of seats is good.
fn number(name: &'static str, value: &str) -> Result<Option<u32>, BadSetting> {
    if value.is_empty() {
        return Ok(None);
    }
    let number: u32 = value.parse().map_err(|_| BadSetting::Number(name))?;
    let is_good = name != "seats" || (1..=MAX_SEATS).contains(&number);
    is_good.then_some(Some(number)).ok_or(BadSetting::Seats)
}

fn flag(name: &'static str, value: &str) -> Result<Option<bool>, BadSetting> {
    match value.to_lowercase().as_str() {
        "" => Ok(None),
        "true" | "yes" | "on" | "1" => Ok(Some(true)),
        "false" | "no" | "off" | "0" => Ok(Some(false)),
        _ => Err(BadSetting::Flag(name)),
    }
}

fn virtual_machines(name: &'static str, value: &str) -> Result<Option<VirtualMachines>, BadSetting> {
    if value.is_empty() {
        return Ok(None);
    }
    let answer = VirtualMachines::parse(&value.to_lowercase());
    answer.map(Some).ok_or(BadSetting::VirtualMachines(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::air_gap::OfflineLease;
    use crate::catalog::{Tier, TierName};
    use crate::hardware::ComponentForm;
    use crate::license::Device;
    use crate::license_key::Product;
    use crate::seats::tests::license;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn catalog(seats: u32) -> Catalog {
        let policy = PolicyOverrides { seats: Some(seats), ..PolicyOverrides::default() };
        let tier = TierName::parse(license().tier.as_str()).unwrap();
        let tiers = BTreeMap::from([(tier, Tier { policy, ..Tier::default() })]);
        Catalog::new(Product::parse("QF").unwrap(), &PolicyOverrides::default(), tiers).unwrap()
    }

    fn device() -> Device {
        Device {
            name: None,
            components: BTreeMap::new(),
            form: ComponentForm::Keyed,
            bound_at: UnixMillis(1),
            seen_at: UnixMillis(1),
        }
    }

    fn own(settings: &[&str]) -> PolicyOverrides {
        let change = PolicyChange::default().and(settings.iter().copied()).unwrap();
        let bare = License { policy: PolicyOverrides::default(), devices: BTreeMap::new(), ..license() };
        set_policy(bare, &change, &catalog(1), &BTreeSet::new(), NOW).unwrap().policy
    }

    #[test]
    fn a_change_leaves_other_members_alone() {
        for &(name, member) in MEMBERS.iter().filter(|(name, _)| *name != "seats") {
            let value = match member {
                Member::Number(_) => "7",
                Member::Flag(_) => "true",
                Member::VirtualMachines(_) => "refuse",
            };
            let before = own(&[&format!("{name}={value}")]);
            let bare = License { policy: before, devices: BTreeMap::new(), ..license() };
            let change = PolicyChange::default().and(["seats=3"]).unwrap();
            let after = set_policy(bare, &change, &catalog(1), &BTreeSet::new(), NOW).unwrap().policy;
            assert_eq!(after, PolicyOverrides { seats: Some(3), ..before }, "{name}");
        }
    }

    #[test]
    fn every_member_is_set_and_given_back() {
        let written = |value: &OwnValue| match value {
            OwnValue::Number(number) => number.to_string(),
            OwnValue::Flag(flag) => flag.to_string(),
            OwnValue::VirtualMachines(answer) => answer.as_str().to_owned(),
        };
        for &(name, member) in MEMBERS {
            let value = match member {
                Member::Number(_) => "7",
                Member::Flag(_) => "true",
                Member::VirtualMachines(_) => "refuse",
            };
            let after = own(&[&format!("{name}={value}")]);
            let set: Vec<_> = own_policy(&after).filter_map(|(name, value)| Some((name, value?))).collect();
            assert_eq!(set.len(), 1, "{name}");
            assert_eq!((set[0].0, written(&set[0].1).as_str()), (name, value));
            assert_eq!(own(&[&format!("{name}={value}"), &format!("{name}=")]), PolicyOverrides::default());
        }
    }

    #[test]
    fn spellings_of_names_and_flags_are_one() {
        for setting in [
            "offline_grace_days=30",
            "offline-grace-days = 30",
            "offlineGraceDays=30",
            " Offline Grace Days=30",
        ] {
            assert_eq!(own(&[setting]).offline_grace_days, Some(30), "{setting}");
        }
        for (value, expected) in [("yes", true), ("ON", true), ("0", false), ("False", false)] {
            assert_eq!(own(&[&format!("hardware_required={value}")]).hardware_required, Some(expected));
        }
    }

    #[test]
    fn what_no_catalog_takes_is_refused() {
        for (setting, expected) in [
            ("offline_grace_days", BadSetting::Form("offline_grace_days".to_owned())),
            ("grace=3", BadSetting::Name("grace".to_owned())),
            ("max_transfers=-1", BadSetting::Number("max_transfers")),
            ("max_transfers=1.5", BadSetting::Number("max_transfers")),
            ("seats=0", BadSetting::Seats),
            ("seats=101", BadSetting::Seats),
            ("hardware_required=maybe", BadSetting::Flag("hardware_required")),
            ("virtual_machines=true", BadSetting::VirtualMachines("virtual_machines")),
        ] {
            assert_eq!(PolicyChange::default().and([setting]), Err(expected), "{setting}");
        }
        let said = PolicyChange::default().and(["grace=3"]).unwrap_err().to_string();
        assert!(said.contains("offline_grace_days") && said.contains("transfer_requires_email"), "{said}");
    }

    #[test]
    fn a_reset_gives_all_back_and_sets_what_is_named() {
        let before = License {
            policy: PolicyOverrides {
                max_transfers: Some(9),
                hardware_required: Some(true),
                ..PolicyOverrides::default()
            },
            devices: BTreeMap::new(),
            ..license()
        };
        let change = PolicyChange::reset().and(["check_interval_hours=1"]).unwrap();
        let after = set_policy(before, &change, &catalog(1), &BTreeSet::new(), NOW).unwrap();
        let expected = PolicyOverrides { check_interval_hours: Some(1), ..PolicyOverrides::default() };
        assert_eq!(after.policy, expected);
    }

    #[test]
    fn fewer_seats_than_devices_need_names() {
        let ids = [1, 2].map(|number| DeviceId::from_random([number; 10]));
        let before = License {
            policy: PolicyOverrides { seats: Some(2), ..PolicyOverrides::default() },
            devices: ids.iter().map(|id| (id.clone(), device())).collect(),
            ..license()
        };
        let change = PolicyChange::reset();
        let refused = set_policy(before.clone(), &change, &catalog(1), &BTreeSet::new(), NOW);
        let bound = ReleaseRefusal::Bound { bound: 2, seats: 1 };
        assert_eq!(refused, Err(PolicyRefusal::Release(bound)));
        let release = BTreeSet::from([ids[0].clone()]);
        let after = set_policy(before.clone(), &change, &catalog(1), &release, NOW).unwrap();
        assert_eq!((after.bound(), after.policy), (1, PolicyOverrides::default()));
        // A device that has left keeps the other seat until its offline lease ends.
        let kept = License {
            devices: [(ids[0].clone(), device())].into(),
            offline: [(ids[1].clone(), OfflineLease { lease: "a".to_owned(), until: UnixMillis(NOW.0 + 1) })]
                .into(),
            ..before.clone()
        };
        let refused = set_policy(kept.clone(), &change, &catalog(1), &BTreeSet::new(), NOW);
        let both = ReleaseRefusal::BoundAndKept { bound: 1, kept: 1, seats: 1 };
        assert_eq!(refused, Err(PolicyRefusal::Release(both)));
        assert!(set_policy(kept, &change, &catalog(1), &BTreeSet::new(), UnixMillis(NOW.0 + 1)).is_ok());
        let grace = PolicyChange::default().and(["offline_grace_days=3"]).unwrap();
        let too_many = License { policy: PolicyOverrides::default(), ..before };
        assert!(
            set_policy(too_many, &grace, &catalog(1), &BTreeSet::new(), NOW).is_ok(),
            "seats stay as they are"
        );
    }

    proptest! {
        #[test]
        fn any_setting_is_read_or_refused(settings in proptest::collection::vec("(\\PC{0,30}|[a-z_]{4,24}=[0-9a-z-]{0,11})", 0..4)) {
            let _ = PolicyChange::default().and(settings.iter().map(String::as_str)).map(drop);
        }
    }
}

//! Helpers for the tests of every operation.

mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::activate::ActivateRefusal;
use crate::catalog::{Catalog, PolicyOverrides, TierName};
use crate::deactivate::DeactivateRefusal;
use crate::effective_license::EffectiveLicense;
use crate::hardware::Label;
use crate::keyring::GenerationNumber;
use crate::license_id::LicenseId;
use crate::license_key::Product;
use crate::limits::Limits;
use crate::time::{MILLIS_PER_DAY, MILLIS_PER_SECOND};
use crate::transfer::{FromDevice, TransferRefusal};
use crate::{activate, deactivate, transfer};

pub(crate) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
pub(crate) const SECOND: i64 = MILLIS_PER_SECOND;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = MILLIS_PER_DAY;

/// The moment this many milliseconds after [`NOW`].
pub(crate) fn at(millis: i64) -> UnixMillis {
    UnixMillis(NOW.0 + millis)
}

/// A perpetual license of the built-in tier `pro`, with nothing bound.
pub(crate) fn license() -> License {
    License {
        id: LicenseId::from_hash(&[1; 32]),
        product: Product::parse("QF").unwrap(),
        tier: TierName::parse("pro").unwrap(),
        status: Status::Active,
        user_id: None,
        email: None,
        licensee_name: None,
        licensee_email: None,
        expires_at: None,
        duration_days: None,
        features: Vec::new(),
        limits: Limits::default(),
        updates_until: None,
        policy: PolicyOverrides::default(),
        devices: BTreeMap::new(),
        released: BTreeMap::new(),
        offline: BTreeMap::new(),
        free_used: 0,
        transfers: Vec::new(),
        transfers_total: 0,
        notes: None,
        erased_at: None,
        replaces: None,
        replaced_by: None,
        generation: GenerationNumber::new(1).unwrap(),
    }
}

pub(crate) fn standing(license: &License) -> EffectiveLicense {
    let catalog = Catalog::built_in(&license.product).unwrap();
    EffectiveLicense::of(license.clone(), &catalog).unwrap()
}

pub(crate) fn seats(seats: u32) -> PolicyOverrides {
    PolicyOverrides { seats: Some(seats), ..PolicyOverrides::default() }
}

pub(crate) fn parts(parts: &[(Label, u8)]) -> HashedComponents {
    HashedComponents(parts.iter().map(|(label, value)| (*label, [*value; 16])).collect())
}

/// The parts of one machine; no two machines share any.
pub(crate) fn machine(number: u8) -> HashedComponents {
    parts(&[(Label::Mac, number), (Label::Board, number), (Label::Cpu, number)])
}

/// The id under which a license of these tests holds a machine.
pub(crate) fn id(number: u8) -> DeviceId {
    DeviceId::from_random([number; 10])
}

/// The id that a machine gets if it is new.
pub(crate) fn fresh_id(number: u8) -> DeviceId {
    DeviceId::from_random([number, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0])
}

pub(crate) fn device(number: u8, bound_at: UnixMillis) -> Device {
    Device {
        name: None,
        components: machine(number).stored(),
        form: ComponentForm::Keyed,
        bound_at,
        seen_at: bound_at,
    }
}

pub(crate) fn opaque(device: Device) -> Device {
    Device { form: ComponentForm::Opaque, ..device }
}

/// Devices under the ids of [`id`].
pub(crate) fn bound<const N: usize>(devices: [(u8, Device); N]) -> BTreeMap<DeviceId, Device> {
    devices.into_iter().map(|(number, device)| (id(number), device)).collect()
}

/// Devices out of their seats, under the ids of [`id`].
pub(crate) fn out<const N: usize>(released: [(u8, FormerDevice); N]) -> BTreeMap<DeviceId, FormerDevice> {
    released.into_iter().map(|(number, released)| (id(number), released)).collect()
}

/// Somebody at a machine.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) hardware: HashedComponents,
    pub(crate) form: ComponentForm,
    pub(crate) machine: ReportedMachine,
    pub(crate) device_name: Option<DeviceName>,
    pub(crate) licensee_name: Option<PersonName>,
    pub(crate) licensee_email: Option<Email>,
    pub(crate) fresh_id: DeviceId,
}

impl Caller {
    /// At a machine whose client is of today, saying nothing of themselves.
    pub(crate) fn at(number: u8) -> Self {
        Self {
            hardware: machine(number),
            form: ComponentForm::Keyed,
            machine: ReportedMachine::Ordinary,
            device_name: None,
            licensee_name: None,
            licensee_email: None,
            fresh_id: fresh_id(number),
        }
    }

    pub(crate) fn in_virtual_machine(self) -> Self {
        Self { machine: ReportedMachine::Virtual, ..self }
    }

    pub(crate) fn with_old_client(self) -> Self {
        Self { form: ComponentForm::Opaque, ..self }
    }

    pub(crate) fn showing(self, shown: &[(Label, u8)]) -> Self {
        Self { hardware: parts(shown), ..self }
    }

    pub(crate) fn named(self, device: &str, person: &str, email: &str) -> Self {
        Self {
            device_name: DeviceName::read(device).unwrap(),
            licensee_name: PersonName::read(person).unwrap(),
            licensee_email: Email::read(email).unwrap(),
            ..self
        }
    }

    pub(crate) fn seat_request(&self) -> SeatRequest<'_> {
        SeatRequest {
            hardware: &self.hardware,
            form: self.form,
            machine: self.machine,
            device_name: self.device_name.as_ref(),
            licensee_name: self.licensee_name.as_ref(),
            licensee_email: self.licensee_email.as_ref(),
            fresh_id: &self.fresh_id,
        }
    }
}

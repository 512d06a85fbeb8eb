//! The columns that only our own export has: what a sheet of thirteen columns would lose.

use std::collections::BTreeMap;

use data_encoding::{BASE64, HEXLOWER};
use falconer_domain::air_gap::OfflineLease;
use falconer_domain::hardware::{ComponentForm, DeviceId, HASH_BYTES, Label, StoredComponent};
use falconer_domain::license::Device;
use falconer_domain::person::DeviceName;
use falconer_domain::seats::{FormerDevice, Reclaim};
use falconer_domain::{GenerationNumber, LicenseId, Limits, PolicyOverrides, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::BadRow;
use super::cells::CsvRow;
use crate::catalog::PolicyTable;
use crate::time;

/// Column names, in the order after the spreadsheet's.
pub const COLUMNS: [&str; 21] = [
    "license_id",
    "user_id",
    "email",
    "product",
    "seats",
    "features",
    "devices",
    "released",
    "free_used",
    "transfers",
    "policy",
    "created_at",
    "generation",
    "key_escrow",
    "replaces",
    "replaced_by",
    "metadata",
    "erased_at",
    "offline",
    "limits",
    "updates_until",
];

/// Members of a license beyond the spreadsheet's columns. No `Debug`: it holds the sealed key.
pub struct ExportColumns {
    /// The id.
    pub id: LicenseId,
    /// The generation whose pepper and escrow key it uses.
    pub generation: GenerationNumber,
    /// The sealed key.
    pub key_escrow: Vec<u8>,
    /// The devices, hashes as they are at rest.
    pub devices: BTreeMap<DeviceId, Device>,
    /// Devices that may come back.
    pub released: BTreeMap<DeviceId, FormerDevice>,
    /// Bindings that were free of count.
    pub free_used: u32,
    /// Counted bindings of the last 365 days.
    pub transfers: Vec<UnixMillis>,
    /// Policy overrides without seats.
    pub policy: PolicyOverrides,
    /// The license it replaced.
    pub replaces: Option<LicenseId>,
    /// The license that replaced it.
    pub replaced_by: Option<LicenseId>,
    /// When its person was erased.
    pub erased_at: Option<UnixMillis>,
    /// Long leases that are out.
    pub offline: BTreeMap<DeviceId, OfflineLease>,
}

/// Reads the columns of a row that names a license id; `None` for one that names none.
///
/// # Errors
/// [`BadRow`].
pub fn read(row: &CsvRow<'_>) -> Result<Option<ExportColumns>, BadRow> {
    let id = |column| {
        row.parsed(column, |text| {
            LicenseId::parse(text).ok_or("it is no license id (lic_ and 24 characters)")
        })
    };
    let Some(license_id) = id("license_id")? else { return Ok(None) };
    row.required("generation")?;
    // A data frame writes a whole number with decimals as soon as another row has none.
    let generation = row.whole("generation")?.and_then(|number| GenerationNumber::parse(&number.to_string()));
    let devices: Vec<DeviceCell> = json(row, "devices")?.unwrap_or_default();
    let released: Vec<ReleasedCell> = json(row, "released")?.unwrap_or_default();
    let offline: BTreeMap<String, OfflineCell> = json(row, "offline")?.unwrap_or_default();
    let bad = |column| move || BadRow::cell(column, "it is not as it was exported");
    let transfers: Vec<i64> = json(row, "transfers")?.unwrap_or_default();
    Ok(Some(ExportColumns {
        id: license_id,
        generation: generation.ok_or_else(|| BadRow::cell("generation", "it must be 1 to 31"))?,
        key_escrow: row
            .parsed("key_escrow", |text| BASE64.decode(text.as_bytes()))?
            .ok_or(BadRow::Empty("key_escrow"))?,
        devices: devices
            .into_iter()
            .map(DeviceCell::read)
            .collect::<Option<_>>()
            .ok_or_else(bad("devices"))?,
        released: released
            .into_iter()
            .map(ReleasedCell::read)
            .collect::<Option<_>>()
            .ok_or_else(bad("released"))?,
        free_used: row
            .whole("free_used")?
            .map(u32::try_from)
            .transpose()
            .map_err(|_| BadRow::cell("free_used", "it must be a number"))?
            .unwrap_or_default(),
        transfers: transfers.into_iter().map(UnixMillis).collect(),
        policy: policy_of(json(row, "policy")?),
        replaces: id("replaces")?,
        replaced_by: id("replaced_by")?,
        erased_at: row.parsed("erased_at", time::from)?,
        offline: offline
            .into_iter()
            .map(|(id, lease)| Some((DeviceId::parse(&id)?, lease.read())))
            .collect::<Option<_>>()
            .ok_or_else(bad("offline"))?,
    }))
}

fn json<T: for<'de> Deserialize<'de>>(row: &CsvRow<'_>, column: &'static str) -> Result<Option<T>, BadRow> {
    row.parsed(column, |text| serde_json::from_str(text).map_err(|why| format!("it does not read ({why})")))
}

/// A device in a cell. Hashes are those at rest: without the ring they say nothing, and under another license id
/// neither.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceCell {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    components: BTreeMap<String, ComponentCell>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    opaque: bool,
    bound_at: i64,
    seen_at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentCell {
    hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    learned_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ReleasedCell {
    #[serde(flatten)]
    device: DeviceCell,
    at: i64,
    may_return: bool,
    reclaim: String,
}

#[derive(Serialize, Deserialize)]
struct OfflineCell {
    lease: String,
    until: i64,
}

impl OfflineCell {
    fn read(self) -> OfflineLease {
        OfflineLease { lease: self.lease, until: UnixMillis(self.until) }
    }
}

impl DeviceCell {
    fn of(id: &DeviceId, device: &Device) -> Self {
        let component = |(label, stored): (&Label, &StoredComponent)| {
            let hash = HEXLOWER.encode(&stored.hash);
            (label.as_str().to_owned(), ComponentCell { hash, learned_at: stored.learned_at.map(|at| at.0) })
        };
        Self {
            id: id.as_str().to_owned(),
            name: device.name.as_ref().map(|name| name.as_str().to_owned()),
            components: device.components.iter().map(component).collect(),
            opaque: device.form == ComponentForm::Opaque,
            bound_at: device.bound_at.0,
            seen_at: device.seen_at.0,
        }
    }

    fn read(self) -> Option<(DeviceId, Device)> {
        let component = |(label, cell): (String, ComponentCell)| {
            let hash: [u8; HASH_BYTES] = HEXLOWER.decode(cell.hash.as_bytes()).ok()?.try_into().ok()?;
            Some((
                Label::parse(&label)?,
                StoredComponent { hash, learned_at: cell.learned_at.map(UnixMillis) },
            ))
        };
        let device = Device {
            name: DeviceName::read(self.name.as_deref().unwrap_or_default()).ok()?,
            components: self.components.into_iter().map(component).collect::<Option<_>>()?,
            form: if self.opaque { ComponentForm::Opaque } else { ComponentForm::Keyed },
            bound_at: UnixMillis(self.bound_at),
            seen_at: UnixMillis(self.seen_at),
        };
        Some((DeviceId::parse(&self.id)?, device))
    }
}

impl ReleasedCell {
    fn of(id: &DeviceId, released: &FormerDevice) -> Self {
        Self {
            device: DeviceCell::of(id, &released.device),
            at: released.at.0,
            may_return: released.may_return,
            reclaim: released.reclaim.as_str().to_owned(),
        }
    }

    fn read(self) -> Option<(DeviceId, FormerDevice)> {
        let (id, device) = self.device.read()?;
        let reclaim = Reclaim::parse(&self.reclaim)?;
        Some((id, FormerDevice { device, at: UnixMillis(self.at), may_return: self.may_return, reclaim }))
    }
}

/// Formats devices as a cell; empty for no devices.
pub(super) fn devices(devices: &BTreeMap<DeviceId, Device>) -> String {
    list(devices.iter().map(|(id, device)| DeviceCell::of(id, device)))
}

/// Formats released devices as a cell; empty for no devices.
pub(super) fn released(released: &BTreeMap<DeviceId, FormerDevice>) -> String {
    list(released.iter().map(|(id, released)| ReleasedCell::of(id, released)))
}

/// Formats limits as a cell; empty for no limits.
pub(super) fn limits(limits: &Limits) -> String {
    limits.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// Formats long leases as a cell; empty for none.
pub(super) fn offline(offline: &BTreeMap<DeviceId, OfflineLease>) -> String {
    let cell = |lease: &OfflineLease| OfflineCell { lease: lease.lease.clone(), until: lease.until.0 };
    let cells: BTreeMap<_, _> = offline.iter().map(|(id, lease)| (id.to_string(), cell(lease))).collect();
    if cells.is_empty() { String::new() } else { written(&cells) }
}

/// Formats times as a cell; empty for no times.
pub(super) fn moments(moments: &[UnixMillis]) -> String {
    list(moments.iter().map(|at| at.0))
}

/// Formats overrides as a cell, without seats, which have a column of their own.
pub(super) fn policy(overrides: PolicyOverrides) -> String {
    let table = PolicyTable::from(PolicyOverrides { seats: None, ..overrides });
    // Unwrap safety: a table of numbers and flags is always JSON.
    let mut members = serde_json::to_value(table).unwrap();
    if let Some(members) = members.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    if members == Value::Object(Map::new()) { String::new() } else { members.to_string() }
}

fn policy_of(table: Option<PolicyTable>) -> PolicyOverrides {
    PolicyOverrides { seats: None, ..table.unwrap_or_default().into() }
}

fn list<T: Serialize>(values: impl Iterator<Item = T>) -> String {
    let values: Vec<T> = values.collect();
    if values.is_empty() { String::new() } else { written(&values) }
}

fn written<T: Serialize>(value: &T) -> String {
    // Unwrap safety: structs of texts and numbers, and maps whose keys are texts, are always JSON.
    serde_json::to_string(value).unwrap()
}

//! Items as the tables hold them, and how they become what the rules see. Explicit both ways: renaming a field of the
//! domain changes no table.

use std::collections::BTreeMap;

use falconer_domain::air_gap::OfflineLease;
use falconer_domain::catalog::{CatalogError, Tier};
use falconer_domain::hardware::{ComponentForm, DeviceId, Label, Sighting, StoredComponent};
use falconer_domain::issue::NewLicense;
use falconer_domain::license::Device;
use falconer_domain::person::{Cleaned, DeviceName, Email, Note, PersonName};
use falconer_domain::seats::{FormerDevice, Reclaim};
use falconer_domain::{
    CalendarDate, Catalog, GenerationNumber, License, LicenseId, Limits, PolicyOverrides, Product, Releases,
    Status, TierName, UnixMillis, VirtualMachines,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::audit::{AuditRow, RowPart};
use crate::tables;

/// The shape written today. A reader meets every older one for as long as a license of it lives.
pub(crate) const SCHEMA: u32 = 1;

/// The stored form of a license, for the rules. Its devices are in the same item, so one condition on `version` guards
/// all of it. No `Debug`: it is about a person.
#[derive(Serialize, Deserialize)]
pub(crate) struct LicenseItem {
    license_id: String,
    product: String,
    tier: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licensee_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licensee_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    /// `YYYY-MM` of `expires_at`, the partition key of the index by expiry. Absent where nothing ends for a customer: the
    /// index has no suspended and no revoked license.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_month: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    features: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, u64>,
    /// `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    updates_until: Option<String>,
    #[serde(default)]
    policy: PolicyItem,
    #[serde(default)]
    devices: BTreeMap<String, DeviceItem>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    released: BTreeMap<String, ReleasedItem>,
    /// The long leases that are out, by device.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    offline: BTreeMap<String, OfflineLeaseItem>,
    #[serde(default)]
    free_used: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    transfers: Vec<i64>,
    #[serde(default)]
    transfers_total: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<String>,
    generation: u8,
}

/// The attributes of a license's issue, which no rule reads.
#[derive(Serialize)]
pub(crate) struct BirthItem<'a> {
    schema: u32,
    created_at: i64,
    #[serde(with = "serde_bytes")]
    key_escrow: &'a [u8],
    key_hint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a str>,
}

/// The attributes that every write of a license is conditional on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GuardItem {
    pub(crate) version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_request: Option<LastRequestItem>,
}

impl GuardItem {
    /// The attributes.
    pub(crate) const ATTRIBUTES: [&str; 2] = ["version", "last_request"];
}

/// The request that wrote a license last, and what it was answered: how a request knows its own write again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRequestItem {
    pub(crate) id: String,
    pub(crate) code: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct DeviceItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    components: BTreeMap<String, ComponentItem>,
    #[serde(default, skip_serializing_if = "is_false")]
    opaque: bool,
    bound_at: i64,
    seen_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ReleasedItem {
    device: DeviceItem,
    at: i64,
    may_return: bool,
    reclaim: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct OfflineLeaseItem {
    lease: String,
    until: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ComponentItem {
    hash: ByteBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    learned_at: Option<i64>,
}

macro_rules! policy_item {
    ($($(#[$meaning:meta])* $name:ident: $kind:ident = $default:expr,)*) => {
        #[derive(Debug, Default, Serialize, Deserialize)]
        struct PolicyItem {
            $(#[serde(skip_serializing_if = "Option::is_none")] $name: Option<$kind>,)*
        }

        impl From<PolicyOverrides> for PolicyItem {
            fn from(overrides: PolicyOverrides) -> Self {
                Self { $($name: overrides.$name,)* }
            }
        }

        impl From<PolicyItem> for PolicyOverrides {
            fn from(item: PolicyItem) -> Self {
                Self { $($name: item.$name,)* }
            }
        }
    };
}

falconer_domain::policy_members!(policy_item);

/// A product's catalog at rest, under `catalog#PRODUCT`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CatalogItem {
    license_id: String,
    schema: u32,
    product: String,
    #[serde(default)]
    policy: PolicyItem,
    tiers: BTreeMap<String, TierItem>,
    /// Version → `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    releases: BTreeMap<String, String>,
    /// Absent in one that was put there by hand.
    #[serde(default)]
    pub(crate) version: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct TierItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    extends: Option<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updates_days: Option<u32>,
    #[serde(default)]
    policy: PolicyItem,
}

/// An audit row at rest. Never a license key, a hash of hardware, or an escrow.
#[derive(Debug, Serialize)]
pub(crate) struct AuditItem<'a> {
    license_id: String,
    at: String,
    schema: u32,
    action: &'static str,
    code: &'static str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware: Option<HardwareItem<'a>>,
    /// Seconds, as DynamoDB counts time to live. The row of a change has none; the row of its caller has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

/// The machine of a request, by names of labels alone.
#[derive(Debug, Serialize)]
struct HardwareItem<'a> {
    sent: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    agreed: Vec<&'static str>,
}

impl<'a> From<&'a Sighting> for HardwareItem<'a> {
    fn from(sighting: &'a Sighting) -> Self {
        let names = |labels: &[Label]| labels.iter().map(|label| label.as_str()).collect();
        let nearest = sighting.nearest.as_ref();
        Self {
            sent: names(&sighting.sent),
            nearest: nearest.map(|nearest| nearest.device.as_str()),
            agreed: nearest.map(|nearest| names(&nearest.agreed)).unwrap_or_default(),
        }
    }
}

fn audit_key(row: &AuditRow) -> String {
    let key = tables::audit_key(row.at, &row.request_id);
    match row.part {
        RowPart::Whole => key,
        RowPart::Caller => key + tables::CALLER,
    }
}

impl<'a> From<&'a AuditRow> for AuditItem<'a> {
    fn from(row: &'a AuditRow) -> Self {
        Self {
            license_id: row.about.partition(),
            at: audit_key(row),
            schema: SCHEMA,
            action: row.action,
            code: row.code,
            request_id: &row.request_id,
            origin: row.origin.as_deref(),
            address: row.address.as_ref().map(crate::address::Address::as_str),
            actor: row.actor.as_deref(),
            reason: row.reason.as_deref(),
            device: row.device.as_ref().map(DeviceId::as_str),
            hardware: row.hardware.as_ref().map(HardwareItem::from),
            ttl: row.kept_days.map(|days| row.at.plus_days(days).seconds()),
        }
    }
}

impl<'a> From<&'a NewLicense> for BirthItem<'a> {
    fn from(new: &'a NewLicense) -> Self {
        Self {
            schema: SCHEMA,
            created_at: new.created_at.0,
            key_escrow: &new.key_escrow,
            key_hint: &new.key_hint,
            metadata: new.metadata.as_deref(),
        }
    }
}

impl From<&License> for LicenseItem {
    fn from(license: &License) -> Self {
        let email = |email: &Option<Email>| email.as_ref().map(|email| email.as_str().to_owned());
        Self {
            license_id: license.id.to_string(),
            product: license.product.to_string(),
            tier: license.tier.to_string(),
            status: license.status.as_str().to_owned(),
            user_id: license.user_id.clone(),
            email: email(&license.email),
            licensee_name: license.licensee_name.as_ref().map(|name| name.as_str().to_owned()),
            licensee_email: email(&license.licensee_email),
            expires_at: license.expires_at.map(|at| at.0),
            expiry_month: license.expires_at.filter(|_| license.status.ends()).and_then(expiry_month),
            duration_days: license.duration_days,
            seats: license.policy.seats,
            features: license.features.clone(),
            limits: license.limits.to_map(),
            updates_until: license.updates_until.map(|date| date.to_string()),
            policy: PolicyItem::from(PolicyOverrides { seats: None, ..license.policy }),
            devices: license.devices.iter().map(|(id, device)| (id.to_string(), device.into())).collect(),
            released: license.released.iter().map(|(id, held)| (id.to_string(), held.into())).collect(),
            offline: license.offline.iter().map(|(id, lease)| (id.to_string(), lease.into())).collect(),
            free_used: license.free_used,
            transfers: license.transfers.iter().map(|at| at.0).collect(),
            transfers_total: license.transfers_total,
            notes: license.notes.as_ref().map(|note| note.as_str().to_owned()),
            erased_at: license.erased_at.map(|at| at.0),
            replaces: license.replaces.as_ref().map(LicenseId::to_string),
            replaced_by: license.replaced_by.as_ref().map(LicenseId::to_string),
            generation: license.generation.get(),
        }
    }
}

impl LicenseItem {
    /// Reads the item into the form of the rules.
    ///
    /// # Errors
    /// The name of the attribute that does not read.
    pub(crate) fn read(self) -> Result<License, &'static str> {
        let seats = PolicyOverrides { seats: self.seats, ..self.policy.into() };
        Ok(License {
            id: LicenseId::parse(&self.license_id).ok_or("license_id")?,
            product: Product::parse(&self.product).ok_or("product")?,
            tier: TierName::parse(&self.tier).ok_or("tier")?,
            status: Status::parse(&self.status).ok_or("status")?,
            user_id: self.user_id,
            email: words(self.email.as_deref(), Email::clean),
            licensee_name: words(self.licensee_name.as_deref(), PersonName::clean),
            licensee_email: words(self.licensee_email.as_deref(), Email::clean),
            expires_at: self.expires_at.map(UnixMillis),
            duration_days: self.duration_days,
            features: self.features,
            limits: Limits::new(self.limits).map_err(|_| "limits")?,
            updates_until: date(self.updates_until)?,
            policy: seats,
            devices: by_id(self.devices, DeviceItem::read).ok_or("devices")?,
            released: by_id(self.released, ReleasedItem::read).ok_or("released")?,
            offline: by_id(self.offline, |lease| Some(lease.read())).ok_or("offline")?,
            free_used: self.free_used,
            transfers: self.transfers.into_iter().map(UnixMillis).collect(),
            transfers_total: self.transfers_total,
            notes: words(self.notes.as_deref(), Note::clean),
            erased_at: self.erased_at.map(UnixMillis),
            replaces: license_id(self.replaces, "replaces")?,
            replaced_by: license_id(self.replaced_by, "replaced_by")?,
            generation: GenerationNumber::new(self.generation).ok_or("generation")?,
        })
    }
}

/// Words about a person or a device, cleaned as those of a request. Words that an older version took and this one would
/// not must never make the license unreadable.
fn words<T>(text: Option<&str>, clean: fn(&str) -> Cleaned<T>) -> Option<T> {
    clean(text?).kept
}

fn license_id(text: Option<String>, attribute: &'static str) -> Result<Option<LicenseId>, &'static str> {
    text.map(|text| LicenseId::parse(&text).ok_or(attribute)).transpose()
}

fn date(text: Option<String>) -> Result<Option<CalendarDate>, &'static str> {
    text.map(|text| CalendarDate::parse(&text).ok_or("updates_until")).transpose()
}

fn by_id<I, T>(items: BTreeMap<String, I>, read: fn(I) -> Option<T>) -> Option<BTreeMap<DeviceId, T>> {
    items.into_iter().map(|(id, item)| Some((DeviceId::parse(&id)?, read(item)?))).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over like this")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl From<&FormerDevice> for ReleasedItem {
    fn from(released: &FormerDevice) -> Self {
        Self {
            device: (&released.device).into(),
            at: released.at.0,
            may_return: released.may_return,
            reclaim: released.reclaim.as_str().to_owned(),
        }
    }
}

impl ReleasedItem {
    fn read(self) -> Option<FormerDevice> {
        Some(FormerDevice {
            device: self.device.read()?,
            at: UnixMillis(self.at),
            may_return: self.may_return,
            reclaim: Reclaim::parse(&self.reclaim)?,
        })
    }
}

impl From<&OfflineLease> for OfflineLeaseItem {
    fn from(lease: &OfflineLease) -> Self {
        Self { lease: lease.lease.clone(), until: lease.until.0 }
    }
}

impl OfflineLeaseItem {
    fn read(self) -> OfflineLease {
        OfflineLease { lease: self.lease, until: UnixMillis(self.until) }
    }
}

impl From<&Device> for DeviceItem {
    fn from(device: &Device) -> Self {
        let component = |component: &StoredComponent| ComponentItem {
            hash: ByteBuf::from(component.hash),
            learned_at: component.learned_at.map(|at| at.0),
        };
        Self {
            name: device.name.as_ref().map(|name| name.as_str().to_owned()),
            components: device
                .components
                .iter()
                .map(|(label, stored)| (label.as_str().to_owned(), component(stored)))
                .collect(),
            opaque: device.form == ComponentForm::Opaque,
            bound_at: device.bound_at.0,
            seen_at: device.seen_at.0,
        }
    }
}

impl DeviceItem {
    fn read(self) -> Option<Device> {
        let component = |component: ComponentItem| {
            Some(StoredComponent {
                hash: component.hash.into_vec().try_into().ok()?,
                learned_at: component.learned_at.map(UnixMillis),
            })
        };
        Some(Device {
            name: words(self.name.as_deref(), DeviceName::clean),
            form: if self.opaque { ComponentForm::Opaque } else { ComponentForm::Keyed },
            components: self
                .components
                .into_iter()
                .map(|(label, stored)| Some((Label::parse(&label)?, component(stored)?)))
                .collect::<Option<_>>()?,
            bound_at: UnixMillis(self.bound_at),
            seen_at: UnixMillis(self.seen_at),
        })
    }
}

impl CatalogItem {
    /// Reads the item into the form of the rules.
    ///
    /// # Errors
    /// The name of what does not read.
    pub(crate) fn read(self) -> Result<Catalog, &'static str> {
        let product = Product::parse(&self.product).ok_or("product")?;
        let tiers = self
            .tiers
            .into_iter()
            .map(|(name, tier)| Some((TierName::parse(&name)?, tier.read()?)))
            .collect::<Option<_>>()
            .ok_or("tiers")?;
        let releases = self
            .releases
            .into_iter()
            .map(|(version, day)| Some((version, CalendarDate::parse(&day)?)))
            .collect::<Option<Vec<_>>>();
        let releases = releases.ok_or("releases")?;
        let releases = Releases::new(releases).map_err(|_| "releases")?;
        let catalog = Catalog::new(product, &self.policy.into(), tiers).map_err(|why| match why {
            CatalogError::NoSuchTier(..) | CatalogError::Circle(_) => "extends",
            CatalogError::Seats(_) => "seats",
            CatalogError::Limits(_) => "limits",
            CatalogError::UpdatesDays(_) => "updates_days",
        })?;
        Ok(catalog.with_releases(releases))
    }
}

#[cfg(feature = "operator")]
impl CatalogItem {
    /// A catalog as it is stored under a version.
    pub(crate) fn of(catalog: &Catalog, version: u64) -> Self {
        let tier = |(name, tier): (&TierName, &Tier)| {
            let extends = tier.extends.as_ref().map(TierName::to_string);
            let item = TierItem {
                extends,
                features: tier.features.clone(),
                limits: tier.limits.to_map(),
                updates_days: tier.updates_days,
                policy: tier.policy.into(),
            };
            (name.to_string(), item)
        };
        Self {
            license_id: tables::catalog_key(catalog.product()),
            schema: SCHEMA,
            product: catalog.product().to_string(),
            policy: catalog.base_policy().into(),
            tiers: catalog.all_tiers().map(tier).collect(),
            releases: catalog
                .releases()
                .iter()
                .map(|(version, day)| (version.to_owned(), day.to_string()))
                .collect(),
            version,
        }
    }
}

impl TierItem {
    fn read(self) -> Option<Tier> {
        let extends = match self.extends {
            Some(name) => Some(TierName::parse(&name)?),
            None => None,
        };
        Some(Tier {
            extends,
            features: self.features,
            limits: Limits::new(self.limits).ok()?,
            updates_days: self.updates_days,
            policy: self.policy.into(),
        })
    }
}

/// The index has no partition for moments beyond the calendar, such as the Flask server's "999999 days".
pub(crate) fn expiry_month(at: UnixMillis) -> Option<String> {
    let date = Timestamp::from_millisecond(at.0).ok()?.to_zoned(TimeZone::UTC).date();
    Some(format!("{:04}-{:02}", date.year(), date.month()))
}

/// The month after one that [`expiry_month`] named.
#[cfg(feature = "operator")]
pub(crate) fn next_month(month: &str) -> Option<String> {
    let first: jiff::civil::Date = format!("{month}-01").parse().ok()?;
    let next = first.checked_add(jiff::Span::new().months(1)).ok()?;
    Some(format!("{:04}-{:02}", next.year(), next.month()))
}

#[cfg(test)]
pub(crate) mod tests;

//! Items as the tables hold them, and how they become what the rules see. Explicit both ways: renaming a field of the
//! domain changes no table.

use std::collections::BTreeMap;

use falconer_domain::catalog::{CatalogError, Tier};
use falconer_domain::hardware::{DeviceId, Label, StoredComponent};
use falconer_domain::issue::NewLicense;
use falconer_domain::license::Device;
use falconer_domain::{
    Catalog, GenerationNumber, License, LicenseId, PolicyOverrides, Product, Status, TierName, UnixMillis,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::audit::AuditRow;
use crate::tables;

/// The shape written today. A reader meets every older one for as long as a license of it lives.
const SCHEMA: u32 = 1;

/// A license at rest. One item: its devices are inside, so one condition on `version` guards all of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LicenseItem {
    pub(crate) license_id: String,
    schema: u32,
    product: String,
    tier: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licensee_name: Option<String>,
    created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    /// `YYYY-MM` of `expires_at`, the partition key of the index by expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_month: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    features: Vec<String>,
    #[serde(default)]
    policy: PolicyItem,
    #[serde(default)]
    devices: BTreeMap<String, DeviceItem>,
    #[serde(default)]
    free_used: u32,
    key_escrow: ByteBuf,
    key_hint: String,
    generation: u8,
    version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct DeviceItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    components: BTreeMap<String, ComponentItem>,
    bound_at: i64,
    seen_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ComponentItem {
    hash: ByteBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    learned_at: Option<i64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct PolicyItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_interval_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offline_grace_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hardware_match_threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_transfers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_cooldown_hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_requires_email: Option<bool>,
}

/// A product's catalog at rest, under `catalog#PRODUCT`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CatalogItem {
    license_id: String,
    schema: u32,
    product: String,
    #[serde(default)]
    policy: PolicyItem,
    tiers: BTreeMap<String, TierItem>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TierItem {
    #[serde(skip_serializing_if = "Option::is_none")]
    extends: Option<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    policy: PolicyItem,
}

/// An audit row at rest. Never a license key, a hash of hardware, or an escrow.
#[derive(Debug, Serialize)]
pub(crate) struct AuditItem<'a> {
    license_id: &'a str,
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
    /// Seconds, as DynamoDB counts time to live. Rows of changes have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

impl<'a> From<&'a AuditRow> for AuditItem<'a> {
    fn from(row: &'a AuditRow) -> Self {
        Self {
            license_id: row.license_id.as_str(),
            at: tables::audit_key(row.at, &row.request_id),
            schema: SCHEMA,
            action: row.action,
            code: row.code,
            request_id: &row.request_id,
            origin: row.origin.as_deref(),
            address: row.address.as_ref().map(crate::limiter::Address::as_str),
            actor: row.actor.as_deref(),
            ttl: row.kept_days.map(|days| row.at.plus_days(days).seconds()),
        }
    }
}

impl From<&NewLicense> for LicenseItem {
    fn from(new: &NewLicense) -> Self {
        let license = &new.license;
        Self {
            license_id: license.id.to_string(),
            schema: SCHEMA,
            product: license.product.to_string(),
            tier: license.tier.to_string(),
            status: license.status.as_str().to_owned(),
            user_id: license.user_id.clone(),
            email: new.email.clone(),
            licensee_name: new.licensee_name.clone(),
            created_at: new.created_at.0,
            expires_at: license.expires_at.map(|at| at.0),
            expiry_month: license.expires_at.and_then(expiry_month),
            duration_days: new.duration_days,
            seats: license.policy.seats,
            features: license.features.clone(),
            policy: PolicyItem::from(PolicyOverrides { seats: None, ..license.policy }),
            devices: license.devices.iter().map(|(id, device)| (id.to_string(), device.into())).collect(),
            free_used: 0,
            key_escrow: ByteBuf::from(new.key_escrow.clone()),
            key_hint: new.key_hint.clone(),
            generation: license.generation.get(),
            version: 1,
        }
    }
}

impl LicenseItem {
    /// What the rules see of it.
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
            expires_at: self.expires_at.map(UnixMillis),
            features: self.features,
            policy: seats,
            devices: self
                .devices
                .into_iter()
                .map(|(id, device)| Some((DeviceId::parse(&id)?, device.read()?)))
                .collect::<Option<_>>()
                .ok_or("devices")?,
            generation: GenerationNumber::new(self.generation).ok_or("generation")?,
        })
    }
}

impl From<&Device> for DeviceItem {
    fn from(device: &Device) -> Self {
        let component = |component: &StoredComponent| ComponentItem {
            hash: ByteBuf::from(component.hash),
            learned_at: component.learned_at.map(|at| at.0),
        };
        Self {
            name: device.name.clone(),
            components: device
                .components
                .iter()
                .map(|(label, stored)| (label.as_str().to_owned(), component(stored)))
                .collect(),
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
            name: self.name,
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

impl From<PolicyOverrides> for PolicyItem {
    fn from(overrides: PolicyOverrides) -> Self {
        Self {
            seats: overrides.seats,
            check_interval_hours: overrides.check_interval_hours,
            offline_grace_days: overrides.offline_grace_days,
            hardware_required: overrides.hardware_required,
            hardware_match_threshold: overrides.hardware_match_threshold,
            max_transfers: overrides.max_transfers,
            transfer_cooldown_hours: overrides.transfer_cooldown_hours,
            transfer_requires_email: overrides.transfer_requires_email,
        }
    }
}

impl From<PolicyItem> for PolicyOverrides {
    fn from(item: PolicyItem) -> Self {
        Self {
            seats: item.seats,
            check_interval_hours: item.check_interval_hours,
            offline_grace_days: item.offline_grace_days,
            hardware_required: item.hardware_required,
            hardware_match_threshold: item.hardware_match_threshold,
            max_transfers: item.max_transfers,
            transfer_cooldown_hours: item.transfer_cooldown_hours,
            transfer_requires_email: item.transfer_requires_email,
        }
    }
}

impl CatalogItem {
    /// What the rules see of it.
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
        Catalog::new(product, &self.policy.into(), tiers).map_err(|why| match why {
            CatalogError::NoSuchTier(..) | CatalogError::Circle(_) => "extends",
            CatalogError::Seats(_) => "seats",
        })
    }
}

impl TierItem {
    fn read(self) -> Option<Tier> {
        let extends = match self.extends {
            Some(name) => Some(TierName::parse(&name)?),
            None => None,
        };
        Some(Tier { extends, features: self.features, policy: self.policy.into() })
    }
}

/// The index has no partition for moments the calendar cannot name, such as S1's "999999 days".
fn expiry_month(at: UnixMillis) -> Option<String> {
    let date = Timestamp::from_millisecond(at.0).ok()?.to_zoned(TimeZone::UTC).date();
    Some(format!("{:04}-{:02}", date.year(), date.month()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_license() -> NewLicense {
        let component = StoredComponent { hash: [7; 16], learned_at: Some(UnixMillis(5)) };
        let device = Device {
            name: Some("Laptop".to_owned()),
            components: BTreeMap::from([(Label::Mac, component)]),
            bound_at: UnixMillis(1),
            seen_at: UnixMillis(2),
        };
        NewLicense {
            license: License {
                id: LicenseId::parse("lic_ndgc5x34jby0cedfg16y9sz0").unwrap(),
                product: Product::parse("QF").unwrap(),
                tier: TierName::parse("pro").unwrap(),
                status: Status::Active,
                user_id: Some("user_12345".to_owned()),
                expires_at: Some(UnixMillis(1_800_000_000_000)),
                features: vec!["api_access".to_owned()],
                policy: PolicyOverrides {
                    seats: Some(2),
                    hardware_required: Some(true),
                    ..PolicyOverrides::default()
                },
                devices: BTreeMap::from([(DeviceId::from_random([1; 10]), device)]),
                generation: GenerationNumber::new(2).unwrap(),
            },
            email: None,
            licensee_name: None,
            created_at: UnixMillis(0),
            duration_days: None,
            key_escrow: vec![1, 2, 3],
            key_hint: "QF-PRO-…-7Y9ST".to_owned(),
        }
    }

    #[test]
    fn a_license_reads_back_what_was_written() {
        let new = new_license();
        let item: std::collections::HashMap<_, aws_sdk_dynamodb::types::AttributeValue> =
            serde_dynamo::to_item(LicenseItem::from(&new)).unwrap();
        assert_eq!(item["expiry_month"].as_s().unwrap(), "2027-01");
        assert_eq!(item["key_escrow"].as_b().unwrap().as_ref(), [1, 2, 3]);
        let read: LicenseItem = serde_dynamo::from_item(item).unwrap();
        assert_eq!(read.read().unwrap(), new.license);
    }

    #[test]
    fn an_attribute_that_does_not_read_is_named() {
        let item = || LicenseItem::from(&new_license());
        for (item, expected) in [
            (LicenseItem { status: "expired".to_owned(), ..item() }, "status"),
            (LicenseItem { tier: "Pro".to_owned(), ..item() }, "tier"),
            (LicenseItem { generation: 0, ..item() }, "generation"),
        ] {
            assert_eq!(item.read(), Err(expected));
        }
    }
}

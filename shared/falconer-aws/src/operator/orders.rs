//! Orders: which license was issued for which, so that none is issued twice, whoever asks and how often.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use falconer_domain::issue::{NewLicense, OrderId, OrderTerms, Term};
use falconer_domain::maintenance::UpdatesEnd;
use falconer_domain::{LicenseId, Limits, Product, TierName};
use serde::{Deserialize, Serialize};

use super::tables;
use crate::audit::AuditRow;
use crate::error::StoreError;
use crate::items::SCHEMA;
use crate::store::{Item, Store, put_if, read, written};
use crate::store_reader::StoreReader;
use crate::tables::{LICENSE_ID, NOT_THERE};

/// An order for which a license was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// The id.
    pub id: OrderId,
    /// The license.
    pub license: LicenseId,
    /// The terms of the order.
    pub terms: OrderTerms,
}

/// An order at rest, beside the licenses under `order#shop#ID`. Nothing of it is about a person.
#[derive(Serialize, Deserialize)]
struct OrderItem {
    license_id: String,
    schema: u32,
    /// Absent where the license was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    issued: String,
    product: String,
    tier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
    #[serde(default)]
    from_activation: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<u32>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updates_until: Option<String>,
}

impl StoreReader {
    /// Pattern 19: an order, if a license was issued for it; pattern 27, if that was erased.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn order(&self, id: &OrderId) -> Result<Option<PlacedOrder>, StoreError> {
        // In this order: an order is hidden in one transaction, so that one of the two is always found.
        let item = match self.order_item(tables::order_key(id)).await? {
            Some(item) => Some(item),
            None => self.order_item(tables::hidden_order_key(id)).await?,
        };
        let Some(item) = item else { return Ok(None) };
        let item: OrderItem = read(item)?;
        item.read(id).map(Some).ok_or_else(|| StoreError::Corrupt("order".to_owned()))
    }

    /// Patterns 19 and 27.
    pub(super) async fn order_item(&self, key: String) -> Result<Option<Item>, StoreError> {
        let output = self
            .dynamodb()
            .get_item()
            .table_name(self.licenses_table())
            .key(LICENSE_ID, AttributeValue::S(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of(&error))?;
        Ok(output.item)
    }
}

impl Store {
    /// Pattern 20: a new license, its audit row, and the order it is for: all of them or none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the order, or the license, exists already; [`StoreError::Unavailable`].
    pub async fn issue_for(
        &self,
        order: &PlacedOrder,
        new: &NewLicense,
        row: &AuditRow,
        token: &str,
    ) -> Result<(), StoreError> {
        let mut items = self.issuance(new, row)?;
        items.push(put_if(self.licenses_table(), written(&OrderItem::from(order))?, NOT_THERE)?);
        self.transact(items, token).await
    }
}

impl From<&PlacedOrder> for OrderItem {
    fn from(order: &PlacedOrder) -> Self {
        let OrderTerms { product, tier, term, seats, features, limits, updates_until } = &order.terms;
        let (days, from_activation) = match term {
            Term::Days(days) => (Some(*days), false),
            Term::DaysFromActivation(days) => (Some(*days), true),
            Term::Perpetual => (None, false),
        };
        Self {
            license_id: tables::order_key(&order.id),
            schema: SCHEMA,
            order: Some(order.id.to_string()),
            issued: order.license.to_string(),
            product: product.to_string(),
            tier: tier.to_string(),
            days,
            from_activation,
            seats: *seats,
            features: features.clone(),
            limits: limits.to_map(),
            updates_until: updates_until.map(|end| end.to_string()),
        }
    }
}

impl OrderItem {
    fn read(self, asked: &OrderId) -> Option<PlacedOrder> {
        let term = match (self.days, self.from_activation) {
            (Some(days), false) => Term::Days(days),
            (Some(days), true) => Term::DaysFromActivation(days),
            (None, _) => Term::Perpetual,
        };
        Some(PlacedOrder {
            id: asked.clone(),
            license: LicenseId::parse(&self.issued)?,
            terms: OrderTerms {
                product: Product::parse(&self.product)?,
                tier: TierName::parse(&self.tier)?,
                term,
                seats: self.seats,
                features: self.features,
                limits: Limits::new(self.limits).ok()?,
                updates_until: match self.updates_until {
                    Some(end) => Some(UpdatesEnd::parse(&end)?),
                    None => None,
                },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_reads_back() {
        for (term, seats) in
            [(Term::Days(30), None), (Term::DaysFromActivation(7), Some(2)), (Term::Perpetual, Some(100))]
        {
            let order = PlacedOrder {
                id: OrderId::read("1001#b").unwrap(),
                license: LicenseId::parse("lic_000000000000000000000000").unwrap(),
                terms: OrderTerms {
                    product: Product::parse("QF").unwrap(),
                    tier: TierName::parse("pro").unwrap(),
                    term,
                    seats,
                    features: vec!["a".to_owned()],
                    limits: Limits::read(["agents=5"]).unwrap(),
                    updates_until: match seats {
                        None => None,
                        Some(2) => Some(UpdatesEnd::Never),
                        Some(_) => UpdatesEnd::parse("2027-01-01"),
                    },
                },
            };
            let item = written(&OrderItem::from(&order)).unwrap();
            assert_eq!(item[LICENSE_ID], AttributeValue::S("order#shop#1001#b".to_owned()));
            assert_eq!(read::<OrderItem>(item).unwrap().read(&order.id), Some(order));
        }
    }
}

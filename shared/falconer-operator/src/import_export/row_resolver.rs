//! From what a row says to a license: whether it is there already, and what it will be otherwise.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use falconer_domain::hardware::{ComponentForm, DeviceId};
use falconer_domain::issue::{CheckedOrder, NewLicense, Order, OrderRefusal, Term};
use falconer_domain::keyring::Generation;
use falconer_domain::license::{Device, NEVER_SEEN};
use falconer_domain::license_key::{self, CurrentKey, MAX_TYPED_BYTES, Origin, PrintedTier};
use falconer_domain::{
    Catalog, KeyRing, License, LicenseId, LicenseKey, PolicyOverrides, Product, UnixMillis, escrow,
};

use super::export_columns::ExportColumns;
use super::{BadRow, BadRows, Draft, ImportedState};
use crate::random;

/// Marker of the hidden part of a masked key.
const ELLIPSIS: char = '…';

/// Treatment of free-text keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeText {
    /// A fresh key takes their place.
    Replaced,
    /// They stay good, without a signature.
    Kept,
    /// Refused: the Flask server signed every key.
    Refused,
}

/// Outcome of a row.
pub enum Settled {
    /// A license that is not there yet.
    New(Box<NewLicense>, Keyed),
    /// One that is.
    There(LicenseId, Keyed),
}

/// The customer's key: unchanged or fresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyed {
    /// Nothing: it is as the row has it.
    Same,
    /// It is another one now.
    Fresh(LicenseKey),
}

/// Why a row was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The row.
    #[error("{0}")]
    Row(BadRows),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<BadRows> for SettleError {
    fn from(reasons: BadRows) -> Self {
        Self::Row(reasons)
    }
}

impl From<BadRow> for SettleError {
    fn from(reason: BadRow) -> Self {
        Self::Row(BadRows(vec![reason]))
    }
}

/// Rows of one file that have one key among them: which of their licenses it is cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repeated {
    groups: Vec<Vec<u64>>,
    group_of: HashMap<u64, usize>,
}

impl Repeated {
    /// Finds them among the lines and keys of all rows.
    #[must_use]
    pub fn among<'k>(keys: impl Iterator<Item = (u64, std::borrow::Cow<'k, str>)>) -> Self {
        let mut lines: HashMap<String, Vec<u64>> = HashMap::new();
        for (line, key) in keys {
            lines.entry(one_key(&key)).or_default().push(line);
        }
        let groups: Vec<_> = lines.into_values().filter(|lines| lines.len() > 1).collect();
        let group_of = groups.iter().enumerate();
        let group_of =
            group_of.flat_map(|(group, lines)| lines.iter().map(move |line| (*line, group))).collect();
        Self { groups, group_of }
    }

    fn lines_of(&self, line: u64) -> Option<&[u64]> {
        self.group_of.get(&line).and_then(|group| self.groups.get(*group)).map(Vec::as_slice)
    }
}

/// Canonical form of a key's spellings.
fn one_key(key: &str) -> String {
    LicenseKey::parse(key).map_or_else(|| folded(key), |key| key.to_string())
}

/// Everything about an order that the catalog or the rules of an order refuse: what was refused is put right, and the
/// rest looked at again.
fn misfits(mut order: Order, catalog: &Catalog) -> Vec<BadRow> {
    let mut reasons = Vec::new();
    while let Err(why) = order.clone().check(catalog) {
        match &why {
            OrderRefusal::NoSuchTier(..) => match catalog.tiers().next() {
                Some(tier) => order.tier = tier.clone(),
                None => return vec![why.into()],
            },
            OrderRefusal::Seats => order.seats = None,
            OrderRefusal::Days => order.term = Term::Perpetual,
            OrderRefusal::Text("user") => order.user_id = None,
            OrderRefusal::Text("name") => order.licensee_name = None,
            OrderRefusal::Text(_) | OrderRefusal::Email => order.email = None,
            OrderRefusal::Features => order.features = Vec::new(),
        }
        reasons.push(why.into());
    }
    reasons
}

/// Settles the rows of one file, one after the other.
#[derive(Debug)]
pub struct RowResolver<'a> {
    ring: &'a KeyRing,
    catalogs: BTreeMap<Product, Catalog>,
    free_text: FreeText,
    known: HashSet<LicenseId>,
    lines: HashMap<String, u64>,
    repeated: Repeated,
    now: UnixMillis,
}

impl<'a> RowResolver<'a> {
    /// An intake beside the licenses there are.
    #[must_use]
    pub fn new(
        ring: &'a KeyRing,
        catalogs: BTreeMap<Product, Catalog>,
        free_text: FreeText,
        known: HashSet<LicenseId>,
        now: UnixMillis,
    ) -> Self {
        Self { ring, catalogs, free_text, known, lines: HashMap::new(), repeated: Repeated::default(), now }
    }

    /// The same, refusing the rows that have one key among them.
    #[must_use]
    pub fn without(self, repeated: Repeated) -> Self {
        Self { repeated, ..self }
    }

    /// Settles the row that begins on a line.
    ///
    /// # Errors
    /// [`SettleError::Row`], with every reason, and the next row may be settled; [`SettleError::Random`].
    pub fn settle(&mut self, line: u64, draft: Draft) -> Result<Settled, SettleError> {
        let Draft { key, names_product, mut order, record, own, mut reasons, notes: _ } = draft;
        let form = match key.map(|key| self.form(&key, own)) {
            Some(Ok(form)) => Some(form),
            Some(Err(why)) => {
                reasons.push(why);
                None
            }
            None => None,
        };
        if let (Some(product), Some(order)) =
            (form.as_ref().and_then(KeyClass::key).and_then(LicenseKey::product), &mut order)
        {
            if names_product && *product != order.product {
                reasons.push(BadRow::OtherProduct(product.clone(), order.product.clone()));
            }
            order.product = product.clone();
        }
        reasons.extend(self.repeated(line, form.as_ref()));
        let Some(order) = order else { return Err(BadRows(reasons).into()) };
        let Some(catalog) = self.catalogs.get(&order.product) else {
            reasons.push(BadRow::NoCatalog(order.product));
            return Err(BadRows(reasons).into());
        };
        let (form, record) = match (form, record) {
            (Some(form), Some(record)) if reasons.is_empty() => (form, record),
            _ => {
                reasons.extend(misfits(order, catalog));
                return Err(BadRows(reasons).into());
            }
        };
        if let Some(there) = self.there(&form, catalog) {
            return Ok(there);
        }
        let order = order.clone().check(catalog).map_err(|_| BadRows(misfits(order, catalog)))?;
        let (new, keyed) = self.make(form, &order, record)?;
        Ok(Settled::New(Box::new(new), keyed))
    }

    /// Returns true if another row has the same key. The second look is at the key as it is stored: what the first one
    /// did not find there is found before it is lost.
    fn repeated(&mut self, line: u64, form: Option<&KeyClass>) -> Option<BadRow> {
        if let Some(lines) = self.repeated.lines_of(line) {
            return Some(BadRow::Repeated(lines.to_vec()));
        }
        match self.lines.entry(form?.folded()) {
            Entry::Occupied(first) => Some(BadRow::Repeated(vec![*first.get(), line])),
            Entry::Vacant(free) => {
                free.insert(line);
                None
            }
        }
    }

    /// Classifies a row's key.
    fn form(&self, key: &str, own: Option<ExportColumns>) -> Result<KeyClass, BadRow> {
        if let Some(own) = own {
            return self.own_form(key, own);
        }
        if key.len() > MAX_TYPED_BYTES {
            return Err(BadRow::KeyTooLong);
        }
        match (self.ring.origin(key), self.free_text) {
            (Origin::Signed(authentic), _) => Ok(KeyClass::Signed(authentic.license_id, authentic.key)),
            // A typing error in a Falconer key: a fresh key would be a second license.
            (Origin::Mistyped, _) | (_, FreeText::Refused) => Err(BadRow::NotAuthentic),
            (Origin::Foreign(Some(key)), FreeText::Kept) => Ok(KeyClass::Kept(key)),
            (Origin::Foreign(None), FreeText::Kept) => Err(BadRow::NotKeepable),
            (Origin::Foreign(imported), FreeText::Replaced) => Ok(KeyClass::Replaced(folded(key), imported)),
        }
    }

    /// A row of our own export names its license; a key that is not masked must open it.
    fn own_form(&self, key: &str, own: ExportColumns) -> Result<KeyClass, BadRow> {
        let generation = self.ring.generation(own.generation);
        let generation = generation.filter(|generation| self.ring.vouches(generation.number()));
        let generation = generation.ok_or(BadRow::NoGeneration(own.generation))?;
        // Every ring has a generation 1: only what it has sealed shows that it is the same one.
        let sealed = escrow::open(generation, &own.id, &own.key_escrow).ok_or(BadRow::OtherRing)?;
        let sealed = LicenseKey::parse(&sealed).ok_or(BadRow::OtherRing)?;
        let masked = key.is_empty() || key.contains(ELLIPSIS);
        if !masked && LicenseKey::parse(key).as_ref() != Some(&sealed) {
            return Err(BadRow::OtherLicense(own.id));
        }
        Ok(KeyClass::ExportColumns(Box::new(own), sealed.masked()))
    }

    /// The license as an earlier run left it: under its own key, kept, or under a fresh one of any generation and tier,
    /// since the ring may have been rotated and the tier changed between the two runs.
    fn there(&self, form: &KeyClass, catalog: &Catalog) -> Option<Settled> {
        let same = |id: LicenseId| self.known.contains(&id).then_some(Settled::There(id, Keyed::Same));
        let free_text = match form {
            KeyClass::ExportColumns(own, _) => return same(own.id.clone()),
            KeyClass::Signed(id, _) => return same(id.clone()),
            KeyClass::Kept(key) => Some(key),
            KeyClass::Replaced(_, key) => key.as_ref(),
        };
        let kept = free_text.zip(self.ring.imported());
        let before = match form {
            KeyClass::Replaced(folded, _) => folded.clone(),
            _ => free_text.map_or_else(String::new, LicenseKey::to_string),
        };
        kept.and_then(|(key, generation)| same(LicenseId::of(generation, key)))
            .or_else(|| self.replaced_before(&before, catalog))
    }

    fn replaced_before(&self, folded: &str, catalog: &Catalog) -> Option<Settled> {
        if self.known.is_empty() {
            return None;
        }
        self.ring.vouching().find_map(|generation| {
            catalog.tiers().find_map(|tier| {
                let (id, key) = in_place_of(folded, generation, catalog.product().clone(), tier.printed());
                self.known.contains(&id).then_some(Settled::There(id, Keyed::Fresh(key)))
            })
        })
    }

    fn make(
        &self,
        form: KeyClass,
        order: &CheckedOrder,
        record: ImportedState,
    ) -> Result<(NewLicense, Keyed), SettleError> {
        let created_at = record.created_at.unwrap_or(self.now);
        let home = self.ring.current();
        let (id, key, keyed) = match form {
            KeyClass::ExportColumns(own, key_hint) => {
                return Ok((restored(*own, key_hint, order, record, created_at), Keyed::Same));
            }
            KeyClass::Signed(id, key) => (id, key, Keyed::Same),
            KeyClass::Kept(key) => {
                let generation = self.ring.imported().ok_or(BadRow::NotAuthentic)?;
                (LicenseId::of(generation, &key), key, Keyed::Same)
            }
            KeyClass::Replaced(folded, _) => {
                let product = order.product().clone();
                let (id, key) = in_place_of(&folded, home, product, order.printed_tier());
                (id, key.clone(), Keyed::Fresh(key))
            }
        };
        let mut new = order.license(id, &key, home, created_at, random::bytes()?);
        let license = &mut new.license;
        if record.hardware.has_strong() {
            let bound_at = record.transfers.last().copied().unwrap_or(created_at);
            let device = Device {
                name: None,
                components: record.hardware.hashed(home, &license.id).stored(),
                form: ComponentForm::Opaque,
                bound_at,
                seen_at: NEVER_SEEN,
            };
            license.devices.insert(DeviceId::of_sheet(home, &license.id), device);
            license.free_used = 1;
        }
        recorded(&mut new, record);
        Ok((new, keyed))
    }
}

/// Class of a row's key.
enum KeyClass {
    /// A Falconer export names the license; the text is its masked key.
    ExportColumns(Box<ExportColumns>, String),
    /// A key that a master of this ring has made.
    Signed(LicenseId, LicenseKey),
    /// A free text that stays good.
    Kept(LicenseKey),
    /// A free text, folded, that a fresh key takes the place of; and what it would be as a kept one.
    Replaced(String, Option<LicenseKey>),
}

impl KeyClass {
    /// Identity of a row.
    fn folded(&self) -> String {
        match self {
            Self::ExportColumns(own, _) => own.id.to_string(),
            Self::Signed(_, key) | Self::Kept(key) => key.canonical(),
            Self::Replaced(folded, _) => license_key::name(folded).unwrap_or_else(|| folded.clone()),
        }
    }

    /// The key, if it names a product.
    const fn key(&self) -> Option<&LicenseKey> {
        match self {
            Self::Signed(_, key) => Some(key),
            Self::ExportColumns(..) | Self::Kept(_) | Self::Replaced(..) => None,
        }
    }
}

/// A free text as the reader of keys has it, in its groups: what a fresh key is derived from. A text that has none, or
/// is very long, is itself.
fn folded(key: &str) -> String {
    let kept = |folded: &String| !folded.is_empty();
    license_key::fold(key).filter(kept).unwrap_or_else(|| key.trim().to_uppercase()).replace('_', "-")
}

/// The id of the license that an import gave a fresh key in the place of a free text.
#[must_use]
pub fn id_in_place_of(
    key: &str,
    generation: &Generation,
    product: &Product,
    tier: &PrintedTier,
) -> LicenseId {
    in_place_of(&folded(key), generation, product.clone(), tier.clone()).0
}

fn in_place_of(
    folded: &str,
    generation: &Generation,
    product: Product,
    tier: PrintedTier,
) -> (LicenseId, LicenseKey) {
    let key = LicenseKey::Current(CurrentKey::in_place_of(folded, generation, product, tier));
    (LicenseId::of(generation, &key), key)
}

/// A license as our own export has it.
fn restored(
    own: ExportColumns,
    key_hint: String,
    order: &CheckedOrder,
    record: ImportedState,
    created_at: UnixMillis,
) -> NewLicense {
    let terms = order.terms(own.id, own.generation, created_at);
    let license = License {
        policy: PolicyOverrides { seats: terms.policy.seats, ..own.policy },
        devices: own.devices,
        released: own.released,
        free_used: own.free_used,
        replaces: own.replaces,
        replaced_by: own.replaced_by,
        erased_at: own.erased_at,
        offline: own.offline,
        ..terms
    };
    let mut new = NewLicense { license, created_at, key_escrow: own.key_escrow, key_hint, metadata: None };
    recorded(&mut new, record);
    new
}

fn recorded(new: &mut NewLicense, record: ImportedState) {
    new.metadata = record.metadata;
    let license = &mut new.license;
    license.user_id = record.user_id.or(license.user_id.take());
    license.status = record.status;
    license.expires_at = record.expires_at;
    license.duration_days = record.duration_days;
    license.updates_until = record.updates_until;
    license.licensee_email = record.licensee_email;
    license.transfers = record.transfers;
    license.transfers_total = record.transfers_total;
    license.notes = record.notes;
}

#[cfg(test)]
mod tests;

//! Issuing: from what was ordered to a license ready to be stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest, Sha256};

use crate::catalog::{Catalog, MAX_SEATS, PolicyOverrides, TierName};
use crate::date::CalendarDate;
use crate::encoding::HEXLOWER;
use crate::escrow::{self, NONCE_BYTES};
use crate::keyring::{Generation, GenerationNumber};
use crate::license::{License, Status};
use crate::license_id::LicenseId;
use crate::license_key::{LicenseKey, PrintedTier, Product};
use crate::limits::Limits;
use crate::maintenance::UpdatesEnd;
use crate::person::{Email, MAX_PERSON_CHARS, PersonName, TextLine};
use crate::time::UnixMillis;

/// Longest term in days: the term of the Flask server's lifetime licenses.
pub const MAX_TERM_DAYS: u32 = 999_999;
/// Extra features a license may have, and the longest of them: together 2 KB, so that a license without devices stays
/// within the 4 KB of one read unit.
pub const MAX_EXTRA_FEATURES: usize = 32;
/// Longest feature, in characters.
pub const MAX_FEATURE_CHARS: usize = 64;

/// Longest id of an order, in characters. Those of payment providers have less than 100.
pub const MAX_ORDER_ID_CHARS: usize = 200;

/// The vendor's own id of an order: one line, trimmed, otherwise as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderId(TextLine<MAX_ORDER_ID_CHARS>);

/// A text that does not name an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order's id must have 1 to {MAX_ORDER_ID_CHARS} characters and no control characters")]
pub struct NoOrderId;

impl OrderId {
    /// Reads an id.
    ///
    /// # Errors
    /// [`NoOrderId`].
    pub fn read(text: &str) -> Result<Self, NoOrderId> {
        TextLine::read(text).ok().flatten().map(Self).ok_or(NoOrderId)
    }

    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What is kept of the id of an erased order: enough to know it again, and no text. It has no key, so whoever has
    /// the table and guesses the id can confirm the guess.
    #[must_use]
    pub fn hidden(&self) -> String {
        let hash = Sha256::new_with_prefix(b"falconer/order/v1\0").chain_update(self.as_str()).finalize();
        HEXLOWER.encode(&hash)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The terms that make a repeated order the same order. They hold nothing about a person: a buyer's name may be
/// corrected, the purchase may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderTerms {
    /// The product.
    pub product: Product,
    /// The tier.
    pub tier: TierName,
    /// How long it lasts.
    pub term: Term,
    /// Seats, where they differ from the tier's.
    pub seats: Option<u32>,
    /// Features beyond the tier's, in the order of the alphabet.
    pub features: Vec<String>,
    /// Limits beyond the tier's.
    pub limits: Limits,
    /// The end of the maintenance, where it differs from the tier's.
    pub updates_until: Option<UpdatesEnd>,
}

impl OrderTerms {
    /// Lists the differences, as `tier pro and not elite`; empty for the same order.
    #[must_use]
    pub fn differences(&self, asked: &Self) -> Vec<String> {
        let seats = |seats: Option<u32>| seats.map_or_else(|| "the tier's".to_owned(), |it| it.to_string());
        let features = |features: &[String]| {
            if features.is_empty() { "none".to_owned() } else { features.join(", ") }
        };
        let limits = |limits: &Limits| {
            features(&limits.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
        };
        let updates =
            |until: Option<UpdatesEnd>| until.map_or_else(|| "the tier's".to_owned(), |it| it.to_string());
        let members = [
            ("product", self.product.to_string(), asked.product.to_string()),
            ("tier", self.tier.to_string(), asked.tier.to_string()),
            ("term", self.term.to_string(), asked.term.to_string()),
            ("seats", seats(self.seats), seats(asked.seats)),
            ("features", features(&self.features), features(&asked.features)),
            ("limits", limits(&self.limits), limits(&asked.limits)),
            ("updates_until", updates(self.updates_until), updates(asked.updates_until)),
        ];
        let differs = |(_, is, asked): &(&str, String, String)| is != asked;
        let told = |(name, is, asked)| format!("{name} {is} and not {asked}");
        members.into_iter().filter(differs).map(told).collect()
    }
}

/// How long a license lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// From now on.
    Days(u32),
    /// From its first activation on; until then it is pending.
    DaysFromActivation(u32),
    /// For good.
    Perpetual,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{}", in_days(*days)),
            Self::DaysFromActivation(days) => write!(f, "{} from the first activation", in_days(*days)),
            Self::Perpetual => f.write_str("perpetual"),
        }
    }
}

fn in_days(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// An order. No `Debug`: it is about a person.
#[derive(Clone)]
pub struct Order {
    /// The product.
    pub product: Product,
    /// The tier.
    pub tier: TierName,
    /// The vendor's own id of the customer.
    pub user_id: Option<String>,
    /// The customer's e-mail, as it was typed.
    pub email: Option<String>,
    /// The customer's name, as it was typed.
    pub licensee_name: Option<String>,
    /// How long it lasts.
    pub term: Term,
    /// Seats, where they differ from the tier's.
    pub seats: Option<u32>,
    /// Features beyond the tier's.
    pub features: Vec<String>,
    /// Limits in the place of the tier's.
    pub limits: Limits,
    /// The end of its maintenance, in the place of the tier's days.
    pub updates_until: Option<UpdatesEnd>,
}

/// Why an order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    /// The catalog lacks the tier.
    #[error("product {0} has no tier {1}; it has {2}")]
    NoSuchTier(Product, TierName, String),
    /// Seats outside 1 to [`MAX_SEATS`].
    #[error("seats must be 1 to {MAX_SEATS}")]
    Seats,
    /// A term outside 1 to [`MAX_TERM_DAYS`].
    #[error("days must be 1 to {MAX_TERM_DAYS}")]
    Days,
    /// A text that is empty, or too long.
    #[error("{0} must have 1 to {MAX_PERSON_CHARS} characters that can be seen")]
    Text(&'static str),
    /// An e-mail without an `@` between two parts.
    #[error("email must look like name@example.com")]
    Email,
    /// A feature that is not a name.
    #[error(
        "a feature has 1 to {MAX_FEATURE_CHARS} of a-z, 0-9 and _, and a license at most {MAX_EXTRA_FEATURES} of them"
    )]
    Features,
}

/// An order that has been checked.
#[derive(Clone)]
pub struct CheckedOrder {
    order: Order,
    email: Option<Email>,
    licensee_name: Option<PersonName>,
    /// Days of maintenance that the tier gives.
    updates_days: Option<u32>,
}

/// A license about to be stored: what the rules see of it, and what only the operator does.
/// No `Debug`: it is about a person, and holds the sealed key.
#[derive(Clone)]
pub struct NewLicense {
    /// The license, in the form of the rules.
    pub license: License,
    /// The moment of issue.
    pub created_at: UnixMillis,
    /// The sealed key.
    pub key_escrow: Vec<u8>,
    /// The masked key.
    pub key_hint: String,
    /// Metadata from another system, which no rule reads.
    pub metadata: Option<String>,
}

impl Order {
    /// Checks an order against the product's catalog.
    ///
    /// # Errors
    /// [`OrderRefusal`], naming the first thing wrong.
    pub fn check(self, catalog: &Catalog) -> Result<CheckedOrder, OrderRefusal> {
        if !catalog.has(&self.tier) {
            let tiers: Vec<_> = catalog.tiers().map(TierName::as_str).collect();
            return Err(OrderRefusal::NoSuchTier(self.product, self.tier, tiers.join(", ")));
        }
        if self.seats.is_some_and(|seats| !(1..=MAX_SEATS).contains(&seats)) {
            return Err(OrderRefusal::Seats);
        }
        if let Term::Days(days) | Term::DaysFromActivation(days) = self.term
            && !(1..=MAX_TERM_DAYS).contains(&days)
        {
            return Err(OrderRefusal::Days);
        }
        let user_id = self.user_id.as_deref().map(user_id).transpose()?;
        let email = self.email.as_deref().map(email).transpose()?;
        let licensee_name = self.licensee_name.as_deref().map(customers_name).transpose()?;
        if self.features.len() > MAX_EXTRA_FEATURES
            || !self.features.iter().all(|feature| is_feature(feature))
        {
            return Err(OrderRefusal::Features);
        }
        let updates_days = catalog.updates_days(&self.tier);
        Ok(CheckedOrder { order: Self { user_id, ..self }, email, licensee_name, updates_days })
    }
}

impl CheckedOrder {
    /// The product.
    #[must_use]
    pub const fn product(&self) -> &Product {
        &self.order.product
    }

    /// Returns the terms that make a repeated order the same order.
    #[must_use]
    pub fn agreed(&self) -> OrderTerms {
        let Order { product, tier, term, seats, features, limits, updates_until, .. } = &self.order;
        let features = features.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        OrderTerms {
            product: product.clone(),
            tier: tier.clone(),
            term: *term,
            seats: *seats,
            features,
            limits: limits.clone(),
            updates_until: *updates_until,
        }
    }

    /// The tier as a key prints it.
    #[must_use]
    pub fn printed_tier(&self) -> PrintedTier {
        self.order.tier.printed()
    }

    /// The license `id` that `key` will open. `home` is the generation whose pepper and escrow key it uses: never one
    /// that is `legacy` or `imported`, whose master may be guessed. `nonce` is fresh.
    #[must_use]
    pub fn license(
        &self,
        id: LicenseId,
        key: &LicenseKey,
        home: &Generation,
        now: UnixMillis,
        nonce: [u8; NONCE_BYTES],
    ) -> NewLicense {
        NewLicense {
            key_escrow: escrow::seal(home, &id, &key.to_string(), nonce),
            key_hint: key.masked(),
            created_at: now,
            license: self.terms(id, home.number(), now),
            metadata: None,
        }
    }

    /// The end of the maintenance: the order's, else the tier's days from the day of issue on.
    fn updates_until(&self, now: UnixMillis) -> Option<CalendarDate> {
        match self.order.updates_until {
            Some(end) => end.date(),
            None => Some(CalendarDate::of(now).plus_days(self.updates_days?)),
        }
    }

    /// The license alone, without its key.
    #[must_use]
    pub fn terms(&self, id: LicenseId, generation: GenerationNumber, now: UnixMillis) -> License {
        let order = &self.order;
        let (status, expires_at, duration_days) = match order.term {
            Term::Days(days) => (Status::Active, Some(now.plus_days(days)), None),
            Term::DaysFromActivation(days) => (Status::Pending, None, Some(days)),
            Term::Perpetual => (Status::Active, None, None),
        };
        License {
            id,
            product: order.product.clone(),
            tier: order.tier.clone(),
            status,
            user_id: order.user_id.clone(),
            email: self.email.clone(),
            licensee_name: self.licensee_name.clone(),
            licensee_email: None,
            expires_at,
            duration_days,
            features: order.features.clone(),
            limits: order.limits.clone(),
            updates_until: self.updates_until(now),
            policy: PolicyOverrides { seats: order.seats, ..PolicyOverrides::default() },
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
            generation,
        }
    }
}

/// Reads the vendor's own id of a customer.
///
/// # Errors
/// [`OrderRefusal::Text`]: it is too long, or nothing of it can be seen.
pub fn user_id(text: &str) -> Result<String, OrderRefusal> {
    line("user", text).map(|line| line.as_str().to_owned())
}

/// Reads a customer's name.
///
/// # Errors
/// As [`user_id`].
pub fn customers_name(text: &str) -> Result<PersonName, OrderRefusal> {
    line("name", text)
}

/// Reads a customer's e-mail.
///
/// # Errors
/// As [`user_id`]; [`OrderRefusal::Email`] where it does not look like one.
pub fn email(text: &str) -> Result<Email, OrderRefusal> {
    let refused = OrderRefusal::Text("email");
    let email = Email::read(text).ok().flatten().ok_or(refused)?;
    if email.looks_right() { Ok(email) } else { Err(OrderRefusal::Email) }
}

fn line(name: &'static str, text: &str) -> Result<PersonName, OrderRefusal> {
    PersonName::read(text).ok().flatten().ok_or(OrderRefusal::Text(name))
}

/// Returns true if a text is a feature's name: 1 to [`MAX_FEATURE_CHARS`] of `a-z`, `0-9` and `_`.
#[must_use]
pub fn is_feature(text: &str) -> bool {
    (1..=MAX_FEATURE_CHARS).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyRing;
    use crate::catalog::Tier;
    use crate::license_key::CurrentKey;

    fn order() -> Order {
        Order {
            product: Product::parse("QF").unwrap(),
            tier: TierName::parse("pro").unwrap(),
            user_id: Some(" user_12345 ".to_owned()),
            email: Some(" User@Example.com ".to_owned()),
            licensee_name: None,
            term: Term::Days(30),
            seats: Some(2),
            features: vec!["api_access".to_owned()],
            limits: Limits::default(),
            updates_until: None,
        }
    }

    fn refusal(change: impl FnOnce(&mut Order)) -> Option<OrderRefusal> {
        let mut order = order();
        change(&mut order);
        let catalog = Catalog::built_in(&order.product).unwrap();
        order.check(&catalog).err()
    }

    #[test]
    fn a_hidden_order_is_a_hash_of_its_id() {
        let order = OrderId::read("4711").unwrap();
        let expected = HEXLOWER.encode(&Sha256::digest(b"falconer/order/v1\x004711"));
        assert_eq!(order.hidden(), expected);
        assert_eq!(format!("{order:?} {order}"), "4711 4711");
    }

    #[test]
    fn orders_are_checked() {
        assert_eq!(refusal(|_| ()), None);
        let gold = TierName::parse("gold").unwrap();
        let said = refusal(|order| order.tier = gold).unwrap().to_string();
        assert_eq!(said, "product QF has no tier gold; it has elite, free, lifetime, pro");
        assert_eq!(refusal(|order| order.seats = Some(0)), Some(OrderRefusal::Seats));
        assert_eq!(refusal(|order| order.seats = Some(101)), Some(OrderRefusal::Seats));
        assert_eq!(refusal(|order| order.term = Term::Days(0)), Some(OrderRefusal::Days));
        assert_eq!(
            refusal(|order| order.term = Term::DaysFromActivation(1_000_000)),
            Some(OrderRefusal::Days)
        );
        assert_eq!(refusal(|order| order.user_id = Some("x".repeat(256))), Some(OrderRefusal::Text("user")));
        for email in ["nobody", "@example.com", "a@", "a b@example.com"] {
            assert_eq!(refusal(|order| order.email = Some(email.to_owned())), Some(OrderRefusal::Email));
        }
        assert_eq!(
            refusal(|order| order.features = vec!["Copy Trading".to_owned()]),
            Some(OrderRefusal::Features)
        );
        let blank = || Some(" \u{200E}".to_owned());
        assert_eq!(refusal(|order| order.user_id = blank()), Some(OrderRefusal::Text("user")));
        assert_eq!(refusal(|order| order.email = blank()), Some(OrderRefusal::Text("email")));
        assert_eq!(refusal(|order| order.licensee_name = blank()), Some(OrderRefusal::Text("name")));
    }

    #[test]
    fn differences_name_changed_terms() {
        let agreed = |change: fn(&mut Order)| {
            let mut order = order();
            change(&mut order);
            let catalog = Catalog::built_in(&order.product).unwrap();
            order.check(&catalog).unwrap().agreed()
        };
        let first = agreed(|_| ());
        let other_person = agreed(|order| {
            (order.email, order.user_id) = (None, None);
            order.features = vec!["api_access".to_owned(); 2];
        });
        assert_eq!(first.differences(&other_person), Vec::<String>::new());
        let other = agreed(|order| {
            order.tier = TierName::parse("elite").unwrap();
            order.term = Term::Perpetual;
            order.seats = None;
            order.features.clear();
            order.limits = Limits::read(["agents=5"]).unwrap();
            order.updates_until = UpdatesEnd::parse("2027-01-01");
        });
        let told = first.differences(&other);
        assert_eq!(
            told,
            [
                "tier pro and not elite",
                "term 30 days and not perpetual",
                "seats 2 and not the tier's",
                "features api_access and not none",
                "limits none and not agents=5",
                "updates_until the tier's and not 2027-01-01"
            ]
        );
        let later = agreed(|order| order.term = Term::DaysFromActivation(30));
        assert_eq!(first.differences(&later), ["term 30 days and not 30 days from the first activation"]);
    }

    #[test]
    fn ids_of_orders_are_one_line() {
        assert_eq!(OrderId::read(" order 1001#b ").unwrap().as_str(), "order 1001#b");
        assert_eq!(OrderId::read(&"x".repeat(200)).unwrap().to_string().len(), 200);
        // Cleaned as every line is, so that an id reads the same from a cell and from an argument.
        assert_eq!(OrderId::read("a\nb\u{1b}").unwrap().as_str(), "a b");
        for text in ["", " ", "\u{1b}", &"x".repeat(201)] {
            assert_eq!(OrderId::read(text), Err(NoOrderId), "{text:?}");
        }
    }

    #[test]
    fn limits_are_inclusive() {
        for seats in [1, MAX_SEATS] {
            assert_eq!(refusal(|order| order.seats = Some(seats)), None);
        }
        for days in [1, MAX_TERM_DAYS] {
            assert_eq!(refusal(|order| order.term = Term::Days(days)), None);
        }
        let features = |count| vec!["f".to_owned(); count];
        assert_eq!(refusal(|order| order.features = features(MAX_EXTRA_FEATURES)), None);
        let one_more = features(MAX_EXTRA_FEATURES + 1);
        assert_eq!(refusal(|order| order.features = one_more), Some(OrderRefusal::Features));
        for text in ["a_1", &"f".repeat(MAX_FEATURE_CHARS)] {
            assert!(is_feature(text), "{text}");
        }
        for text in ["", "a-1", "A", &"f".repeat(MAX_FEATURE_CHARS + 1)] {
            assert!(!is_feature(text), "{text}");
        }
    }

    #[test]
    fn maintenance_is_the_orders_or_the_tiers() {
        let catalog = |days| {
            let tier = Tier { updates_days: days, ..Tier::default() };
            let tiers = BTreeMap::from([(TierName::parse("pro").unwrap(), tier)]);
            Catalog::new(Product::parse("QF").unwrap(), &PolicyOverrides::default(), tiers).unwrap()
        };
        let own = UpdatesEnd::parse("2020-01-01");
        let own_day = CalendarDate::parse("2020-01-01");
        let (id, generation) = (LicenseId::from_hash(&[1; 32]), GenerationNumber::new(1).unwrap());
        for (days, ordered, expected) in [
            (None, None, None),
            (Some(365), None, CalendarDate::parse("2027-11-28")),
            (Some(365), own, own_day),
            (None, own, own_day),
            (Some(365), Some(UpdatesEnd::Never), None),
        ] {
            let checked = Order { updates_until: ordered, ..order() }.check(&catalog(days)).unwrap();
            // The last second of 2026-11-28 in UTC.
            let license = checked.terms(id.clone(), generation, UnixMillis(1_795_910_399_000));
            assert_eq!(license.updates_until, expected, "{days:?} {ordered:?}");
        }
    }

    #[test]
    fn terms_start_now_or_at_activation() {
        let ring = KeyRing::parse(r#"{"current":"1","1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#).unwrap();
        let now = UnixMillis(1_000);
        for (term, status, expires_at, duration_days) in [
            (Term::Days(1), Status::Active, Some(UnixMillis(86_401_000)), None),
            (Term::DaysFromActivation(1), Status::Pending, None, Some(1)),
            (Term::Perpetual, Status::Active, None, None),
        ] {
            let catalog = Catalog::built_in(&order().product).unwrap();
            let checked = Order { term, ..order() }.check(&catalog).unwrap();
            let key =
                CurrentKey::issue(ring.current(), checked.product().clone(), checked.printed_tier(), [1; 10]);
            let key = LicenseKey::Current(key);
            let id = LicenseId::of(ring.current(), &key);
            let new = checked.license(id, &key, ring.current(), now, [0; NONCE_BYTES]);
            assert_eq!((new.license.status, new.license.expires_at), (status, expires_at));
            let email = new.license.email.as_ref().map(Email::as_str);
            assert_eq!((new.license.duration_days, email), (duration_days, Some("user@example.com")));
            assert_eq!(
                (new.license.user_id.as_deref(), new.license.policy.seats),
                (Some("user_12345"), Some(2))
            );
            assert_eq!(new.license.waits_for_its_term(), status == Status::Pending);
            let ended = |millis| new.license.has_expired(UnixMillis(millis));
            let ends = expires_at.is_some();
            assert_eq!((ended(86_400_999), ended(86_401_000), ended(86_401_001)), (false, ends, ends));
            let opened = escrow::open(ring.current(), &new.license.id, &new.key_escrow).unwrap();
            assert_eq!(*opened, key.to_string());
            assert_eq!(ring.authenticate(&opened).unwrap().license_id, new.license.id);
        }
    }
}

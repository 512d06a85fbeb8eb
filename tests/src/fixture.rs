//! Masters, people and licenses that exist in tests only.

use falconer_domain::issue::{CheckedOrder, NewLicense, Order, Term};
use falconer_domain::license_key::Product;
use falconer_domain::{Catalog, KeyRing, TierName, UnixMillis};
use falconer_operator::issue::KeyForm;

use crate::machine::{Machine, device_id};

/// Master of generation 1, the first that signs.
pub const MASTER_A: &str = "test-master-A-0123456789abcdef-0123456789";
/// Master of generation 3, promoted in the tests of rotation.
pub const MASTER_B: &str = "test-master-B-fedcba9876543210-fedcba9876";
/// Master of generation 2, the Flask server's.
pub const LEGACY_MASTER: &str = "test-legacy-master";

/// Everything a log must never hold, besides the license keys of a stack: masters, people, their machines and
/// addresses.
pub const SECRET_WORDS: &[&str] = &[
    MASTER_A,
    MASTER_B,
    LEGACY_MASTER,
    "fixture.person@example.com",
    "Fixture Person",
    "fixture-hardware-",
    "203.0.113.",
    "2001:db8:",
];

/// The ring of most tests: generation 1 signs, generation 2 is the Flask server's.
#[must_use]
pub fn ring() -> String {
    format!(r#"{{"current":"1","legacy":"2","1":"{MASTER_A}","2":"{LEGACY_MASTER}"}}"#)
}

/// The differences of a license from the default, applied before it is stored.
pub(crate) type Change = Box<dyn FnOnce(&mut NewLicense, &KeyRing)>;

/// A license to put into a stack, and how it differs from a plain one.
pub struct Fixture {
    pub(crate) order: Order,
    pub(crate) form: KeyForm,
    pub(crate) change: Change,
}

/// An order for a perpetual license of a tier of `QF`, checked against the built-in catalog.
///
/// # Panics
/// The tier does not exist.
#[must_use]
pub fn anonymous_order(tier: &str) -> CheckedOrder {
    let order = Order { user_id: None, email: None, licensee_name: None, ..Fixture::of_tier(tier).order };
    order.check(&built_in_catalog()).expect("a good order")
}

pub(crate) fn built_in_catalog() -> Catalog {
    Catalog::built_in(&Product::parse("QF").expect("a product")).expect("a built-in catalog")
}

impl Fixture {
    /// A perpetual license of a tier of `QF`, active, with one seat and nothing bound.
    #[must_use]
    pub fn of_tier(tier: &str) -> Self {
        let order = Order {
            product: Product::parse("QF").expect("a product"),
            tier: TierName::parse(tier).expect("a tier"),
            user_id: Some("user_12345".to_owned()),
            email: Some("fixture.person@example.com".to_owned()),
            licensee_name: Some("Fixture Person".to_owned()),
            term: Term::Perpetual,
            seats: None,
            features: Vec::new(),
            limits: falconer_domain::Limits::default(),
            updates_until: None,
        };
        Self { order, form: KeyForm::Current, change: Box::new(|_, _| ()) }
    }

    /// A pro license.
    #[must_use]
    pub fn pro() -> Self {
        Self::of_tier("pro")
    }

    /// A license with a key of the Flask server's form.
    #[must_use]
    pub fn with_legacy_key(mut self) -> Self {
        self.form = KeyForm::Legacy;
        self
    }

    /// The same, ending at a moment.
    #[must_use]
    pub fn ending(self, at: UnixMillis) -> Self {
        self.with(move |new, _| new.license.expires_at = Some(at))
    }

    /// The same with this many seats.
    #[must_use]
    pub fn seats(self, seats: u32) -> Self {
        self.with(move |new, _| new.license.policy.seats = Some(seats))
    }

    /// The same with a machine bound to it at a moment, under the id of this number, and seen then. Its binding was
    /// free of count.
    #[must_use]
    pub fn bound(self, number: u8, machine: &Machine, at: UnixMillis) -> Self {
        let machine = machine.clone();
        self.with(move |new, ring| {
            let device = machine.device(new, ring, at);
            new.license.devices.insert(device_id(number), device);
            new.license.free_used += 1;
        })
    }

    /// The same, changed before it is stored.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut NewLicense, &KeyRing) + 'static) -> Self {
        let before = self.change;
        self.change = Box::new(move |new, ring| {
            before(new, ring);
            change(new, ring);
        });
        self
    }
}

//! The catalog of a product: tiers, features, and the policy of its licenses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::issue::MAX_TERM_DAYS;
use crate::license_key::{PrintedTier, Product};
use crate::limits::{Limits, MAX_LIMITS};
use crate::maintenance::Releases;

pub use policy::{Policy, PolicyOverrides, VirtualMachines};

mod policy;

/// Seats a license may have. A hundred devices of four components make an item of some 20 KB, which is five read units
/// for each verification; a vendor with larger customers gives them several licenses.
pub const MAX_SEATS: u32 = 100;

/// A tier's name, `[a-z0-9_]{1,16}`; upper-cased where it is printed in keys.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TierName(String);

impl TierName {
    /// `text` as a tier name, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        good.then(|| Self(text.to_owned()))
    }

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tier as a key prints it.
    #[must_use]
    pub fn printed(&self) -> PrintedTier {
        // Unwrap safety: a tier name is 1 to 16 of a-z, 0-9 and _; upper-cased that is a printed tier.
        PrintedTier::parse(&self.0.to_ascii_uppercase()).unwrap()
    }
}

impl fmt::Display for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TierName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One tier as the operator writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tier {
    /// The tier whose features come first.
    pub extends: Option<TierName>,
    /// Features that this tier adds.
    pub features: Vec<String>,
    /// Limits of this tier, in the place of those of the tier that it extends.
    pub limits: Limits,
    /// Days of maintenance that a license of this tier is issued with, where its order names no end of its own.
    pub updates_days: Option<u32>,
    /// Overrides of this tier.
    pub policy: PolicyOverrides,
}

/// A checked catalog: every `extends` leads somewhere and none runs in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    product: Product,
    policy: Policy,
    tiers: BTreeMap<TierName, Tier>,
    releases: Releases,
}

/// Why a catalog is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// `extends` names nothing.
    #[error("tier {0} extends {1}, which the catalog does not have")]
    NoSuchTier(TierName, TierName),
    /// `extends` comes back to where it began.
    #[error("tier {0} extends itself, directly or through others")]
    Circle(TierName),
    /// Seats outside 1 to [`MAX_SEATS`].
    #[error("seats must be 1 to {MAX_SEATS}, not {0}")]
    Seats(u32),
    /// More than [`MAX_LIMITS`] limits in a tier and those it extends.
    #[error("tier {0} has more than {MAX_LIMITS} limits, with those of the tiers that it extends")]
    Limits(TierName),
    /// Days of maintenance outside 1 to [`MAX_TERM_DAYS`].
    #[error("updates_days of tier {0} must be 1 to {MAX_TERM_DAYS}")]
    UpdatesDays(TierName),
}

impl Catalog {
    /// Checks and builds a catalog.
    ///
    /// # Errors
    /// [`CatalogError`], naming the first thing wrong.
    pub fn new(
        product: Product,
        policy: &PolicyOverrides,
        tiers: BTreeMap<TierName, Tier>,
    ) -> Result<Self, CatalogError> {
        for seats in tiers.values().map(|tier| tier.policy.seats).chain([policy.seats]).flatten() {
            if seats == 0 || seats > MAX_SEATS {
                return Err(CatalogError::Seats(seats));
            }
        }
        for name in tiers.keys() {
            check_lineage(&tiers, name)?;
        }
        let releases = Releases::default();
        let catalog = Self { product, policy: Policy::DEFAULT.with(policy), tiers, releases };
        for (name, tier) in &catalog.tiers {
            if catalog.limits(name).is_none_or(|limits| limits.len() > MAX_LIMITS) {
                return Err(CatalogError::Limits(name.clone()));
            }
            if tier.updates_days.is_some_and(|days| !(1..=MAX_TERM_DAYS).contains(&days)) {
                return Err(CatalogError::UpdatesDays(name.clone()));
            }
        }
        Ok(catalog)
    }

    /// The same catalog with these releases.
    #[must_use]
    pub fn with_releases(self, releases: Releases) -> Self {
        Self { releases, ..self }
    }

    /// Returns the catalog of a product without a stored one: the Flask server's four tiers for `QF`, with its features
    /// in its order (`get_tier_features`). No other product has a built-in catalog.
    #[must_use]
    pub fn built_in(product: &Product) -> Option<Self> {
        (product.as_str() == "QF").then(|| Self {
            product: product.clone(),
            policy: Policy::DEFAULT,
            tiers: BUILT_IN.iter().map(BuiltInTier::named).collect(),
            releases: Releases::default(),
        })
    }

    /// The product it describes.
    #[must_use]
    pub const fn product(&self) -> &Product {
        &self.product
    }

    /// The rules of its licenses where neither tier nor license says otherwise.
    #[must_use]
    pub const fn base_policy(&self) -> PolicyOverrides {
        self.policy.as_overrides()
    }

    /// Returns the tiers, as the operator wrote them.
    pub fn all_tiers(&self) -> impl Iterator<Item = (&TierName, &Tier)> {
        self.tiers.iter()
    }

    /// Returns true if it has this tier.
    #[must_use]
    pub fn has(&self, tier: &TierName) -> bool {
        self.tiers.contains_key(tier)
    }

    /// Returns the tiers' names.
    pub fn tiers(&self) -> impl Iterator<Item = &TierName> {
        self.tiers.keys()
    }

    /// The rules for a license of this tier. `None` if the catalog lacks the tier.
    #[must_use]
    pub fn policy(&self, tier: &TierName, license: &PolicyOverrides) -> Option<Policy> {
        Some(self.policy.with(&self.tiers.get(tier)?.policy).with(license))
    }

    /// The releases of the product.
    #[must_use]
    pub const fn releases(&self) -> &Releases {
        &self.releases
    }

    /// Days of maintenance that a license of this tier is issued with. `None` covers every build.
    #[must_use]
    pub fn updates_days(&self, tier: &TierName) -> Option<u32> {
        self.tiers.get(tier)?.updates_days
    }

    /// The limits of a tier: its own in the place of those it extends. `None` if the catalog lacks the tier.
    #[must_use]
    pub fn limits(&self, tier: &TierName) -> Option<Limits> {
        let lineage = self.lineage(tier)?;
        Some(lineage.into_iter().rev().fold(Limits::default(), |outer, tier| tier.limits.over(&outer)))
    }

    /// A tier and those it extends, itself first. `None` if the catalog lacks the tier.
    fn lineage(&self, tier: &TierName) -> Option<Vec<&Tier>> {
        let mut lineage = vec![self.tiers.get(tier)?];
        while let Some(parent) = lineage.last().and_then(|tier| tier.extends.as_ref()) {
            lineage.push(self.tiers.get(parent)?);
        }
        Some(lineage)
    }

    /// The features of a tier, those it extends first, then `extras`, no repeats. `None` if the catalog lacks the tier.
    #[must_use]
    pub fn features(&self, tier: &TierName, extras: &[String]) -> Option<Vec<String>> {
        let lineage = self.lineage(tier)?;
        let mut seen = BTreeSet::new();
        Some(
            lineage
                .into_iter()
                .rev()
                .flat_map(|tier| &tier.features)
                .chain(extras)
                .filter(|feature| seen.insert(feature.as_str()))
                .cloned()
                .collect(),
        )
    }
}

fn check_lineage(tiers: &BTreeMap<TierName, Tier>, from: &TierName) -> Result<(), CatalogError> {
    let mut seen = BTreeSet::from([from]);
    let mut name = from;
    while let Some(parent) = tiers.get(name).and_then(|tier| tier.extends.as_ref()) {
        if !tiers.contains_key(parent) {
            return Err(CatalogError::NoSuchTier(name.clone(), parent.clone()));
        }
        if !seen.insert(parent) {
            return Err(CatalogError::Circle(from.clone()));
        }
        name = parent;
    }
    Ok(())
}

struct BuiltInTier {
    name: &'static str,
    extends: Option<&'static str>,
    features: &'static [&'static str],
}

impl BuiltInTier {
    fn named(&self) -> (TierName, Tier) {
        let tier = Tier {
            extends: self.extends.map(|name| TierName(name.to_owned())),
            features: self.features.iter().map(|feature| (*feature).to_owned()).collect(),
            ..Tier::default()
        };
        (TierName(self.name.to_owned()), tier)
    }
}

/// The Flask server's table. `elite` extends `free`, not `pro`: it has `ai_agents_unlimited` where `pro` has
/// `ai_agents_3`.
const BUILT_IN: [BuiltInTier; 4] = [
    BuiltInTier {
        name: "free",
        extends: None,
        features: &["basic_dashboard", "manual_trading", "basic_analytics", "community_read"],
    },
    BuiltInTier {
        name: "pro",
        extends: Some("free"),
        features: &[
            "ai_agents_3",
            "advanced_analytics",
            "strategy_marketplace",
            "copy_trading",
            "priority_support",
        ],
    },
    BuiltInTier {
        name: "elite",
        extends: Some("free"),
        features: &[
            "ai_agents_unlimited",
            "advanced_analytics",
            "strategy_marketplace",
            "copy_trading",
            "priority_support",
            "market_intelligence",
            "custom_strategies",
            "api_access",
            "whale_tracking",
            "premium_community",
        ],
    },
    BuiltInTier {
        name: "lifetime",
        extends: Some("elite"),
        features: &["lifetime_updates", "vip_support", "beta_access", "custom_integrations", "white_label"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(text: &str) -> TierName {
        TierName::parse(text).unwrap()
    }

    fn built_in() -> Catalog {
        Catalog::built_in(&Product::parse("QF").unwrap()).unwrap()
    }

    #[test]
    fn a_tiers_name_is_its_text() {
        for name in ["a", "pro_2", "0123456789abcdef"] {
            let tier = tier(name);
            assert_eq!((tier.as_str(), format!("{tier} {tier:?}")), (name, format!("{name} {name}")));
            assert_eq!(tier.printed().as_str(), name.to_uppercase());
        }
        for text in ["", "Pro", "pro-2", "pr\u{f6}", "0123456789abcdefg"] {
            assert_eq!(TierName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn catalog_returns_its_definition() {
        let policy = Policy {
            seats: 100,
            transfer_requires_email: true,
            virtual_machines: VirtualMachines::Refuse,
            ..Policy::DEFAULT
        };
        let overrides = PolicyOverrides {
            seats: Some(100),
            transfer_requires_email: Some(true),
            virtual_machines: Some(VirtualMachines::Refuse),
            ..PolicyOverrides::default()
        };
        let tiers = BTreeMap::from([(tier("pro"), Tier::default()), (tier("team"), Tier::default())]);
        let catalog = Catalog::new(Product::parse("ACME9").unwrap(), &overrides, tiers.clone()).unwrap();
        assert_eq!(catalog.product().as_str(), "ACME9");
        assert_eq!(Policy::DEFAULT.with(&catalog.base_policy()), policy);
        assert_eq!(catalog.policy(&tier("pro"), &PolicyOverrides::default()), Some(policy));
        assert!(catalog.all_tiers().eq(&tiers) && catalog.tiers().eq(tiers.keys()));
        assert!(catalog.has(&tier("team")) && !catalog.has(&tier("free")));
    }

    #[test]
    fn flask_tiers_keep_their_order() {
        let features = |name| built_in().features(&tier(name), &[]).unwrap().join(" ");
        assert_eq!(features("free"), "basic_dashboard manual_trading basic_analytics community_read");
        assert_eq!(
            features("pro"),
            "basic_dashboard manual_trading basic_analytics community_read ai_agents_3 advanced_analytics \
             strategy_marketplace copy_trading priority_support"
        );
        assert_eq!(
            features("elite"),
            "basic_dashboard manual_trading basic_analytics community_read ai_agents_unlimited advanced_analytics \
             strategy_marketplace copy_trading priority_support market_intelligence custom_strategies api_access \
             whale_tracking premium_community"
        );
        assert_eq!(
            features("lifetime"),
            "basic_dashboard manual_trading basic_analytics community_read ai_agents_unlimited advanced_analytics \
             strategy_marketplace copy_trading priority_support market_intelligence custom_strategies api_access \
             whale_tracking premium_community lifetime_updates vip_support beta_access custom_integrations white_label"
        );
    }

    #[test]
    fn extra_features_come_last_once() {
        let extras = ["api_access".to_owned(), "community_read".to_owned()];
        assert_eq!(
            built_in().features(&tier("free"), &extras).unwrap(),
            ["basic_dashboard", "manual_trading", "basic_analytics", "community_read", "api_access"]
        );
        assert_eq!(built_in().features(&tier("gold"), &[]), None);
        assert!(Catalog::built_in(&Product::parse("ACME9").unwrap()).is_none());
    }

    #[test]
    fn license_overrides_tier_and_product() {
        let of = |seats| PolicyOverrides { seats, ..PolicyOverrides::default() };
        let build = |product, in_tier| {
            let tiers = BTreeMap::from([(tier("pro"), Tier { policy: of(in_tier), ..Tier::default() })]);
            Catalog::new(Product::parse("QF").unwrap(), &of(product), tiers).unwrap()
        };
        for (product, in_tier, license, expected) in [
            (None, None, None, 1),
            (Some(2), None, None, 2),
            (Some(2), Some(3), None, 3),
            (Some(2), Some(3), Some(4), 4),
            (Some(2), None, Some(4), 4),
        ] {
            let policy = build(product, in_tier).policy(&tier("pro"), &of(license)).unwrap();
            assert_eq!(policy.seats, expected);
        }
    }

    #[test]
    fn refuses_cycles_gaps_and_bad_seats() {
        let extending = |parent: &str| Tier { extends: Some(tier(parent)), ..Tier::default() };
        let seats = PolicyOverrides { seats: Some(0), ..PolicyOverrides::default() };
        let too_many = PolicyOverrides { seats: Some(101), ..PolicyOverrides::default() };
        for (tiers, expected) in [
            (vec![("a", extending("b")), ("b", extending("a"))], CatalogError::Circle(tier("a"))),
            (vec![("a", extending("a"))], CatalogError::Circle(tier("a"))),
            (vec![("a", extending("b"))], CatalogError::NoSuchTier(tier("a"), tier("b"))),
            (vec![("a", Tier { policy: seats, ..Tier::default() })], CatalogError::Seats(0)),
            (vec![("a", Tier { policy: too_many, ..Tier::default() })], CatalogError::Seats(101)),
        ] {
            let tiers = tiers.into_iter().map(|(name, entry)| (tier(name), entry)).collect();
            let built = Catalog::new(Product::parse("QF").unwrap(), &PolicyOverrides::default(), tiers);
            assert_eq!(built, Err(expected));
        }
        let built = Catalog::new(Product::parse("QF").unwrap(), &seats, BTreeMap::new());
        assert_eq!(built, Err(CatalogError::Seats(0)));
    }
}

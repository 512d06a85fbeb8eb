"""What a product sells, as far as a lease states it."""

POLICY = {"check_interval_hours": 24, "offline_grace_days": 7, "hardware_required": False}

# Of a product whose operator stored none.
BUILT_IN = {
    "QF": {
        "policy": {},
        "tiers": {
            "free": {"features": ["basic_dashboard", "manual_trading", "basic_analytics", "community_read"]},
            "pro": {
                "extends": "free",
                "features": [
                    "ai_agents_3",
                    "advanced_analytics",
                    "strategy_marketplace",
                    "copy_trading",
                    "priority_support",
                ],
            },
            "elite": {
                "extends": "free",
                "features": [
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
            "lifetime": {
                "extends": "elite",
                "features": [
                    "lifetime_updates",
                    "vip_support",
                    "beta_access",
                    "custom_integrations",
                    "white_label",
                ],
            },
        },
    }
}


def features(catalog, license):
    """Those of the license's tier, what it extends first, then the license's own, no repeats."""
    lineage = [catalog["tiers"][license["tier"]]]
    while parent := lineage[-1].get("extends"):
        lineage.append(catalog["tiers"][parent])
    found = [feature for tier in reversed(lineage) for feature in tier.get("features", [])]
    return list(dict.fromkeys(found + license.get("features", [])))


def policy(catalog, license):
    """The rules the license lives under: its own win over its tier's, those over the product's."""
    tier = catalog["tiers"][license["tier"]]
    return POLICY | catalog.get("policy", {}) | tier.get("policy", {}) | license.get("policy", {})

//! Limits and maintenance in words: verify grants them, and applications decide by them.

use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::{CalendarDate, License};

/// The limits that count, each with its source. Without the rules of its tier a license shows its own.
pub(crate) fn limits(license: &License, standing: Option<&EffectiveLicense>) -> String {
    let own = &license.limits;
    let limit = |(name, value): (&str, u64)| {
        let source = if own.get(name).is_some() { "its own" } else { "its tier\u{2019}s" };
        format!("{name} {value} ({source})")
    };
    let counting = standing.map_or(own, |standing| &standing.limits);
    let limits: Vec<_> = counting.iter().map(limit).collect();
    if limits.is_empty() { "none".to_owned() } else { limits.join(", ") }
}

/// The builds that a license covers.
pub(crate) fn updates(license: &License, standing: Option<&EffectiveLicense>) -> String {
    let newest = standing.and_then(|standing| standing.maintenance.as_ref());
    let newest = newest.and_then(|maintenance| maintenance.newest_version.as_deref());
    match (license.updates_until, newest) {
        (None, _) => "every build".to_owned(),
        (Some(until), None) => format!("builds up to {until}"),
        (Some(until), Some(version)) => {
            format!("builds up to {until}; the newest covered version is {version}")
        }
    }
}

/// Says whether a build of a date is covered, and what its application does.
pub(crate) fn build(standing: &EffectiveLicense, build: CalendarDate) -> String {
    if standing.covers(build) {
        format!("{build} is covered: it runs")
    } else {
        format!("{build} is not covered: its application says UPDATES_ENDED")
    }
}

//! A machine with a long lease that meets a network, and goes back behind the gap.

use falconer_client::{FailureKind, State};
use falconer_domain::{CalendarDate, UnixMillis};
use falconer_tests::now;
use serde_json::json;

use super::room::AirGap;
use super::{DAY, ENDED};
use crate::operator::told;

/// The seat is kept until the promised end, so the check may not shorten it. The terms of today come with the check.
#[test]
fn a_check_online_keeps_the_promised_end() {
    let gap = AirGap::of_days(365);
    let (client, _) = gap.activated("first");
    let promised = client.license().unwrap().offline_until.unwrap();
    told(&gap.stack, &["set-limit", &gap.key, "agents=7"]);
    told(&gap.stack, &["set-policy", &gap.key, "air_gap_days=0"]);

    gap.network.plug();
    gap.clock.pass(2 * DAY);
    assert_eq!(client.refresh(), Ok(State::Active));
    let license = client.license().unwrap();
    assert_eq!((license.offline_until, license.air_gap), (Some(promised), false));
    assert_eq!(client.limit("agents", 0), 7, "the terms of the day of the check");

    gap.network.unplug();
    gap.clock.pass(300 * DAY);
    assert!(client.refresh().is_err());
    assert_eq!((client.status(), client.is_unlocked()), (State::Grace { until: promised }, true));
    drop(client);
    let client = gap.machine("first");
    assert!(client.has_feature("copy_trading"), "after a restart too");
    gap.clock.pass(66 * DAY);
    assert_eq!((client.status(), client.is_unlocked()), (ENDED, false), "and not a day longer");
}

/// Nothing is promised any more once the operator has freed the seat or the license has an earlier end.
#[test]
fn an_end_that_was_taken_back_is_not_kept() {
    let gap = AirGap::of_days(365);
    let (client, _) = gap.activated("first");
    let promised = client.license().unwrap().offline_until.unwrap();
    let ends = || client.license().unwrap().offline_until.unwrap().0;
    gap.network.plug();
    gap.clock.pass(DAY);
    let soon = CalendarDate::of(UnixMillis(now().0)).plus_days(30).to_string();
    told(&gap.stack, &["extend", &gap.key, "--until", &soon]);
    let stored = || gap.stack.stored(&gap.stack.license_id(&gap.key));
    let end = stored().expires_at.unwrap().seconds();
    assert!(end < promised.0 && stored().offline.values().all(|lease| lease.until.seconds() == promised.0));
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!(ends(), end, "never past the end of the license");

    told(&gap.stack, &["extend", &gap.key, "--perpetual"]);
    assert_eq!(client.refresh(), Ok(State::Active));
    assert_eq!(ends(), promised.0);
    told(&gap.stack, &["suspend", &gap.key]);
    assert!(matches!(client.refresh(), Ok(State::Locked { .. })));
    told(&gap.stack, &["reinstate", &gap.key]);
    assert_eq!(client.refresh(), Ok(State::Active));

    let device = client.license().unwrap().device_id.unwrap();
    let word = ["reset-hardware", &gap.key, "--device", &device, "--despite-offline-lease"];
    assert_eq!(told(&gap.stack, &word)["outcome"], json!("changed"));
    assert!(matches!(client.refresh(), Ok(State::Locked { .. })));
    assert!(client.activate(&gap.key, "", "").is_ok());
    assert!(ends() < end, "an ordinary lease");
    let receipt = client.deactivate_by_receipt().unwrap_err();
    assert_eq!(receipt.kind, FailureKind::NotAirGapped);
}

//! A long lease and the other features: a leaked master and a root, limits, the end of the maintenance.

use std::fs;

use falconer_client::{Licensing, LockCode, PublicKeys, State};
use serde_json::json;

use super::room::AirGap;
use super::{DAY, ENDED};
use crate::distrust::{distrust, promote};
use crate::operator::told;

const PASSPHRASE: &str = "six words that nobody would guess";

impl AirGap {
    fn file(&self, name: &str) -> String {
        self.store(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// A command of the vendor's root, whose file and passphrase are in the folder.
    fn root(&self, arguments: &[&str]) {
        fs::write(self.store("passphrase"), PASSPHRASE).expect("a file");
        let (key, passphrase) = (self.file("root.key"), self.file("passphrase"));
        let files = match arguments[0] {
            "init" => ["--out", &key, "--passphrase-file", &passphrase],
            _ => ["--key", &key, "--passphrase-file", &passphrase],
        };
        told(&self.stack, &[&["root"], arguments, &files].concat());
    }

    /// The keys that a release of today is built with.
    fn pinned(&self) -> PublicKeys {
        let out = self.file("falconer-keys.json");
        self.root(&["pin", "--out", &out]);
        PublicKeys::parse(&fs::read_to_string(out).expect("the keys")).expect("public keys")
    }

    /// A start of the first machine's program, built with these keys.
    fn built_with(&self, keys: &PublicKeys) -> Licensing {
        self.builder_with("first", "first", keys.clone()).open().expect("an open license")
    }
}

/// The store is of a build without a root, so it has never seen a statement. The release that brings one does not pin the
/// leaked key any more, and does not lock the machine on the spot.
#[test]
fn a_release_with_a_root_lets_old_leases_run_out() {
    let gap = AirGap::of_days(365);
    drop(gap.activated("first"));
    promote(&gap.stack);
    distrust(&gap.stack, 1);
    gap.root(&["init"]);
    gap.root(&["sign"]);
    let client = gap.built_with(&gap.pinned());
    assert_eq!((client.status(), client.is_unlocked()), (State::RefreshDue, true), "due at once");
    gap.clock.pass(29 * DAY);
    assert!(client.is_unlocked());
    drop(client);
    let client = gap.built_with(&gap.pinned());
    gap.clock.pass(DAY + 1);
    assert_eq!((client.status(), client.is_unlocked()), (ENDED, false), "30 days after the release came");
    // A renewal by file brings a lease of the new generation.
    let answer = gap.answer(&client.renewal_request().unwrap(), &[]);
    assert_eq!(client.import_response(&answer), Ok(State::Active));
    gap.clock.pass(200 * DAY);
    assert_eq!(client.status(), State::Active);
    assert_eq!(gap.network.looks(), 0);
}

/// The build has the root. The statement comes with the answer to another request, as files alone carry it.
#[test]
fn a_statement_reaches_a_machine_by_file() {
    let gap = AirGap::of_days(365);
    gap.root(&["init"]);
    gap.root(&["sign"]);
    let build = gap.pinned();
    let client = gap.built_with(&build);
    let request = client.activation_request(&gap.key, "", "").unwrap();
    assert_eq!(client.import_response(&gap.answer(&request, &[])), Ok(State::Active));
    promote(&gap.stack);
    distrust(&gap.stack, 1);
    gap.root(&["sign"]);
    gap.clock.pass(100 * DAY);
    assert_eq!(client.status(), State::Active, "nobody has told it yet");
    let renewal = client.renewal_request().unwrap();
    let answer = gap.answer(&renewal, &[]);
    // The statement of the answer counts, although the answer itself is to a request that was replaced.
    client.renewal_request().unwrap();
    assert!(client.import_response(&answer).is_err());
    assert_eq!(client.status(), State::RefreshDue);
    gap.clock.pass(30 * DAY + 1);
    assert_eq!((client.status(), client.is_unlocked()), (ENDED, false));
    let answer = gap.answer(&client.renewal_request().unwrap(), &[]);
    assert_eq!(client.import_response(&answer), Ok(State::Active));
}

/// A generation that was retired in good order takes no long lease along, although the release pins it no more.
#[test]
fn a_retired_key_ends_no_long_lease() {
    let gap = AirGap::of_days(365);
    drop(gap.activated("first"));
    let end = {
        let client = gap.machine("first");
        client.license().unwrap().offline_until.unwrap()
    };
    promote(&gap.stack);
    promote(&gap.stack);
    told(&gap.stack, &["rotate-key", "--generation", "1", "--mapping", &gap.file("keys.csv")]);
    told(&gap.stack, &["keyring", "retire", "1"]);
    gap.root(&["init"]);
    gap.root(&["sign"]);
    let keys: serde_json::Value = {
        gap.pinned();
        serde_json::from_str(&fs::read_to_string(gap.store("falconer-keys.json")).unwrap()).unwrap()
    };
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["kid"] != "1"));
    assert_eq!(keys["former"][0]["kid"], json!("1"));
    let client = gap.built_with(&gap.pinned());
    gap.clock.pass(200 * DAY);
    assert_eq!((client.status(), client.license().unwrap().offline_until), (State::Active, Some(end)));
}

/// The numbers and the maintenance of a long lease are those of the day of the answer, for older and younger builds.
#[test]
fn a_long_lease_has_limits_and_maintenance() {
    let gap = AirGap::of_days(365);
    told(&gap.stack, &["set-limit", &gap.key, "agents=7"]);
    told(&gap.stack, &["set-updates-until", &gap.key, "2024-06-30"]);
    drop(gap.activated("first"));
    let built = |date: &str| gap.builder("first", "first").build_date(date).open().expect("an open license");
    let older = built("2024-06-30");
    assert_eq!((older.status(), older.limit("agents", 0)), (State::Active, 7));
    drop(older);
    let younger = built("2024-07-01");
    assert_eq!(younger.snapshot().lock_code.map(LockCode::name), Some("UPDATES_ENDED"));
    assert_eq!(younger.limit("agents", 0), 0);

    told(&gap.stack, &["set-limit", &gap.key, "agents=9"]);
    told(&gap.stack, &["set-updates-until", &gap.key, "2030-06-30"]);
    gap.clock.pass(10 * DAY);
    assert!(!younger.is_unlocked(), "the lease is as it was signed");
    let answer = gap.answer(&younger.renewal_request().unwrap(), &[]);
    assert_eq!(younger.import_response(&answer), Ok(State::Active));
    assert_eq!(younger.limit("agents", 0), 9);
    drop(younger);
    let later = built("2030-07-01");
    assert!(!later.is_unlocked());
    drop(later);
    assert_eq!(built("2024-06-30").status(), State::Active, "and the older build runs on");
    assert_eq!(gap.network.looks(), 0);
}

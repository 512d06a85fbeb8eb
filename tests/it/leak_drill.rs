//! A leaked master and a root that never goes online: the real client against the real functions, from the leak to the
//! recovery, and each attack before and after the statement that ends it.

mod stage;

use std::fs;
use std::time::{Duration, Instant};

use falconer_client::{Activation, FailureKind, InvalidAnswer, LockCode, State};
use falconer_domain::KeyRing;
use falconer_domain::jwks::Jwks;
use falconer_domain::statement::KeyStatement;
use falconer_tests::{Fixture, MASTER_A};
use serde_json::json;

use crate::distrust::{DAY, leaked, start_anew};
use stage::Drill;

/// The master of a generation that no ring has. Whoever has a leaked one may endorse it.
const ROGUE_MASTER: &str = "rogue-rogue-rogue-rogue-rogue-rogue";
const UNTRUSTED: FailureKind = FailureKind::Answer(InvalidAnswer::UntrustedSignature);

/// The drill of docs/root-key.md: what each kind of client does, and within what time.
#[test]
fn a_leak_is_survived_by_every_client() {
    let drill = Drill::start();
    for machine in ["online", "offline", "restored"] {
        drill.activated(machine);
    }
    fs::copy(drill.store("restored"), drill.store("backup")).unwrap();
    assert!(drill.believes(&drill.build, "thief", leaked()), "before: the forged lease of ten years counts");
    drill.recover();
    assert_eq!(drill.root(&["show", "--key", "root.key"])["covers"], true);

    // Online: at the next check, a day later at most, a lease of the new generation.
    drill.clock.pass(DAY);
    let online = drill.open(&drill.build, "online");
    assert_eq!((online.refresh(), online.status()), (Ok(State::Active), State::Active));
    // The thief's own installation asks as well. Its lease has an end now, and nothing renews it.
    drill.network.held().forger = Some(leaked());
    let thief = drill.open(&drill.build, "thief");
    assert_eq!(thief.refresh(), Err(UNTRUSTED.into()));
    assert!(matches!(thief.status(), State::Grace { .. }), "{:?}", thief.status());
    drill.clock.pass(30 * DAY);
    assert_eq!(thief.status(), State::Locked { code: LockCode::LeaseExpired });
    assert_eq!((thief.refresh(), thief.has_feature("everything")), (Err(UNTRUSTED.into()), false));
    drill.network.held().forger = None;

    // Offline for a month: locked by its own end as ever, and well at its first check, without a release.
    let offline = drill.open(&drill.build, "offline");
    assert_eq!(offline.status(), State::Locked { code: LockCode::LeaseExpired });
    assert_eq!(offline.refresh(), Ok(State::Active));
    // Restored from a back-up of before the statement: hears it again with its first check.
    let restored = drill.open(&drill.build, "restored");
    assert_eq!(restored.refresh(), Ok(State::Active));
    drop(restored);
    fs::copy(drill.store("backup"), drill.store("restored")).unwrap();
    assert_eq!(drill.open(&drill.build, "restored").refresh(), Ok(State::Active));
    // Freshly installed, from the old build and from one of today.
    for (build, machine) in [(&drill.build, "fresh-old"), (&drill.pin(), "fresh-new")] {
        let key = drill.stack.put(Fixture::pro());
        let fresh = drill.open(build, machine);
        assert_eq!(fresh.activate(&key, "", ""), Ok(Activation::Done(State::Active)), "{machine}");
    }
    for machine in ["online", "offline", "restored", "fresh-old", "fresh-new"] {
        assert_eq!(drill.open(&drill.build, machine).refresh(), Ok(State::Active), "{machine}");
    }
}

/// A forged lease may put the next check off for ten years. The refresher looks for the statement all the same.
#[test]
fn refresher_hears_within_a_day() {
    let drill = Drill::start();
    assert!(drill.believes(&drill.build, "thief", leaked()));
    drill.recover();
    drill.network.held().forger = Some(leaked());
    let thief = drill.open(&drill.build, "thief");
    drill.clock.pass(DAY + DAY / 8);
    assert_eq!(thief.status(), State::Active);
    let refresher = thief.start_refresher();
    let begun = Instant::now();
    while thief.status() == State::Active && begun.elapsed().as_secs() < 20 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(refresher.stop(Duration::from_secs(5)));
    assert!(!matches!(thief.status(), State::Active), "{:?}", thief.status());
    drill.clock.pass(30 * DAY);
    assert!(!thief.has_feature("everything"));
}

#[test]
fn leaked_key_signs_for_another_machine() {
    let drill = Drill::start();
    assert!(drill.believes(&drill.build, "before", leaked()));
    drill.recover();
    assert!(!drill.believes(&drill.build, "after", leaked()), "an old build that reaches /api/keys");
    assert!(!drill.believes(&drill.pin(), "new", leaked()));
    drill.network.held().keys = Some("<html>".to_owned());
    assert!(!drill.believes(&drill.pin(), "new-behind-a-portal", leaked()), "a new build needs nobody");
}

#[test]
fn rogue_kid_is_endorsed_by_the_leaked_key() {
    let drill = Drill::start();
    let rogue = || {
        let ring = json!({ "current": "9", "1": MASTER_A, "9": ROGUE_MASTER });
        KeyRing::parse(&ring.to_string()).unwrap()
    };
    let listed =
        |statement: Option<String>| serde_json::to_string(&Jwks { statement, ..Jwks::of(&rogue()) }).unwrap();
    drill.network.held().keys = Some(listed(None));
    assert!(drill.believes(&drill.build, "before", rogue()));
    drill.network.held().keys = None;
    drill.recover();
    let new = drill.pin();
    for statement in [None, Some(drill.first_statement()), Some(drill.statement())] {
        drill.network.held().keys = Some(listed(statement));
        assert!(!drill.believes(&new, "after", rogue()));
    }
    assert!(
        !drill.believes(&drill.build, "old-build", rogue()),
        "the newest statement is beside the rogue key"
    );
    // What was endorsed before renews nothing, and a stored lease by it ends.
    drill.believes(&drill.build, "before", rogue());
    drill.clock.pass(31 * DAY);
    assert!(!drill.believes(&drill.build, "before", rogue()));
}

#[test]
fn old_statement_is_replayed() {
    let drill = Drill::start();
    drill.activated("client");
    drill.recover();
    assert_eq!(drill.open(&drill.build, "client").refresh(), Ok(State::Active));
    drill.network.held().keys = Some(drill.keys_with(Some(&drill.first_statement())));
    drill.clock.pass(DAY);
    assert!(!drill.believes(&drill.build, "client", leaked()), "the store knows the newer one");
    assert!(!drill.believes(&drill.pin(), "fresh", leaked()), "the build knows the newer one");
}

#[test]
fn statement_is_of_another_root_or_issuer() {
    let drill = Drill::start();
    drill.activated("client");
    drill.recover();
    assert_eq!(drill.open(&drill.build, "client").refresh(), Ok(State::Active));
    let mut damaged = drill.statement();
    damaged.truncate(damaged.len() - 4);
    for statement in [drill.forged_statement("falconer", 9), "no statement".to_owned(), damaged] {
        drill.network.held().keys = Some(drill.keys_with(Some(&statement)));
        drill.clock.pass(DAY);
        assert!(!drill.believes(&drill.build, "client", leaked()), "{statement}");
    }
    // The same root signs for a second stack, under another issuer.
    drill.network.held().keys = None;
    drill.sign(&["--issuer", "staging"]);
    drill.network.held().keys = Some(drill.keys_with(Some(&drill.statement())));
    let client = drill.open(&drill.build, "client");
    drill.clock.pass(DAY);
    let looks = drill.network.held().looks;
    assert_eq!(client.refresh(), Ok(State::Active));
    assert!(drill.network.held().looks > looks);
    let stored = fs::read_to_string(drill.store("client")).unwrap();
    assert!(!stored.contains(&drill.statement()), "looked at, and not taken");
}

/// Whoever withholds the statement wins time and nothing else: nobody is locked, and the next request looks again.
#[test]
fn statement_is_withheld() {
    let drill = Drill::start();
    drill.activated("client");
    drill.recover();
    drill.network.held().keys = Some(drill.keys_with(None));
    let client = drill.open(&drill.build, "client");
    drill.clock.pass(DAY);
    assert!(client.refresh().is_err(), "3 is neither named nor endorsed by what this client knows");
    assert!(client.is_unlocked(), "{:?}", client.status());
    drill.network.held().keys = None;
    assert_eq!(client.refresh(), Ok(State::Active));
    // After it was seen, a list without it changes nothing.
    drill.network.held().keys = Some(drill.keys_with(None));
    drill.clock.pass(DAY);
    drop(client);
    assert!(!drill.believes(&drill.build, "client", leaked()));
}

#[test]
fn store_is_restored_from_a_backup() {
    let drill = Drill::start();
    assert!(drill.believes(&drill.build, "thief", leaked()));
    fs::copy(drill.store("thief"), drill.store("backup")).unwrap();
    drill.recover();
    let restore = || {
        fs::copy(drill.store("backup"), drill.store("thief")).unwrap();
    };
    // At its next check it hears the statement again, and a build of today needs no network.
    drill.network.held().forger = Some(leaked());
    for build in [&drill.build, &drill.pin()] {
        restore();
        let thief = drill.open(build, "thief");
        drill.clock.pass(DAY);
        assert_eq!(thief.refresh(), Err(UNTRUSTED.into()));
        assert!(matches!(thief.status(), State::Grace { .. }), "{:?}", thief.status());
    }
    // Without a network from now on: the lease ends all the same.
    drill.network.held().is_offline = true;
    let thief = drill.open(&drill.build, "thief");
    drill.clock.pass(31 * DAY);
    assert_eq!(thief.status(), State::Locked { code: LockCode::LeaseExpired });
}

/// The copy of the ring is of before the leak. Who has seen the statement stays safe, and the operator is reminded.
#[test]
fn ring_is_restored_from_its_copy() {
    let drill = Drill::start();
    drill.activated("client");
    let secret = drill.stack.settings.master_key_secret_id.clone();
    let copy = drill.stack.secrets.current(&secret).unwrap();
    drill.recover();
    let (build, newest) = (drill.pin(), drill.statement());
    assert_eq!(drill.open(&drill.build, "client").refresh(), Ok(State::Active));

    drill.stack.secrets.put(&secret, &copy);
    start_anew(&drill.stack);
    assert_eq!(drill.statement(), drill.first_statement(), "the server says what it said then");
    drill.clock.pass(DAY);
    for (build, machine) in [(&drill.build, "client"), (&build, "fresh")] {
        assert!(!drill.believes(build, machine, leaked()), "{machine}");
    }
    // The runbook: promote, distrust and sign again. The serial is above that of the lost statement.
    drill.recover();
    let serial = |jws: &str| KeyStatement::unverified(jws).unwrap().serial;
    assert!(serial(&drill.statement()) > serial(&newest));
    drill.clock.pass(DAY);
    assert_eq!(drill.open(&drill.build, "client").refresh(), Ok(State::Active));
}

/// The moment at which the statement arrived is under the seal, and a stored lease by the leaked key ends by it.
#[test]
fn edited_arrival_is_noticed() {
    let drill = Drill::start();
    assert!(drill.believes(&drill.build, "thief", leaked()));
    drill.recover();
    drill.network.held().forger = Some(leaked());
    drill.clock.pass(DAY);
    assert_eq!(drill.open(&drill.build, "thief").refresh(), Err(UNTRUSTED.into()));
    let text = fs::read_to_string(drill.store("thief")).unwrap();
    let (before, after) = text.split_once(r#"\"former\":{\"1\":"#).expect("the moment");
    let (moment, rest) = after.split_once('}').unwrap();
    let later = moment.parse::<i64>().unwrap() + 365 * DAY;
    fs::write(drill.store("thief"), format!(r#"{before}\"former\":{{\"1\":{later}}}{rest}"#)).unwrap();
    let thief = drill.open(&drill.build, "thief");
    assert_eq!((thief.status(), thief.is_unlocked()), (State::ClockSuspect, false));
}

//! Stores that were edited or copied.

use std::collections::BTreeMap;
use std::fs;

use ed25519_dalek::Signer as _;
use falconer_client::{Label, State};
use falconer_domain::Code;
use falconer_domain::encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::harness::{DAY, LEASE_SECONDS, Machine, NetworkFault, key, ring, unlocked};
use crate::stored::{self, FORMATS, Stored, folder_in_memory};

/// Starts a program on `bytes` at several moments and returns where it unlocks. Each start gets its own copy, because a
/// program remembers the time that passed.
fn verdicts(stored: &Stored, bytes: &[u8], moments: &[i64]) -> Vec<bool> {
    let folder = folder_in_memory();
    let starts = moments.iter().enumerate().map(|(number, seconds)| {
        let path = folder.path().join(format!("license-{number}.db"));
        fs::write(&path, bytes).unwrap();
        stored.setup.clock.turn(*seconds);
        let verdict = unlocked(&stored.setup.on(&path));
        stored.setup.clock.turn(-seconds);
        verdict
    });
    starts.collect()
}

/// Changes every byte of a store, one at a time, and asserts that no change unlocks anything.
fn no_change_unlocks(stored: &Stored, moments: &[i64]) {
    let original = fs::read(stored.path()).unwrap();
    assert!(original.len() >= 1_000, "a store of {} bytes", original.len());
    let before = verdicts(stored, &original, moments);
    for place in 0..original.len() {
        // The lowest bit makes another digit or letter of most; flipping all bits leaves no valid text.
        for flip in [0x01, 0xFF] {
            let mut changed = original.clone();
            changed[place] ^= flip;
            let after = verdicts(stored, &changed, moments);
            for (before, after) in before.iter().zip(&after) {
                assert!(before >= after, "byte {place} ^ {flip:#x} unlocks");
            }
        }
    }
}

#[test]
fn no_byte_extends_a_lease() {
    for format in FORMATS {
        let stored = Stored::new(format);
        // Turned back by a day; now; one second before the end; at the end; a year later.
        let moments = [-DAY, 0, LEASE_SECONDS - 1, LEASE_SECONDS, 365 * DAY];
        let original = fs::read(stored.path()).unwrap();
        assert_eq!(verdicts(&stored, &original, &moments), [true, true, true, false, false]);
        no_change_unlocks(&stored, &moments);
    }
}

#[test]
fn no_byte_unlocks_a_locked_store() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let client = stored.open();
        stored.setup.server.state().license = Code::Revoked;
        assert!(matches!(client.refresh(), Ok(State::Locked { .. })));
        drop(client);
        no_change_unlocks(&stored, &[0, -DAY]);
    }
}

#[test]
fn no_byte_unlocks_an_overdue_store() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let client = stored.open();
        stored.setup.set_fault(NetworkFault::Down);
        stored.setup.clock.pass(LEASE_SECONDS + DAY);
        assert!(!unlocked(&client));
        drop(client);
        stored.setup.clock.turn(-LEASE_SECONDS);
        assert_eq!(stored.open().status(), State::ClockSuspect);
        no_change_unlocks(&stored, &[0]);
    }
}

#[test]
fn edited_checkpoint_is_suspect_until_check() {
    for format in FORMATS {
        let stored = Stored::new(format);
        stored::edit_checkpoint(&stored.path(), format);
        let client = stored.open();
        assert_eq!((client.status(), unlocked(&client)), (State::ClockSuspect, false));
        drop(client);
        let client = stored.open();
        assert_eq!(client.status(), State::ClockSuspect, "opening and closing makes no mark good");
        assert_eq!(client.refresh(), Ok(State::Active));
        drop(client);
        assert_eq!(stored.open().status(), State::Active);
    }
}

#[test]
fn restored_lease_fails_newer_seal() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let older = stored.fields()["lease"].clone();
        stored.setup.clock.pass(DAY);
        stored.setup.server.state().license = Code::Revoked;
        let _ = stored.open().refresh();
        stored.set(&[("lease", &older)]);
        assert!(!unlocked(&stored.open()));
    }
}

/// The seal, as any reader of the source can forge it. The signature is the protection.
fn seal(claims: &Value, floor: i64, skew: i64, lease: &str) -> String {
    let keyed = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).unwrap();
    let mut secret = keyed(key(1).as_bytes());
    for (label, hash) in claims["hw"].as_object().unwrap() {
        secret.update(format!("{label}\0{}", hash.as_str().unwrap()).as_bytes());
    }
    let mut mac = keyed(&secret.finalize().into_bytes());
    mac.update(b"falconer/time-marks/v1\0");
    mac.update(&floor.to_be_bytes());
    mac.update(&skew.to_be_bytes());
    mac.update(&Sha256::digest(lease.as_bytes()));
    HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn checkpoint(fields: &BTreeMap<String, String>) -> (i64, i64) {
    let number = |name: &str| fields[name].parse().unwrap();
    (number("floor_millis"), number("skew_millis"))
}

#[test]
fn valid_seal_saves_no_forged_lease() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let fields = stored.fields();
        let (lease, kept) = (&fields["lease"], &fields["seal"]);
        let (floor, skew) = checkpoint(&fields);
        let parts: Vec<_> = lease.split('.').collect();
        let mut claims: Value =
            serde_json::from_slice(&BASE64URL_NOPAD.decode(parts[1].as_bytes()).unwrap()).unwrap();
        assert_eq!(seal(&claims, floor, skew, lease), *kept, "this test knows how the seal is made");
        claims["exp"] = (claims["exp"].as_i64().unwrap() + 365 * DAY).into();
        let forged = [parts[0], &BASE64URL_NOPAD.encode(claims.to_string().as_bytes()), parts[2]].join(".");
        let good = seal(&claims, floor, skew, &forged);
        stored.set(&[("lease", &forged), ("seal", &good)]);
        assert!(!unlocked(&stored.open()));
    }
}

/// Version 0.1.0 signed the moment as `iat` and had no type for refusals. Its answers are not read, and one check
/// replaces them.
#[test]
fn first_format_answer_is_replaced() {
    for format in FORMATS {
        let stored = Stored::new(format);
        for (code, valid) in [("VALID", true), ("REVOKED", false)] {
            let fields = stored.fields();
            let payload = fields["lease"].split('.').nth(1).unwrap();
            let mut claims: Value =
                serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
            claims["iat"] = claims.as_object_mut().unwrap().remove("at").unwrap();
            (claims["code"], claims["valid"]) = (code.into(), valid.into());
            let header = BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#);
            let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.to_string().as_bytes()));
            let signature = ring(1).current().signing_key().sign(signed.as_bytes()).to_bytes();
            let older = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
            let (floor, skew) = checkpoint(&fields);
            let seal = seal(&claims, floor, skew, &older);
            stored.set(&[("lease", &older), ("seal", &seal)]);
            let client = stored.open();
            assert_eq!((client.status(), unlocked(&client)), (State::NotActivated, false), "{code}");
            assert_eq!(client.refresh(), Ok(State::Active), "{code}");
            drop(client);
            assert_eq!(stored.open().status(), State::Active, "{code}");
        }
    }
}

#[test]
fn copy_on_another_machine_is_locked() {
    for format in FORMATS {
        let stored = Stored::new(format);
        let (home, office) = (Machine::named("home"), Machine::named("office"));
        let repaired = home.clone().with_part_of(Label::Mac, &office);
        let rebuilt = repaired.clone().with_part_of(Label::Board, &office);
        for (machine, expected) in [
            (&home, State::Active),
            (&repaired, State::Active),
            (&rebuilt, State::NotActivated),
            (&office, State::NotActivated),
            (&home, State::Active),
        ] {
            let copy = stored.folder.path().join("copy.db");
            fs::copy(stored.path(), &copy).unwrap();
            let client = stored.setup.of(&copy, machine);
            assert_eq!(
                (client.status(), unlocked(&client)),
                (expected, expected == State::Active),
                "{machine:?}"
            );
        }
        // The server agrees, with a signature.
        let copied = stored.setup.of(&stored.path(), &rebuilt);
        assert!(matches!(copied.refresh(), Ok(State::Locked { .. })));
    }
}

//! F12 and F14: what the network and the clock can do, and what they cannot.

use falconer_client::{LockCode, RefreshError, State, Trouble, UnixSeconds};
use falconer_domain::Code;

use crate::harness::{DAY, LEASE_SECONDS, Lab, START, Weather, unlocked};

const YEAR: i64 = 365 * DAY;

#[test]
fn the_network_changes_neither_state_nor_remaining_grace() {
    for (weather, trouble) in [
        (Weather::Down, Trouble::Unreachable),
        (Weather::Status(408), Trouble::Busy { retry_after_seconds: None }),
        (Weather::Status(429), Trouble::Busy { retry_after_seconds: None }),
        (Weather::Status(500), Trouble::Busy { retry_after_seconds: None }),
        (Weather::Status(503), Trouble::Busy { retry_after_seconds: None }),
        (Weather::Status(301), Trouble::NotTheServer),
        (Weather::Status(404), Trouble::NotTheServer),
        (Weather::Portal, Trouble::NotTheServer),
        (Weather::Truncated, Trouble::NotTheServer),
        (Weather::BadSignature, Trouble::NotTrusted),
        (Weather::Forged, Trouble::NotTrusted),
        (Weather::OtherNonce, Trouble::NotOurs),
    ] {
        let lab = Lab::activated();
        let held = lab.client.license();
        lab.clock.pass(2 * DAY);
        lab.weather(weather);
        assert_eq!(lab.client.refresh(), Err(RefreshError::NoAnswer(trouble)), "{weather:?}");
        let until = UnixSeconds(START.0 / 1_000 + LEASE_SECONDS);
        assert_eq!(lab.client.status(), State::Grace { until }, "{weather:?}");
        assert_eq!(lab.client.license(), held, "{weather:?}");
    }
}

#[test]
fn an_old_yes_and_an_old_no_say_nothing() {
    let lab = Lab::activated();
    assert_eq!(lab.client.refresh(), Ok(State::Active));
    lab.server.state().license = Code::Revoked;
    lab.weather(Weather::Replay);
    lab.clock.pass(2 * DAY);
    assert_eq!(
        lab.client.refresh(),
        Err(RefreshError::NoAnswer(Trouble::NotOurs)),
        "the yes of two days ago"
    );
    lab.weather(Weather::Fair);
    assert_eq!(lab.client.refresh(), Ok(State::Locked { code: LockCode::Revoked }));
    lab.weather(Weather::Replay);
    assert_eq!(lab.client.refresh(), Err(RefreshError::NoAnswer(Trouble::NotOurs)));
    assert_eq!(lab.client.status(), State::Locked { code: LockCode::Revoked });
}

#[test]
fn clocks_within_tolerance_deny_nothing() {
    for skew in [-300, 300, -3_599, 3_600] {
        let lab = Lab::activated();
        lab.clock.turn(skew);
        lab.clock.pass(5);
        assert_eq!(lab.client.status(), State::Active, "{skew}");
    }
}

#[test]
fn a_clock_that_was_wrong_from_the_start_harms_nobody() {
    for skew in [-57 * YEAR, -2 * YEAR, -300, 300, 2 * YEAR, 74 * YEAR] {
        let lab = Lab::new();
        lab.clock.turn(skew);
        lab.client.activate(&crate::harness::key(1), "", "").unwrap();
        assert_eq!(lab.client.status(), State::Active, "{skew}");
        lab.weather(Weather::Down);
        lab.clock.pass(LEASE_SECONDS - 1);
        assert!(unlocked(&lab.client), "{skew}");
        lab.clock.pass(1);
        assert!(!unlocked(&lab.client), "{skew}");
    }
}

#[test]
fn a_clock_turned_back_is_suspect_until_one_check() {
    let lab = Lab::activated();
    lab.clock.pass(DAY / 2);
    assert_eq!(lab.client.status(), State::Active);
    lab.clock.turn(-3_601 - DAY / 4);
    assert_eq!(lab.client.status(), State::ClockSuspect);
    assert!(unlocked(&lab.client), "features stay as at the floor");
    lab.weather(Weather::Down);
    assert!(lab.client.refresh().is_err());
    assert_eq!(lab.client.status(), State::ClockSuspect);
    // The floor goes on with the clock that nobody turns.
    lab.clock.pass(LEASE_SECONDS - DAY / 2 - 10);
    assert!(unlocked(&lab.client));
    lab.clock.pass(10);
    assert_eq!((lab.client.status(), unlocked(&lab.client)), (State::ClockSuspect, false));
    lab.weather(Weather::Fair);
    assert_eq!(lab.client.refresh(), Ok(State::Active));
}

#[test]
fn a_leap_to_2100_ends_with_one_check_too() {
    let lab = Lab::activated();
    lab.clock.turn(74 * YEAR);
    assert_eq!(lab.client.status(), State::Locked { code: LockCode::LeaseExpired });
    lab.clock.turn_right();
    assert_eq!(
        (lab.client.status(), unlocked(&lab.client)),
        (State::ClockSuspect, false),
        "who knows which was right"
    );
    assert_eq!(lab.client.refresh(), Ok(State::Active), "downwards too");
    lab.clock.turn(74 * YEAR);
    assert_eq!(lab.client.refresh(), Ok(State::Active), "and while the clock is still wrong");
}

#[test]
fn a_restart_forgets_neither_the_floor_nor_a_failed_check() {
    let lab = Lab::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    let client = lab.on(&path);
    client.activate(&crate::harness::key(1), "", "").unwrap();
    lab.clock.pass(3 * DAY);
    lab.weather(Weather::Down);
    assert!(client.refresh().is_err());
    let grace = client.status();
    assert!(matches!(grace, State::Grace { .. }));
    drop(client);
    assert_eq!(lab.on(&path).status(), grace);
    lab.clock.turn(-2 * DAY);
    assert_eq!(lab.on(&path).status(), State::ClockSuspect);
    // Turned back again and again, it is never earlier than it was.
    for _ in 0..5 {
        lab.clock.pass(DAY);
        let client = lab.on(&path);
        let _ = client.status();
        lab.clock.pass(DAY);
        let _ = client.status();
        drop(client);
        lab.clock.turn(-2 * DAY);
    }
    assert!(!unlocked(&lab.on(&path)), "five days of running time were counted");
}

/// When a wrong clock is set right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetRight {
    WhileItRuns,
    BeforeItEnds,
    WhileItIsOff,
}

/// A clock that is wrong when the server answers, and set right afterwards, by its user or by the network.
#[test]
fn a_clock_that_was_wrong_answered_and_corrected_harms_nobody_and_gives_at_most_what_passed_unseen() {
    const WRONG: [i64; 4] = [-YEAR, -10 * DAY, 10 * DAY, YEAR];
    const WHEN: [SetRight; 3] = [SetRight::WhileItRuns, SetRight::BeforeItEnds, SetRight::WhileItIsOff];
    for (wrong, when) in WRONG.into_iter().flat_map(|wrong| WHEN.map(|when| (wrong, when))) {
        let place = format!("{wrong} {when:?}");
        let (lab, folder) = (Lab::new(), tempfile::tempdir().unwrap());
        let path = folder.path().join("license.db");
        lab.clock.turn(wrong);
        let mut client = lab.on(&path);
        client.activate(&crate::harness::key(1), "", "").unwrap();
        lab.weather(Weather::Down);
        let set_right = |at| {
            if when == at {
                lab.clock.turn_right();
            }
        };
        set_right(SetRight::WhileItRuns);
        if when != SetRight::WhileItRuns {
            set_right(SetRight::BeforeItEnds);
            drop(client);
            set_right(SetRight::WhileItIsOff);
            // Off, so that no running time is counted: the clock is what tells.
            lab.clock.pass_unseen(DAY / 2);
            client = lab.on(&path);
        }
        assert_eq!(client.status(), State::Active, "{place}");
        // A fast clock that was turned back while nobody looked may be right now, or still ahead.
        let given = if when == SetRight::WhileItIsOff && wrong > 0 { DAY / 2 } else { 0 };
        let left = START.0 / 1_000 + LEASE_SECONDS + given - lab.real_seconds().0;
        if when == SetRight::WhileItRuns {
            lab.clock.pass(left - 1);
        } else {
            drop(client);
            lab.clock.pass_unseen(left - 1);
            client = lab.on(&path);
        }
        assert!(unlocked(&client), "{place}: {:?}", client.status());
        lab.clock.pass(1);
        assert_eq!(client.status(), State::Locked { code: LockCode::LeaseExpired }, "{place}");
    }
}

/// Set back by a part of what it stood ahead: nobody is locked out for it, wherever the program was meanwhile.
#[test]
fn a_clock_that_stood_ahead_and_is_set_right_only_in_part_locks_nobody_out() {
    for (ahead, back) in [(30 * DAY, 5 * DAY), (30 * DAY, 29 * DAY), (YEAR, 3_601)] {
        for restarts in [false, true] {
            let (lab, folder) = (Lab::new(), tempfile::tempdir().unwrap());
            let path = folder.path().join("license.db");
            lab.clock.turn(ahead);
            let mut client = lab.on(&path);
            client.activate(&crate::harness::key(1), "", "").unwrap();
            lab.weather(Weather::Down);
            lab.clock.turn(-back);
            if restarts {
                drop(client);
                client = lab.on(&path);
            }
            lab.clock.pass(LEASE_SECONDS - 1);
            assert!(unlocked(&client), "{ahead} {back} {restarts}: {:?}", client.status());
            lab.clock.pass(1);
            assert_eq!(client.status(), State::Locked { code: LockCode::LeaseExpired });
        }
    }
}

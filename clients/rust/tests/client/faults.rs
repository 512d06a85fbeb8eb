//! Faults F12 and F14 of `docs/reliability.md`: the effect of the network and of the clock.

use falconer_client::{FailureKind, InvalidAnswer, LockCode, NetworkFailure, State, UnixSeconds};
use falconer_domain::Code;

use crate::harness::{DAY, LEASE_SECONDS, NetworkFault, START, TestSetup, unlocked};

const YEAR: i64 = 365 * DAY;

#[test]
fn network_faults_change_no_state() {
    for (fault, failure) in [
        (NetworkFault::Down, FailureKind::Offline(NetworkFailure::Other)),
        (NetworkFault::Status(408), FailureKind::Busy),
        (NetworkFault::Status(429), FailureKind::Busy),
        (NetworkFault::Status(500), FailureKind::Busy),
        (NetworkFault::Status(503), FailureKind::Busy),
        (NetworkFault::Status(301), FailureKind::Answer(InvalidAnswer::NotTheServer)),
        (NetworkFault::Status(404), FailureKind::Answer(InvalidAnswer::NotTheServer)),
        (NetworkFault::Portal, FailureKind::Answer(InvalidAnswer::NotTheServer)),
        (NetworkFault::Truncated, FailureKind::Answer(InvalidAnswer::NotTheServer)),
        (NetworkFault::BadSignature, FailureKind::Answer(InvalidAnswer::UntrustedSignature)),
        (NetworkFault::Forged, FailureKind::Answer(InvalidAnswer::UntrustedSignature)),
        (NetworkFault::OtherNonce, FailureKind::Answer(InvalidAnswer::NotForThisRequest)),
    ] {
        let setup = TestSetup::activated();
        let held = setup.client.license();
        setup.clock.pass(2 * DAY);
        setup.set_fault(fault);
        assert_eq!(setup.client.refresh(), Err(failure.into()), "{fault:?}");
        let until = UnixSeconds(START.0 / 1_000 + LEASE_SECONDS);
        assert_eq!(setup.client.status(), State::Grace { until }, "{fault:?}");
        assert_eq!(setup.client.license(), held, "{fault:?}");
    }
}

#[test]
fn replayed_answers_count_for_nothing() {
    let setup = TestSetup::activated();
    assert_eq!(setup.client.refresh(), Ok(State::Active));
    setup.server.state().license = Code::Revoked;
    setup.set_fault(NetworkFault::Replay);
    setup.clock.pass(2 * DAY);
    assert_eq!(
        setup.client.refresh(),
        Err(FailureKind::Answer(InvalidAnswer::NotForThisRequest).into()),
        "the yes of two days ago"
    );
    setup.set_fault(NetworkFault::None);
    assert_eq!(setup.client.refresh(), Ok(State::Locked { code: LockCode::Revoked }));
    setup.set_fault(NetworkFault::Replay);
    assert_eq!(setup.client.refresh(), Err(FailureKind::Answer(InvalidAnswer::NotForThisRequest).into()));
    assert_eq!(setup.client.status(), State::Locked { code: LockCode::Revoked });
}

#[test]
fn clocks_within_tolerance_stay_active() {
    for skew in [-300, 300, -3_599, 3_600] {
        let setup = TestSetup::activated();
        setup.clock.turn(skew);
        setup.clock.pass(5);
        assert_eq!(setup.client.status(), State::Active, "{skew}");
    }
}

#[test]
fn wrong_clock_harms_nobody() {
    for skew in [-57 * YEAR, -2 * YEAR, -300, 300, 2 * YEAR, 74 * YEAR] {
        let setup = TestSetup::new();
        setup.clock.turn(skew);
        setup.client.activate(&crate::harness::key(1), "", "").unwrap();
        assert_eq!(setup.client.status(), State::Active, "{skew}");
        setup.set_fault(NetworkFault::Down);
        setup.clock.pass(LEASE_SECONDS - 1);
        assert!(unlocked(&setup.client), "{skew}");
        setup.clock.pass(1);
        assert!(!unlocked(&setup.client), "{skew}");
    }
}

#[test]
fn clock_turned_back_is_suspect_until_check() {
    let setup = TestSetup::activated();
    setup.clock.pass(DAY / 2);
    assert_eq!(setup.client.status(), State::Active);
    setup.clock.turn(-3_601 - DAY / 4);
    assert_eq!(setup.client.status(), State::ClockSuspect);
    assert!(unlocked(&setup.client), "features stay as at the floor");
    setup.set_fault(NetworkFault::Down);
    assert!(setup.client.refresh().is_err());
    assert_eq!(setup.client.status(), State::ClockSuspect);
    // The floor follows the monotonic clock.
    setup.clock.pass(LEASE_SECONDS - DAY / 2 - 10);
    assert!(unlocked(&setup.client));
    setup.clock.pass(10);
    assert_eq!((setup.client.status(), unlocked(&setup.client)), (State::ClockSuspect, false));
    setup.set_fault(NetworkFault::None);
    assert_eq!(setup.client.refresh(), Ok(State::Active));
}

#[test]
fn clock_leap_ends_with_one_check() {
    let setup = TestSetup::activated();
    setup.clock.turn(74 * YEAR);
    assert_eq!(setup.client.status(), State::Locked { code: LockCode::LeaseExpired });
    setup.clock.turn_right();
    assert_eq!(
        (setup.client.status(), unlocked(&setup.client)),
        (State::ClockSuspect, false),
        "who knows which was right"
    );
    assert_eq!(setup.client.refresh(), Ok(State::Active), "downwards too");
    setup.clock.turn(74 * YEAR);
    assert_eq!(setup.client.refresh(), Ok(State::Active), "and while the clock is still wrong");
}

#[test]
fn restart_keeps_floor_and_failed_check() {
    let setup = TestSetup::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license.db");
    let client = setup.on(&path);
    client.activate(&crate::harness::key(1), "", "").unwrap();
    setup.clock.pass(3 * DAY);
    setup.set_fault(NetworkFault::Down);
    assert!(client.refresh().is_err());
    let grace = client.status();
    assert!(matches!(grace, State::Grace { .. }));
    drop(client);
    assert_eq!(setup.on(&path).status(), grace);
    setup.clock.turn(-2 * DAY);
    assert_eq!(setup.on(&path).status(), State::ClockSuspect);
    // Turning the clock back again and again never makes it earlier.
    for _ in 0..5 {
        setup.clock.pass(DAY);
        let client = setup.on(&path);
        let _ = client.status();
        setup.clock.pass(DAY);
        let _ = client.status();
        drop(client);
        setup.clock.turn(-2 * DAY);
    }
    assert!(!unlocked(&setup.on(&path)), "five days of running time were counted");
}

/// Moment at which a wrong clock is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetRight {
    WhileItRuns,
    BeforeItEnds,
    WhileItIsOff,
}

/// The clock is wrong when the server answers, and is corrected later by its user or by the network. Nobody is locked
/// out, and the license gains at most the time that passed unseen.
#[test]
fn corrected_clock_gains_only_unseen_time() {
    const WRONG: [i64; 4] = [-YEAR, -10 * DAY, 10 * DAY, YEAR];
    const WHEN: [SetRight; 3] = [SetRight::WhileItRuns, SetRight::BeforeItEnds, SetRight::WhileItIsOff];
    for (wrong, when) in WRONG.into_iter().flat_map(|wrong| WHEN.map(|when| (wrong, when))) {
        let place = format!("{wrong} {when:?}");
        let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
        let path = folder.path().join("license.db");
        setup.clock.turn(wrong);
        let mut client = setup.on(&path);
        client.activate(&crate::harness::key(1), "", "").unwrap();
        setup.set_fault(NetworkFault::Down);
        let set_right = |at| {
            if when == at {
                setup.clock.turn_right();
            }
        };
        set_right(SetRight::WhileItRuns);
        if when != SetRight::WhileItRuns {
            set_right(SetRight::BeforeItEnds);
            drop(client);
            set_right(SetRight::WhileItIsOff);
            // Off, so no running time counts; the clock alone decides.
            setup.clock.pass_unseen(DAY / 2);
            client = setup.on(&path);
        }
        assert_eq!(client.status(), State::Active, "{place}");
        // A fast clock that was turned back unseen may be right now, or still ahead.
        let given = if when == SetRight::WhileItIsOff && wrong > 0 { DAY / 2 } else { 0 };
        let left = START.0 / 1_000 + LEASE_SECONDS + given - setup.real_seconds().0;
        if when == SetRight::WhileItRuns {
            setup.clock.pass(left - 1);
        } else {
            drop(client);
            setup.clock.pass_unseen(left - 1);
            client = setup.on(&path);
        }
        assert!(unlocked(&client), "{place}: {:?}", client.status());
        setup.clock.pass(1);
        assert_eq!(client.status(), State::Locked { code: LockCode::LeaseExpired }, "{place}");
    }
}

/// The clock is turned back by a part of its lead; the license still lasts its whole grace.
#[test]
fn partly_corrected_clock_locks_nobody_out() {
    for (ahead, back) in [(30 * DAY, 5 * DAY), (30 * DAY, 29 * DAY), (YEAR, 3_601)] {
        for restarts in [false, true] {
            let (setup, folder) = (TestSetup::new(), tempfile::tempdir().unwrap());
            let path = folder.path().join("license.db");
            setup.clock.turn(ahead);
            let mut client = setup.on(&path);
            client.activate(&crate::harness::key(1), "", "").unwrap();
            setup.set_fault(NetworkFault::Down);
            setup.clock.turn(-back);
            if restarts {
                drop(client);
                client = setup.on(&path);
            }
            setup.clock.pass(LEASE_SECONDS - 1);
            assert!(unlocked(&client), "{ahead} {back} {restarts}: {:?}", client.status());
            setup.clock.pass(1);
            assert_eq!(client.status(), State::Locked { code: LockCode::LeaseExpired });
        }
    }
}

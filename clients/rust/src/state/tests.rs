use super::*;
use crate::timeline::CLOCK_TOLERANCE_MILLIS;
use falconer_domain::UnixMillis;

const REFRESH_AT: i64 = 1_800_086_400;
const EXP: i64 = 1_800_691_200;
const HOUR: i64 = 3_600;

fn term(license_expires_at: Option<i64>) -> StoredDecision {
    StoredDecision::Leased(LeaseTerm {
        refresh_at: UnixSeconds(REFRESH_AT),
        exp: UnixSeconds(EXP),
        license_expires_at: license_expires_at.map(UnixSeconds),
        updates_until: None,
    })
}

fn at(
    standing: StoredDecision,
    local: i64,
    floor: i64,
    integrity: CheckpointIntegrity,
    failed_at: Option<i64>,
) -> Evaluation {
    evaluate(&Evidence {
        decision: standing,
        time: ReconciledTime {
            local: UnixMillis(local * 1_000),
            floor: UnixMillis(floor * 1_000),
            integrity,
        },
        failed_at: failed_at.map(UnixSeconds),
        build_date: None,
    })
}

const GRACE: State = State::Grace { until: UnixSeconds(EXP) };
const fn locked(code: LockCode) -> State {
    State::Locked { code }
}

#[test]
fn table_of_lease_states() {
    for (local, floor, failed_at, license_ends, state, unlocked) in [
        (REFRESH_AT - 1, 0, None, None, State::Active, true),
        (REFRESH_AT - 1, 0, Some(REFRESH_AT - 5), None, State::Active, true),
        (REFRESH_AT, 0, None, None, State::RefreshDue, true),
        (EXP - 1, 0, None, None, State::RefreshDue, true),
        // A failure before the check was due says nothing about a check not tried since.
        (REFRESH_AT, 0, Some(REFRESH_AT - 1), None, State::RefreshDue, true),
        (REFRESH_AT, 0, Some(REFRESH_AT), None, GRACE, true),
        (EXP - 1, 0, Some(REFRESH_AT), None, GRACE, true),
        // To the exact second.
        (EXP, 0, Some(REFRESH_AT), None, locked(LockCode::LeaseExpired), false),
        (EXP, 0, None, None, locked(LockCode::LeaseExpired), false),
        (EXP, 0, None, Some(EXP), locked(LockCode::Expired), false),
        (EXP, 0, None, Some(EXP + 1), locked(LockCode::LeaseExpired), false),
        (EXP + 1, 0, None, Some(EXP + 1), locked(LockCode::Expired), false),
        // The later of floor and local clock decides.
        (REFRESH_AT - HOUR, REFRESH_AT, None, None, State::RefreshDue, true),
        (EXP - HOUR, EXP, None, None, locked(LockCode::LeaseExpired), false),
        // More than an hour back.
        (REFRESH_AT - HOUR - 1, REFRESH_AT, None, None, State::ClockSuspect, true),
        (0, EXP - 1, Some(EXP - 2), None, State::ClockSuspect, true),
        (EXP - HOUR - 1, EXP, None, None, State::ClockSuspect, false),
        (0, EXP, None, Some(EXP), State::ClockSuspect, false),
    ] {
        let verdict = at(term(license_ends), local, floor, CheckpointIntegrity::Intact, failed_at);
        assert_eq!(verdict, Evaluation { state, unlocked }, "{local} {floor} {failed_at:?} {license_ends:?}");
    }
}

/// Evaluates every combination and compares it with the rules, written a second time.
#[test]
fn every_combination_follows_the_rules() {
    let moments = [
        0,
        REFRESH_AT - 1,
        REFRESH_AT,
        EXP - HOUR - 1,
        EXP - HOUR,
        EXP - 1,
        EXP,
        EXP + HOUR,
        i64::MAX / 1_000,
    ];
    let standings = LockCode::SIGNED.map(StoredDecision::Refused).into_iter().chain([
        StoredDecision::NoLicense,
        term(None),
        term(Some(EXP)),
        term(Some(EXP + HOUR)),
    ]);
    let mut seen = std::collections::HashSet::new();
    for standing in standings {
        for local in moments {
            for floor in moments {
                for integrity in [CheckpointIntegrity::Intact, CheckpointIntegrity::Tampered] {
                    for failed_at in [None, Some(0), Some(REFRESH_AT), Some(EXP)] {
                        let verdict = at(standing, local, floor, integrity, failed_at);
                        check(standing, local, floor, integrity, verdict);
                        seen.insert(verdict.state.name());
                    }
                }
            }
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

fn check(
    standing: StoredDecision,
    local: i64,
    floor: i64,
    integrity: CheckpointIntegrity,
    verdict: Evaluation,
) {
    let now = local.max(floor);
    let suspect =
        integrity == CheckpointIntegrity::Tampered || local * 1_000 < floor * 1_000 - CLOCK_TOLERANCE_MILLIS;
    match (standing, verdict.state) {
        (StoredDecision::NoLicense, state) => assert_eq!(state, State::NotActivated),
        (StoredDecision::Refused(code), state) => assert_eq!(state, locked(code)),
        (StoredDecision::Leased(_), State::ClockSuspect) => assert!(suspect),
        (StoredDecision::Leased(_), State::Locked { code }) => {
            assert!(!suspect && now >= EXP);
            assert!(matches!(code, LockCode::Expired | LockCode::LeaseExpired), "no refusal, no such code");
        }
        (StoredDecision::Leased(_), State::Active) => assert!(!suspect && now < REFRESH_AT),
        (StoredDecision::Leased(_), _) => assert!(!suspect && (REFRESH_AT..EXP).contains(&now)),
    }
    let features = matches!(standing, StoredDecision::Leased(_))
        && now < EXP
        && integrity == CheckpointIntegrity::Intact;
    assert_eq!(verdict.unlocked, features, "{standing:?} {local} {floor} {integrity:?}");
}

#[test]
fn every_state_has_a_next_step() {
    let mut states = vec![State::NotActivated, State::Active, State::RefreshDue, GRACE, State::ClockSuspect];
    states.extend(LockCode::SIGNED.into_iter().chain([LockCode::LeaseExpired]).map(locked));
    for state in states {
        let message = state.user_message();
        assert!(message.sentence.ends_with('.') && message.next_step.ends_with('.'), "{message}");
    }
}

#[test]
fn locking_codes_exist_on_the_server() {
    for code in LockCode::SIGNED {
        let row = falconer_domain::Code::named(code.name()).expect("a code of the table").row();
        assert_eq!((row.status, LockCode::of_refusal(row.name)), (401, Some(code)));
    }
    for harmless in ["LEASE_EXPIRED", "NOT_FOUND", "SEATS_EXHAUSTED", "TOMORROWS_CODE", "", "revoked"] {
        assert_eq!(LockCode::of_refusal(harmless), None, "{harmless}");
    }
}

/// The build's date against the end of the maintenance, under every clock.
#[test]
fn build_dates_decide_before_clocks() {
    let date = |text: &str| CalendarDate::parse(text);
    for (until, build, is_covered) in [
        (date("2027-01-01"), date("2026-12-31"), true),
        (date("2027-01-01"), date("2027-01-01"), true),
        (date("2027-01-01"), date("2027-01-02"), false),
        (date("2027-01-01"), None, true),
        (None, date("2099-01-01"), true),
    ] {
        let term = LeaseTerm {
            refresh_at: UnixSeconds(REFRESH_AT),
            exp: UnixSeconds(EXP),
            license_expires_at: None,
            updates_until: until,
        };
        for (local, floor, integrity) in [
            (0, 0, CheckpointIntegrity::Intact),
            (REFRESH_AT, 0, CheckpointIntegrity::Intact),
            (EXP, 0, CheckpointIntegrity::Intact),
            (REFRESH_AT - 2 * HOUR, REFRESH_AT, CheckpointIntegrity::Intact),
            (REFRESH_AT, 0, CheckpointIntegrity::Tampered),
        ] {
            let seen = |decision, build_date| {
                let millis = |seconds: i64| UnixMillis(seconds * 1_000);
                let time = ReconciledTime { local: millis(local), floor: millis(floor), integrity };
                evaluate(&Evidence { decision, time, failed_at: None, build_date })
            };
            let leased = seen(StoredDecision::Leased(term), build);
            let expected = if is_covered {
                seen(StoredDecision::Leased(LeaseTerm { updates_until: None, ..term }), None)
            } else {
                Evaluation { state: locked(LockCode::UpdatesEnded), unlocked: false }
            };
            assert_eq!(leased, expected, "{until:?} {build:?} {local}");
            let refused = seen(StoredDecision::Refused(LockCode::Revoked), build);
            assert_eq!(refused.state, locked(LockCode::Revoked), "a signed refusal comes first");
        }
    }
}

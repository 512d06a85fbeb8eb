"""The profile `state`: what happened to an application, step by step, and where it is afterwards.

A moment is given in seconds since the activation. `wall` and `ran` may differ: the clock that people set, and the one
that runs on while the program does.
"""

import reference
from server import *
from trust_cases import RING_TWO

UNLOCKED = ("ACTIVE", "REFRESH_DUE", "GRACE")


def clock(wall, ran=None, ms=0):
    return {
        "wall_ms": (T + wall) * 1000 + ms,
        "monotonic_ms": max(0, wall if ran is None else ran) * 1000 + (ms if ran is None else 0),
    }


def moment(at):
    return at if isinstance(at, dict) else clock(at)


def activate(reply=None, at=0, license_key=LICENSE_KEY, number=0, **more):
    reply = said(lease(code="ACTIVATED")) if reply is None else reply
    return {
        "do": "activate",
        "clock": moment(at),
        "license_key": license_key,
        "nonce": nonce(number),
        "answer": None if reply == "none" else reply,
        **more,
    }


def refresh(at, reply=None, number=1, **more):
    return {"do": "refresh", "clock": moment(at), "nonce": nonce(number), "answer": reply, **more}


def deactivate(at, reply=None, number=1):
    return {"do": "deactivate", "clock": moment(at), "nonce": nonce(number), "answer": reply}


def look(at):
    return {"do": "look", "clock": moment(at)}


def restart(at, **more):
    return {"do": "restart", "clock": moment(at), **more}


def yes(at, number=1, **changes):
    """The yes to a check `at` seconds after the activation."""
    return said(lease(at=T + at, nonce=nonce(number), **changes))


def refused(code, at, number=1, **changes):
    return said(refusal(code, T + at, nonce=nonce(number), **changes))


def cases(vector):
    import air_gap_cases  # they use the steps of this file
    import limits_cases

    def case(name, about, says, *steps, needs=(), hardware=PC, pinned=PINNED, limits=None, **more):
        given = {"product": PRODUCT, "pinned": pinned, "hardware": hardware, **more, "steps": list(steps)}
        state, _, code = says.partition(" ")
        expected = {"state": state}
        if state == "CLOCK_SUSPECT":
            expected["unlocked"] = code != "locked"
        else:
            expected.update(unlocked=state in UNLOCKED, lock_code=code or None)
        if limits is not None:
            expected["limits"] = dict(zip(more["asked"], limits))
        vector(f"state/{name}", about, given, expected, needs)

    a_term(case)
    an_activation(case)
    nothing_changes(case)
    locks(case)
    another_key(case)
    a_deactivation(case)
    a_wrong_clock(case)
    a_turned_clock(case)
    machines(case)
    rotations(case)
    stores(case)
    statements(case)
    air_gap_cases.cases(case)
    limits_cases.cases(case)


def a_term(case):
    """To the second, from the activation to the end."""
    case("activated", "The answer has just arrived.", "ACTIVE", activate())
    case(
        "active-to-the-last-millisecond",
        "One millisecond before refresh_at.",
        "ACTIVE",
        activate(),
        look(clock(INTERVAL, ms=-1)),
    )
    case("refresh-due", "At refresh_at itself.", "REFRESH_DUE", activate(), look(INTERVAL))
    case(
        "refresh-due-to-the-last-millisecond",
        "One millisecond before exp, and no check has failed.",
        "REFRESH_DUE",
        activate(),
        look(clock(INTERVAL + GRACE, ms=-1)),
    )
    case("grace", "A check at refresh_at found nobody.", "GRACE", activate(), refresh(INTERVAL))
    case(
        "grace-after-a-restart",
        "The failed check is remembered through a restart.",
        "GRACE",
        activate(),
        refresh(INTERVAL),
        restart(INTERVAL + HOUR),
    )
    case(
        "grace-to-the-last-millisecond",
        "One millisecond before exp, after a failed check.",
        "GRACE",
        activate(),
        refresh(INTERVAL),
        look(clock(INTERVAL + GRACE, ms=-1)),
    )
    case("failed-before-it-was-due", "A check failed before refresh_at.", "ACTIVE", activate(), refresh(HOUR))
    case(
        "failed-before-it-was-due-later",
        "A check failed before refresh_at. None has been tried since.",
        "REFRESH_DUE",
        activate(),
        refresh(HOUR),
        look(INTERVAL),
    )
    case(
        "failed-one-second-before",
        "A check failed one second before refresh_at.",
        "REFRESH_DUE",
        activate(),
        refresh(INTERVAL - 1),
        look(INTERVAL),
    )
    case(
        "grace-ends-with-a-check",
        "A check succeeds in the grace.",
        "ACTIVE",
        activate(),
        refresh(INTERVAL),
        refresh(2 * DAY, yes(2 * DAY, 2), 2),
    )
    case(
        "renewed-term",
        "The new lease counts from its own moment.",
        "REFRESH_DUE",
        activate(),
        refresh(2 * DAY, yes(2 * DAY)),
        look(3 * DAY),
    )
    case(
        "renewed-beyond-the-old-end",
        "Past the end of the first lease, within the second.",
        "REFRESH_DUE",
        activate(),
        refresh(2 * DAY, yes(2 * DAY)),
        look(INTERVAL + GRACE),
    )
    case("ended", "At exp itself.", "LOCKED LEASE_EXPIRED", activate(), look(INTERVAL + GRACE))
    case(
        "ended-in-the-grace",
        "At exp, after a failed check.",
        "LOCKED LEASE_EXPIRED",
        activate(),
        refresh(INTERVAL),
        look(INTERVAL + GRACE),
    )
    case("ended-long-ago", "A year later.", "LOCKED LEASE_EXPIRED", activate(), restart(clock(YEAR, 0)))
    case(
        "ended-and-checked",
        "A check succeeds after the end.",
        "ACTIVE",
        activate(),
        look(INTERVAL + GRACE),
        refresh(9 * DAY, yes(9 * DAY)),
    )
    ending = said(lease(code="ACTIVATED", ends=T + 2 * DAY))
    case(
        "license-ends",
        "The license ends: at that second it is EXPIRED.",
        "LOCKED EXPIRED",
        activate(ending),
        look(2 * DAY),
    )
    case(
        "license-ends-in-a-second",
        "One second before the license ends.",
        "REFRESH_DUE",
        activate(ending),
        look(2 * DAY - 1),
    )
    soon = said(lease(code="ACTIVATED", ends=T + HOUR))
    case(
        "license-ends-before-the-check",
        "The license ends before a check is due.",
        "LOCKED EXPIRED",
        activate(soon),
        look(HOUR),
    )
    case("license-ends-before-the-check-active", "One second earlier.", "ACTIVE", activate(soon), look(HOUR - 1))
    after = said(lease(code="ACTIVATED", ends=EXP + 1))
    case(
        "license-ends-a-second-after-the-lease",
        "Offline use ends one second before the license.",
        "LOCKED LEASE_EXPIRED",
        activate(after),
        look(INTERVAL + GRACE),
    )
    case(
        "license-ended-after-the-lease",
        "A second later the license itself has ended.",
        "LOCKED EXPIRED",
        activate(after),
        look(INTERVAL + GRACE + 1),
    )
    case(
        "no-grace",
        "The policy has no grace: refresh_at is exp.",
        "LOCKED LEASE_EXPIRED",
        activate(said(lease(code="ACTIVATED", grace=0))),
        look(INTERVAL),
    )
    case(
        "no-interval",
        "The policy has no interval: a check is due at once.",
        "REFRESH_DUE",
        activate(said(lease(code="ACTIVATED", interval=0))),
    )
    case(
        "year-10000",
        "Offline use ends after the year 9999.",
        "ACTIVE",
        activate(said(lease(code="ACTIVATED", exp=253_402_300_800, refresh_at=253_402_300_800))),
        look(clock(10 * YEAR, HOUR)),
    )
    case(
        "end-of-integers",
        "The end is the largest integer of 64 bits.",
        "REFRESH_DUE",
        activate(said(lease(code="ACTIVATED", exp=2**63 - 1))),
        look(clock(100 * YEAR, HOUR)),
    )
    case("no-features", "The lease has no feature.", "ACTIVE", activate(said(lease(code="ACTIVATED", features=[]))))


def an_activation(case):
    """Nothing is held yet."""

    def waits(name, about, reply):
        case(f"activation-{name}", about, "NOT_ACTIVATED", activate(reply))

    case("never-activated", "The program starts for the first time.", "NOT_ACTIVATED", look(0))
    waits("unreachable", "Nobody answered the activation.", "none")
    waits("portal", "A portal answered the activation.", PORTAL)
    waits(
        "unsigned-yes",
        "Nobody signed the yes.",
        answer(200, {"success": True, "code": "ACTIVATED", "features": FEATURES}),
    )
    waits("invalid-signature", "The server does not know the key.", answer(401, {"code": "INVALID_SIGNATURE"}))
    waits("seats-exhausted", "Other devices have the seats.", said(refusal("SEATS_EXHAUSTED")))
    waits("revoked", "The license was revoked before anything was stored here.", said(refusal("REVOKED")))
    waits("without-device", "The yes is bound to no device.", said(claims("VALID")))
    waits("other-machine", "The lease states another machine.", said(lease(OTHER_PC, code="ACTIVATED")))
    waits(
        "no-threshold", "The lease has a device and no hw_threshold.", said(lease(code="ACTIVATED", hw_threshold=None))
    )
    waits("no-hw", "The lease has a device and no hw.", said(lease(code="ACTIVATED", hw=None)))
    waits("device-absent", "The lease states hardware and no device.", said(lease(code="ACTIVATED", device=None)))
    waits("replayed", "The answer is to another nonce.", said(lease(code="ACTIVATED", nonce=nonce(99))))
    waits("other-product", "The license is for another product.", said(lease(code="ACTIVATED", aud="ACME9")))
    waits(
        "refusal-as-a-lease",
        "A signed refusal under the typ of a lease.",
        said(refusal("REVOKED"), text=jws(refusal("REVOKED"), head=header())),
    )
    case("activation-transferred", "The seat came by a transfer.", "ACTIVE", activate(said(lease(code="TRANSFERRED"))))
    case("refresh-without-a-license", "A check where nothing was activated.", "NOT_ACTIVATED", refresh(0))


def nothing_changes(case):
    """A check that brings nothing: the lease holds. After refresh_at that is the grace."""

    def holds(name, about, reply, **more):
        case(f"holds-{name}", about, "GRACE", activate(), refresh(INTERVAL, reply, **more))

    holds("unreachable", "Nobody answers.", None)
    holds("portal", "A portal answers.", PORTAL)
    holds("busy", "The server is busy.", answer(503, {"code": "UNAVAILABLE"}, retry_after="300"))
    holds("rate-limited", "The server was asked too often.", answer(429, {"code": "RATE_LIMITED"}, retry_after="60"))
    holds("unsigned-revoked", "Nobody signed the REVOKED.", answer(401, {"valid": False, "code": "REVOKED"}))
    holds("invalid-signature", "INVALID_SIGNATURE is about no license.", answer(401, {"code": "INVALID_SIGNATURE"}))
    stranger = jws(refusal("REVOKED", T + INTERVAL, nonce=nonce(1)), STRANGER, header(typ="refusal+jwt"))
    holds("forged-revoked", "A stranger signed the REVOKED.", said(refusal("REVOKED"), text=stranger))
    holds("replayed-revoked", "A REVOKED to another nonce.", refused("REVOKED", INTERVAL, 99))
    holds("replayed-yes", "The answer to the activation, once more.", said(lease(code="ACTIVATED")))
    holds("revoked-of-another-license", "A REVOKED about another license.", refused("REVOKED", INTERVAL, sub=OTHER_ID))
    holds("yes-of-another-license", "A yes about another license.", yes(INTERVAL, sub=OTHER_ID))
    holds(
        "revoked-of-another-product",
        "A REVOKED for another product.",
        refused("REVOKED", INTERVAL, aud="ACME9/refusal"),
    )
    holds("older-revoked", "A REVOKED that is older than the lease.", refused("REVOKED", -1))
    holds("older-yes", "A yes that is older than the lease.", yes(-DAY))
    holds(
        "yes-without-device", "A yes that is bound to no device.", said(claims("VALID", T + INTERVAL, nonce=nonce(1)))
    )
    holds("yes-of-another-machine", "A yes about another machine.", yes(INTERVAL, machine=OTHER_PC))
    holds(
        "unknown-code",
        "A signed refusal with a code that no document names.",
        said(refusal("TOMORROWS_CODE", T + INTERVAL, nonce=nonce(1)), status=401),
    )
    holds(
        "code-in-lower-case",
        "A signed refusal with the code revoked in lower case.",
        said(refusal("revoked", T + INTERVAL, nonce=nonce(1)), status=401),
    )
    for code in STATUS:
        if code not in reference.LOCKING:
            holds(
                f"signed-{code.lower().replace('_', '-')}",
                f"The signed refusal {code} locks nobody.",
                refused(code, INTERVAL),
            )
    case(
        "holds-before-it-is-due",
        "A signed refusal that locks nobody, before refresh_at.",
        "ACTIVE",
        activate(),
        refresh(HOUR, refused("SEATS_EXHAUSTED", HOUR)),
    )


def locks(case):
    for code in reference.LOCKING:
        case(
            f"locked-{code.lower().replace('_', '-')}",
            f"The signed refusal {code} about the stored license.",
            f"LOCKED {code}",
            activate(),
            refresh(HOUR, refused(code, HOUR)),
        )
    lock = refresh(HOUR, refused("REVOKED", HOUR))
    suspended = refresh(HOUR, refused("SUSPENDED", HOUR))
    case(
        "locked-at-once",
        "A refusal of the same second as the lease.",
        "LOCKED REVOKED",
        activate(),
        refresh(0, refused("REVOKED", 0)),
    )
    case("locked-after-a-restart", "The refusal is stored.", "LOCKED REVOKED", activate(), lock, restart(2 * HOUR))
    case(
        "locked-on-another-machine",
        "The store of a locked license on another machine.",
        "LOCKED REVOKED",
        activate(),
        lock,
        restart(2 * HOUR, hardware=OTHER_PC),
    )
    case("locked-offline", "The next check finds nobody.", "LOCKED REVOKED", activate(), lock, refresh(DAY, None, 2))
    case(
        "locked-and-portal",
        "A portal answers the next check.",
        "LOCKED REVOKED",
        activate(),
        lock,
        refresh(DAY, PORTAL, 2),
    )
    case(
        "locked-and-older-yes",
        "A yes that is older than the refusal.",
        "LOCKED REVOKED",
        activate(),
        lock,
        refresh(2 * HOUR, yes(HOUR - 1, 2), 2),
    )
    case(
        "locked-and-replayed-yes",
        "A recorded yes.",
        "LOCKED REVOKED",
        activate(),
        lock,
        refresh(2 * HOUR, yes(0, 0), 2),
    )
    case(
        "locked-and-yes-without-device",
        "A yes that is bound to no device.",
        "LOCKED REVOKED",
        activate(),
        lock,
        refresh(2 * HOUR, said(claims("VALID", T + 2 * HOUR, nonce=nonce(2))), 2),
    )
    case(
        "locked-and-harmless-refusal",
        "A later refusal that locks nobody leaves the lock.",
        "LOCKED REVOKED",
        activate(),
        lock,
        refresh(2 * HOUR, refused("NOT_FOUND", 2 * HOUR, 2), 2),
    )
    case(
        "locked-with-another-code",
        "A later refusal has another code.",
        "LOCKED REVOKED",
        activate(),
        suspended,
        refresh(2 * HOUR, refused("REVOKED", 2 * HOUR, 2), 2),
    )
    case(
        "unlocked-by-a-check",
        "A later check says yes: the license was reinstated.",
        "ACTIVE",
        activate(),
        suspended,
        refresh(2 * HOUR, yes(2 * HOUR, 2), 2),
    )
    case(
        "unlocked-in-the-same-second",
        "A later request is answered yes in the same second.",
        "ACTIVE",
        activate(),
        suspended,
        refresh(HOUR, yes(HOUR, 2), 2),
    )
    case(
        "unlocked-by-an-activation",
        "The person activates again.",
        "ACTIVE",
        activate(),
        refresh(HOUR, refused("NOT_ACTIVATED", HOUR)),
        activate(said(lease(at=T + 2 * HOUR, code="ACTIVATED", nonce=nonce(2))), 2 * HOUR, number=2),
    )
    case(
        "locked-by-an-activation",
        "An activation with the stored key is answered REVOKED.",
        "LOCKED REVOKED",
        activate(),
        activate(refused("REVOKED", HOUR), HOUR, number=1),
    )
    case(
        "locked-with-the-clock-turned-back",
        "A refusal has no clock.",
        "LOCKED REVOKED",
        activate(),
        lock,
        restart(-DAY),
    )


def another_key(case):
    """Another key is typed while a license is held. Only a yes puts it in the other's place."""

    def typed(name, about, says, reply):
        case(f"another-key-{name}", about, says, activate(), activate(reply, HOUR, OTHER_KEY, 1))

    typed("refused", "The other license is revoked.", "ACTIVE", refused("REVOKED", HOUR, sub=OTHER_ID))
    typed("unknown", "The server does not know the other key.", "ACTIVE", answer(401, {"code": "INVALID_SIGNATURE"}))
    typed(
        "seats-exhausted",
        "Other devices have the other license's seats.",
        "ACTIVE",
        refused("SEATS_EXHAUSTED", HOUR, sub=OTHER_ID),
    )
    good = lease(at=T + HOUR, code="ACTIVATED", nonce=nonce(1), sub=OTHER_ID, license_key=OTHER_KEY, features=["other"])
    typed("taken", "The other license is good, and takes the place of the first.", "ACTIVE", said(good))
    earlier = lease(
        at=T - DAY, code="ACTIVATED", nonce=nonce(1), sub=OTHER_ID, license_key=OTHER_KEY, features=["other"]
    )
    typed("taken-by-an-older-answer", "Which answer is older says nothing about two licenses.", "ACTIVE", said(earlier))
    keyed_by_the_first = lease(at=T + HOUR, code="ACTIVATED", nonce=nonce(1), sub=OTHER_ID)
    typed(
        "keyed-by-the-first",
        "The other lease states this machine under the first key.",
        "ACTIVE",
        said(keyed_by_the_first),
    )


def a_deactivation(case):
    def asked(name, about, says, reply):
        case(f"deactivation-{name}", about, says, activate(), deactivate(HOUR, reply))

    asked("done", "The seat is free.", "NOT_ACTIVATED", refused("DEACTIVATED", HOUR))
    asked("not-bound", "The device held no seat.", "NOT_ACTIVATED", refused("DEVICE_NOT_BOUND", HOUR))
    asked("unreachable", "Nobody answers: the license goes on working.", "ACTIVE", None)
    asked("portal", "A portal answers.", "ACTIVE", PORTAL)
    asked("unsigned", "Nobody signed the DEACTIVATED.", "ACTIVE", answer(200, {"success": True, "code": "DEACTIVATED"}))
    asked("yes", "A yes does not answer a deactivation.", "ACTIVE", yes(HOUR))
    asked(
        "of-another-license",
        "The seat of another license is free.",
        "ACTIVE",
        refused("DEACTIVATED", HOUR, sub=OTHER_ID),
    )
    asked("revoked", "The license was revoked.", "LOCKED REVOKED", refused("REVOKED", HOUR))
    case(
        "deactivated-without-asking",
        "DEACTIVATED answers a check that asked for no such thing.",
        "ACTIVE",
        activate(),
        refresh(HOUR, refused("DEACTIVATED", HOUR)),
    )
    case(
        "deactivated-after-a-restart",
        "The lease is forgotten.",
        "NOT_ACTIVATED",
        activate(),
        deactivate(HOUR, refused("DEACTIVATED", HOUR)),
        restart(2 * HOUR),
    )


def a_wrong_clock(case):
    """The clock is wrong when the answer arrives. The server's moment counts."""
    for name, off in (
        ("5-minutes-fast", 300),
        ("5-minutes-slow", -300),
        ("a-year-fast", YEAR),
        ("30-years-slow", -30 * YEAR),
    ):
        first = activate(at=clock(off, 0))
        case(f"clock-{name}", f"The clock is {name.replace('-', ' ')} at the activation.", "ACTIVE", first)
        case(
            f"clock-{name}-before-refresh-at",
            "The program runs on to the second before refresh_at.",
            "ACTIVE",
            first,
            look(clock(off + INTERVAL - 1, INTERVAL - 1)),
        )
        case(
            f"clock-{name}-at-refresh-at",
            "The program runs on to refresh_at.",
            "REFRESH_DUE",
            first,
            look(clock(off + INTERVAL, INTERVAL)),
        )
        case(
            f"clock-{name}-at-exp",
            "The program runs on to exp.",
            "LOCKED LEASE_EXPIRED",
            first,
            look(clock(off + INTERVAL + GRACE, INTERVAL + GRACE)),
        )
    fast, slow = activate(at=clock(YEAR, 0)), activate(at=clock(-YEAR, 0))
    case(
        "clock-fast-left-alone",
        "A clock that was a year fast is as fast after a restart.",
        "ACTIVE",
        fast,
        restart(clock(YEAR + HOUR, 0)),
    )
    case(
        "clock-fast-set-right",
        "A clock that was a year fast is set right while the program is closed.",
        "ACTIVE",
        fast,
        restart(clock(HOUR, 0)),
    )
    case(
        "clock-fast-set-right-counts-on",
        "Time goes on from where the clock was set right.",
        "REFRESH_DUE",
        fast,
        restart(clock(HOUR, 0)),
        restart(clock(2 * DAY, 0)),
    )
    case(
        "clock-fast-set-too-far-back",
        "A clock that was a year fast is set two hours too far back.",
        "CLOCK_SUSPECT",
        fast,
        restart(clock(-2 * HOUR, 0)),
    )
    case(
        "clock-slow-left-alone",
        "A clock that was a year slow is as slow after a restart.",
        "ACTIVE",
        slow,
        restart(clock(-YEAR + HOUR, 0)),
    )
    case(
        "clock-slow-left-alone-ended",
        "The same, nine days later.",
        "LOCKED LEASE_EXPIRED",
        slow,
        restart(clock(-YEAR + 9 * DAY, 0)),
    )
    case(
        "clock-slow-set-right",
        "A clock that was a year slow is set right while the program is closed.",
        "ACTIVE",
        slow,
        restart(clock(HOUR, 0)),
    )
    case(
        "clock-slow-set-right-counts-on",
        "Time goes on from where the clock was set right.",
        "LOCKED LEASE_EXPIRED",
        slow,
        restart(clock(HOUR, 0)),
        restart(clock(9 * DAY, 0)),
    )
    case(
        "clock-slow-turned-further-back",
        "A clock that was a year slow is turned back by two hours more.",
        "CLOCK_SUSPECT",
        slow,
        restart(clock(-YEAR - 2 * HOUR, 0)),
    )
    case(
        "clock-fast-set-right-later",
        "A clock that was a year fast is set right two days later. What passed unseen before is hidden.",
        "ACTIVE",
        fast,
        restart(clock(2 * DAY, 0)),
    )
    case(
        "clock-slow-set-right-and-turned-back",
        "A clock that was a year slow is set right, and later turned back by a day.",
        "CLOCK_SUSPECT",
        slow,
        restart(clock(2 * HOUR, 0)),
        restart(clock(-DAY, 0)),
    )
    case(
        "clock-of-another-origin",
        "After a restart the monotonic clock has another origin, which says nothing.",
        "ACTIVE",
        activate(),
        restart(clock(HOUR, 30 * DAY)),
    )
    case(
        "failure-forgotten-with-a-check",
        "A check failed while the clock was set forward. One has succeeded since.",
        "REFRESH_DUE",
        activate(),
        restart(clock(YEAR, 0)),
        refresh(clock(YEAR, 5)),
        refresh(clock(11 * HOUR, 10), yes(11 * HOUR, 2), 2),
        look(clock(11 * HOUR + INTERVAL, 10 + INTERVAL)),
    )
    case(
        "clock-told-by-a-later-check",
        "A check a day later tells the time anew.",
        "ACTIVE",
        fast,
        refresh(clock(YEAR + DAY, DAY), yes(DAY)),
    )


def a_turned_clock(case):
    """The clock was right at the activation, ten hours before it is turned."""
    first, later = activate(), look(10 * HOUR)

    def turned(name, about, says, *steps):
        case(f"turned-{name}", about, says, first, later, *steps)

    turned("back-an-hour", "One hour back, exactly.", "ACTIVE", look(clock(9 * HOUR, 10 * HOUR)))
    turned(
        "back-an-hour-and-a-millisecond",
        "One hour and a millisecond back.",
        "CLOCK_SUSPECT",
        look(clock(9 * HOUR, 10 * HOUR, -1)),
    )
    turned(
        "back-an-hour-restarted", "One hour back while the program is closed.", "ACTIVE", restart(clock(9 * HOUR, 0))
    )
    turned(
        "back-an-hour-and-a-second-restarted",
        "One hour and a second back while the program is closed.",
        "CLOCK_SUSPECT",
        restart(clock(9 * HOUR - 1, 0)),
    )
    turned("back-a-year", "A year back.", "CLOCK_SUSPECT", restart(clock(-YEAR, 0)))
    turned("back-to-1970", "Back to 1970.", "CLOCK_SUSPECT", restart({"wall_ms": 0, "monotonic_ms": 0}))
    back = restart(clock(-DAY, 0))
    turned("back-and-right-again", "The clock is set right again.", "ACTIVE", back, restart(clock(11 * HOUR, 0)))
    turned("back-and-checked", "One check online clears it.", "ACTIVE", back, refresh(clock(-DAY, 5), yes(10 * HOUR)))
    turned(
        "back-and-checked-in-vain",
        "A check that finds nobody clears nothing.",
        "CLOCK_SUSPECT",
        back,
        refresh(clock(-DAY, 5)),
    )
    turned("back-and-portal", "A portal clears nothing.", "CLOCK_SUSPECT", back, refresh(clock(-DAY, 5), PORTAL))
    turned(
        "back-and-replayed", "A recorded yes clears nothing.", "CLOCK_SUSPECT", back, refresh(clock(-DAY, 5), yes(0, 0))
    )
    turned(
        "back-and-refused",
        "A signed refusal that locks nobody tells the time too.",
        "ACTIVE",
        back,
        refresh(clock(-DAY, 5), refused("SEATS_EXHAUSTED", 10 * HOUR)),
    )
    turned(
        "back-and-revoked",
        "A refusal that locks is no matter of the clock.",
        "LOCKED REVOKED",
        back,
        refresh(clock(-DAY, 5), refused("REVOKED", 10 * HOUR)),
    )
    turned(
        "back-while-time-runs",
        "The clock is turned back, and the program runs on to exp.",
        "CLOCK_SUSPECT locked",
        look(clock(-DAY, INTERVAL + GRACE)),
    )
    turned(
        "back-at-the-last-second",
        "The same, a second earlier.",
        "CLOCK_SUSPECT",
        look(clock(-DAY, INTERVAL + GRACE - 1)),
    )
    turned(
        "back-after-the-end",
        "The lease had ended when the clock was turned back.",
        "CLOCK_SUSPECT locked",
        look(9 * DAY),
        restart(clock(HOUR, 0)),
    )
    turned(
        "stopped",
        "The clock stands still while the program runs on.",
        "CLOCK_SUSPECT",
        look(clock(10 * HOUR, 13 * HOUR)),
    )
    turned(
        "slept", "The machine slept for three days: time has passed.", "REFRESH_DUE", look(clock(3 * DAY, 10 * HOUR))
    )
    turned("slept-too-long", "The machine slept past exp.", "LOCKED LEASE_EXPIRED", look(clock(9 * DAY, 10 * HOUR)))
    turned(
        "forward",
        "The clock is set forward past exp: nobody can tell it from sleep.",
        "LOCKED LEASE_EXPIRED",
        restart(clock(YEAR, 0)),
    )
    turned(
        "forward-and-right-again",
        "It is set right again: the later moment was seen.",
        "CLOCK_SUSPECT locked",
        restart(clock(YEAR, 0)),
        restart(clock(11 * HOUR, 0)),
    )
    turned(
        "forward-right-and-checked",
        "One check online tells the right time.",
        "ACTIVE",
        restart(clock(YEAR, 0)),
        refresh(clock(11 * HOUR, 5), yes(11 * HOUR)),
    )
    turned(
        "forward-and-checked",
        "A check while the clock is still set forward.",
        "ACTIVE",
        restart(clock(YEAR, 0)),
        refresh(clock(YEAR, 5), yes(11 * HOUR)),
    )


def machines(case):
    first = activate()
    drifted = {**PC, "board": OTHER_PC["board"]}
    moved = {**PC, "board": OTHER_PC["board"], "mac": OTHER_PC["mac"]}
    case("machine-restarted", "The program starts again on the same machine.", "ACTIVE", first, restart(HOUR))
    case("machine-drifted", "One of three parts has changed.", "ACTIVE", first, restart(HOUR, hardware=drifted))
    case(
        "machine-card-absent",
        "One of three parts is no longer shown.",
        "ACTIVE",
        first,
        restart(HOUR, hardware={"board": PC["board"], "cpu": PC["cpu"]}),
    )
    case("machine-changed", "Two of three parts have changed.", "NOT_ACTIVATED", first, restart(HOUR, hardware=moved))
    case(
        "machine-of-one-series",
        "The store is copied to a machine with the same processor.",
        "NOT_ACTIVATED",
        first,
        restart(HOUR, hardware=OTHER_PC),
    )
    case("machine-shows-nothing", "The machine shows nothing.", "NOT_ACTIVATED", first, restart(HOUR, hardware={}))
    case(
        "machine-comes-back",
        "The store comes back to its machine.",
        "ACTIVE",
        first,
        restart(HOUR, hardware=OTHER_PC),
        restart(2 * HOUR, hardware=PC),
    )
    case(
        "machine-drifted-and-checked",
        "The server states what is still equal.",
        "ACTIVE",
        first,
        restart(HOUR, hardware=drifted),
        refresh(2 * HOUR, yes(2 * HOUR, hw={k: v for k, v in hw(PC).items() if k != "board"})),
    )
    case(
        "machine-changed-and-checked",
        "The server says that this is another machine.",
        "LOCKED HARDWARE_MISMATCH",
        first,
        restart(HOUR, hardware=moved),
        refresh(2 * HOUR, refused("HARDWARE_MISMATCH", 2 * HOUR)),
    )
    case(
        "machine-changed-and-known",
        "The server knows the changed machine and states it.",
        "ACTIVE",
        first,
        restart(HOUR, hardware=moved),
        refresh(2 * HOUR, yes(2 * HOUR, machine=moved)),
    )


def rotations(case):
    first = activate()
    newer = said(lease(at=T + HOUR, nonce=nonce(1)), signer=TWO)
    case(
        "rotated",
        "A new key signed, and /api/keys has its endorsement.",
        "ACTIVE",
        first,
        refresh(HOUR, newer, keys=answer(200, RING_TWO)),
    )
    case(
        "rotated-while-due",
        "The same in the grace.",
        "ACTIVE",
        first,
        refresh(INTERVAL),
        refresh(
            INTERVAL + HOUR,
            said(lease(at=T + INTERVAL + HOUR, nonce=nonce(2)), signer=TWO),
            2,
            keys=answer(200, RING_TWO),
        ),
    )
    case(
        "rotated-and-restarted",
        "The learned key is kept, and the lease holds after a restart.",
        "ACTIVE",
        first,
        refresh(HOUR, newer, keys=answer(200, RING_TWO)),
        restart(2 * HOUR),
    )
    case(
        "rotated-without-keys",
        "A new key signed, and nobody answers /api/keys.",
        "GRACE",
        first,
        refresh(INTERVAL, said(lease(at=T + INTERVAL, nonce=nonce(1)), signer=TWO)),
    )
    forged = jwks(ONE.jwk(), STRANGER.jwk())
    case(
        "rotated-by-a-stranger",
        "A stranger signed a REVOKED, and /api/keys has the stranger's key without an endorsement.",
        "GRACE",
        first,
        refresh(
            INTERVAL, said(refusal("REVOKED", T + INTERVAL, nonce=nonce(1)), signer=STRANGER), keys=answer(200, forged)
        ),
    )
    case(
        "pin-dropped",
        "A release no longer pins the key that signed the stored lease.",
        "NOT_ACTIVATED",
        first,
        restart(HOUR, pinned=jwks(TWO.jwk())),
    )
    case(
        "pin-dropped-and-checked",
        "The next check is signed by a key that the release pins.",
        "ACTIVE",
        first,
        restart(HOUR, pinned=jwks(TWO.jwk())),
        refresh(2 * HOUR, said(lease(at=T + 2 * HOUR, nonce=nonce(1)), signer=TWO)),
    )
    case("pin-added", "A release pins a second key.", "ACTIVE", first, restart(HOUR, pinned=RING_TWO))


def stores(case):
    """A copy of the store is put back, or its time is changed."""
    first = activate(keep_store=True)
    renewed = refresh(2 * DAY, yes(2 * DAY))
    case(
        "store-put-back",
        "The store of the activation is put back after a renewal.",
        "REFRESH_DUE",
        first,
        renewed,
        restart(clock(3 * DAY, 0), store="kept"),
    )
    case(
        "store-put-back-after-its-end",
        "The old store's lease has ended. The renewed one is gone.",
        "LOCKED LEASE_EXPIRED",
        first,
        renewed,
        restart(clock(9 * DAY, 0), store="kept"),
    )
    case(
        "store-put-back-and-checked",
        "A check renews the old store's lease.",
        "ACTIVE",
        first,
        renewed,
        restart(clock(9 * DAY, 0), store="kept"),
        refresh(clock(9 * DAY, 5), yes(9 * DAY, 2), 2),
    )
    case(
        "store-put-back-with-an-older-clock",
        "The clock is turned back to before the old store.",
        "CLOCK_SUSPECT",
        first,
        renewed,
        restart(clock(-2 * HOUR, 0), store="kept"),
    )
    case(
        "store-put-back-elsewhere",
        "The old store is put on another machine.",
        "NOT_ACTIVATED",
        first,
        restart(clock(HOUR, 0), store="kept", hardware=OTHER_PC),
    )
    sealed = {"needs": ["sealed-time"]}
    case(
        "time-changed",
        "The stored time was changed.",
        "CLOCK_SUSPECT locked",
        activate(),
        restart(HOUR, store="time_changed"),
        **sealed,
    )
    case(
        "time-changed-and-checked-in-vain",
        "A check that finds nobody makes nothing good.",
        "CLOCK_SUSPECT locked",
        activate(),
        restart(HOUR, store="time_changed"),
        refresh(2 * HOUR),
        **sealed,
    )
    case(
        "time-changed-and-checked",
        "One check online makes it good.",
        "ACTIVE",
        activate(),
        restart(HOUR, store="time_changed"),
        refresh(2 * HOUR, yes(2 * HOUR)),
        **sealed,
    )


def statements(case):
    """A stored lease whose key the root has distrusted. All of these need the ability `root`."""
    pinned = rooted(ONE.jwk(), TWO.jwk([ONE]))
    first, leaked = statement(10, [ONE, TWO]), statement(20, [TWO], "1")
    good = answer(200, stating(first, ONE.jwk(), TWO.jwk([ONE])))
    told = answer(200, stating(leaked, TWO.jwk()))
    built = rooted(ONE.jwk(), TWO.jwk([ONE]), signed=leaked)

    def two(at, number=1, **changes):
        return said(lease(at=T + at, nonce=nonce(number), **changes), signer=TWO)

    def with_root(name, about, says, *steps, pinned=pinned):
        case(f"root-{name}", about, says, *steps, needs=["root"], pinned=pinned)

    # Ten years, in the words of whoever has the leaked key.
    forged = said(lease(code="ACTIVATED", interval=10 * YEAR, grace=YEAR))
    learned = 2 * DAY
    hears = refresh(learned, None, keys=told)
    with_root("good", "The statement names the key of the lease.", "ACTIVE", activate(keys=good), look(HOUR))
    with_root("first-lease-by-a-leaked-key", "The statement distrusts the key that signs.", "NOT_ACTIVATED", activate(keys=told))
    with_root(
        "renewed-at-once",
        "The check that brings the statement brings a lease by a good key.",
        "ACTIVE",
        activate(keys=good),
        refresh(learned, two(learned), keys=told),
        look(learned + INTERVAL - HOUR),
    )
    with_root(
        "due-at-once",
        "The stored lease would have been fresh for years. It is due when the statement arrives.",
        "GRACE",
        activate(forged, keys=good),
        hears,
    )
    with_root(
        "due-after-a-restart",
        "A new build brings the statement. The stored lease is due, and no check has failed.",
        "REFRESH_DUE",
        activate(keys=good),
        restart(HOUR, pinned=built),
    )
    with_root(
        "unlocked-to-the-last-second",
        "One second before interval and grace have passed since the statement arrived.",
        "GRACE",
        activate(said(lease(code="ACTIVATED", interval=DAY, grace=7 * DAY, exp=T + YEAR)), keys=good),
        hears,
        look(learned + 8 * DAY - 1),
    )
    with_root(
        "ends",
        "Interval and grace have passed since the statement arrived, and exp is a year away.",
        "LOCKED LEASE_EXPIRED",
        activate(said(lease(code="ACTIVATED", interval=DAY, grace=7 * DAY, exp=T + YEAR)), keys=good),
        hears,
        look(learned + 8 * DAY),
    )
    with_root(
        "forged-term-to-the-last-second",
        "Interval and grace of the lease are years. It ends after 30 days: one second before.",
        "GRACE",
        activate(forged, keys=good),
        hears,
        look(learned + 30 * DAY - 1),
    )
    with_root(
        "forged-term-ends",
        "Interval and grace of the lease are years. It ends after 30 days.",
        "LOCKED LEASE_EXPIRED",
        activate(forged, keys=good),
        hears,
        look(learned + 30 * DAY),
    )
    retired = answer(200, stating(statement(20, [TWO]), TWO.jwk()))
    yearly = said(lease(code="ACTIVATED", interval=DAY, grace=7 * DAY, exp=T + YEAR))
    with_root(
        "retired-key-to-the-last-second",
        "The statement leaves the key of the lease out and distrusts nothing: one second before the lease's own end.",
        "GRACE",
        activate(yearly, keys=good),
        refresh(learned, None, keys=retired),
        look(YEAR - 1),
    )
    with_root(
        "retired-key-ends",
        "The statement leaves the key of the lease out and distrusts nothing. The lease has its own end.",
        "LOCKED LEASE_EXPIRED",
        activate(yearly, keys=good),
        refresh(learned, None, keys=retired),
        look(YEAR),
    )
    with_root(
        "retired-key-renews-nothing",
        "A key that the statement leaves out signs another lease, which does not count.",
        "GRACE",
        activate(keys=good),
        refresh(learned, yes(learned), keys=retired),
    )
    with_root(
        "retired-key-is-as-old-as-it-says",
        "A lease of a retired key is stored. An older one of a good key does not take its place.",
        "GRACE",
        activate(said(lease(code="ACTIVATED", at=T + 3 * DAY, interval=DAY, grace=7 * DAY)), keys=good),
        refresh(4 * DAY, None, keys=retired),
        refresh(5 * DAY, two(2 * DAY), keys=retired),
    )
    later = answer(200, stating(statement(30, [TWO], "1"), TWO.jwk()))
    with_root(
        "distrusted-after-it-was-retired",
        "A second statement distrusts the retired key. Its leases run out from then on: one second before.",
        "GRACE",
        activate(forged, keys=good),
        refresh(learned, None, keys=retired),
        refresh(learned + 40 * DAY, None, keys=later),
        look(learned + 70 * DAY - 1),
    )
    with_root(
        "distrusted-after-it-was-retired-ends",
        "A second statement distrusts the retired key. Its leases run out from then on.",
        "LOCKED LEASE_EXPIRED",
        activate(forged, keys=good),
        refresh(learned, None, keys=retired),
        refresh(learned + 40 * DAY, None, keys=later),
        look(learned + 70 * DAY),
    )
    with_root(
        "vouched-for-by-a-distrusted-key",
        "The statement leaves 2 out, which nobody but the distrusted 1 has vouched for.",
        "LOCKED LEASE_EXPIRED",
        activate(said(lease(code="ACTIVATED", interval=10 * YEAR), signer=TWO), keys=answer(200, RING_TWO)),
        refresh(learned, None, keys=answer(200, stating(statement(20, [THREE], "1"), THREE.jwk()))),
        look(learned + 30 * DAY),
        pinned=rooted(ONE.jwk()),
    )
    with_root(
        "own-end-is-earlier",
        "The lease's own end comes first.",
        "LOCKED LEASE_EXPIRED",
        activate(keys=good),
        hears,
        look(INTERVAL + GRACE),
    )
    with_root(
        "moment-is-kept-through-a-restart",
        "The moment of the statement's arrival is stored.",
        "LOCKED LEASE_EXPIRED",
        activate(forged, keys=good),
        hears,
        restart(learned + 29 * DAY),
        look(learned + 30 * DAY),
    )
    with_root(
        "newer-statement-gives-no-time",
        "A newer statement distrusts the key again. The first moment counts.",
        "LOCKED LEASE_EXPIRED",
        activate(forged, keys=good),
        hears,
        refresh(learned + 20 * DAY, None, keys=answer(200, stating(statement(30, [TWO], "1"), TWO.jwk()))),
        look(learned + 30 * DAY),
    )
    with_root(
        "leaked-key-renews-nothing",
        "After the statement the leaked key signs another lease, which does not count.",
        "LOCKED LEASE_EXPIRED",
        activate(forged, keys=good),
        hears,
        refresh(learned + 25 * DAY, yes(learned + 25 * DAY, 2, interval=YEAR), 2, keys=told),
        look(learned + 30 * DAY),
    )
    with_root(
        "heard-before-the-answer",
        "The statement arrives with the very check that the leaked key answers.",
        "GRACE",
        activate(keys=good),
        refresh(learned, yes(learned), keys=told),
    )
    with_root(
        "lease-of-the-future",
        "The stored lease says that it was signed in ten years. A good one takes its place all the same.",
        "ACTIVE",
        activate(said(lease(code="ACTIVATED", at=T + 10 * YEAR)), keys=good),
        refresh(learned, two(learned), keys=told),
        look(learned + HOUR),
    )
    with_root(
        "lease-of-another-license",
        "The stored lease names another license. A good one of the license that is asked about takes its place.",
        "ACTIVE",
        activate(said(lease(code="ACTIVATED", sub=OTHER_ID)), keys=good),
        refresh(learned, two(learned), keys=told),
        look(learned + HOUR),
    )
    with_root(
        "refusal-after-a-forged-lease",
        "The stored lease says that it was signed in ten years. A good refusal locks all the same.",
        "LOCKED REVOKED",
        activate(said(lease(code="ACTIVATED", at=T + 10 * YEAR)), keys=good),
        refresh(learned, said(refusal("REVOKED", T + learned, nonce=nonce(1)), signer=TWO), keys=told),
    )
    with_root(
        "refusal-by-a-leaked-key",
        "After the statement the leaked key says that the license is revoked. Nothing is locked.",
        "GRACE",
        activate(keys=good),
        refresh(learned, refused("REVOKED", learned), keys=told),
    )
    with_root(
        "store-of-a-backup",
        "A store from before the statement is put back. The build has the statement.",
        "REFRESH_DUE",
        activate(keys=good, keep_store=True),
        refresh(learned, two(learned), keys=told),
        restart(learned + HOUR, store="kept", pinned=built),
    )
    with_root(
        "store-of-a-backup-hears-again",
        "A store from before the statement is put back. The next check brings the statement again.",
        "GRACE",
        activate(keys=good, keep_store=True),
        refresh(learned, two(learned), keys=told),
        restart(learned + HOUR, store="kept"),
        refresh(learned + 2 * HOUR, yes(learned + 2 * HOUR, 2), 2, keys=told),
    )
    with_root(
        "withheld",
        "Nobody shows the statement: the lease goes on as before.",
        "ACTIVE",
        activate(keys=good),
        refresh(learned, yes(learned), keys=answer(200, jwks(ONE.jwk(), TWO.jwk([ONE])))),
    )

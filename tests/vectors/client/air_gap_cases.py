"""The profile `state` with the ability `air-gap`: a machine without a network, and what people bring to it."""

import base64

import reference
from server import *
from state_cases import clock, look, moment, refresh, restart, activate, yes
from trust_cases import RING_TWO

LONG = 365 * DAY
RENEWAL = 30 * DAY


def request(at=0, number=0, license_key=LICENSE_KEY):
    named = {} if license_key is None else {"license_key": license_key}
    return {"do": "request", "clock": moment(at), "nonce": nonce(number), **named}


def renewal(at, number=1):
    return request(at, number, None)


def imported(at, text):
    return {"do": "import", "clock": moment(at), "text": text}


def give_back(at):
    return {"do": "give_back", "clock": moment(at)}


def long_lease(at=0, number=0, days=LONG, **changes):
    """The claims of a long lease that the operator signs `at` seconds after the activation."""
    renews = min(days // 4, RENEWAL)
    made = {"nonce": nonce(number), "code": "ACTIVATED", "air_gap": True, **changes}
    return lease(at=T + at, interval=days - renews, grace=renews, **made)


def answered(at=0, number=0, signer=ONE, keys=None, **changes):
    """The short text of the operator's answer."""
    return packed(jws(long_lease(at, number, **changes), signer), keys)


def packed(lease, keys=None):
    parts = [("j", base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in lease.split(".")]
    brought = [] if keys is None else [("k", json.dumps(keys, separators=(",", ":")).encode())]
    return reference.short_text("answer", reference.fields(*parts, *brought))


def disguised(text):
    """As a mail program quotes it."""
    mark, body = text[: text.index(":") + 1], text[text.index(":") + 1 :]
    lines = [mark] + [body[at : at + 40].lower() for at in range(0, len(body), 40)]
    quoted = "\r\n".join(f"> {line}  " for line in lines)
    return f"\ufeffDear Ms Example,\r\n\r\n{quoted}\r\n\r\nKind regards\r\nU. Vendor, 12 Lane"


def cases(case):
    needs = {"needs": ["air-gap"]}

    def gap(name, about, says, *steps, **more):
        case(f"air-gap-{name}", about, says, *steps, **needs, **more)

    ask, take = request(), imported(HOUR, answered())
    gap("requested", "A request alone unlocks nothing.", "NOT_ACTIVATED", ask)
    gap("activated", "The answer to the request has been imported.", "ACTIVE", ask, take)
    gap("to-the-renewal", "One second before refresh_at.", "ACTIVE", ask, take, look(LONG - RENEWAL - 1))
    gap("renewal-due", "At refresh_at.", "REFRESH_DUE", ask, take, look(LONG - RENEWAL))
    gap("to-its-end", "One second before exp.", "REFRESH_DUE", ask, take, look(LONG - 1))
    gap("outlived", "At exp.", "LOCKED LEASE_EXPIRED", ask, take, look(LONG))
    gap("after-a-restart", "The program starts again.", "ACTIVE", ask, take, restart(clock(DAY, 0)))
    late = LONG + 5 * DAY
    gap(
        "renewed",
        "Renewed before its end.",
        "ACTIVE",
        ask,
        take,
        renewal(LONG - DAY),
        imported(LONG - HOUR, answered(LONG - DAY, 1, code="REFRESHED")),
        look(LONG + HOUR),
    )
    gap(
        "renewed-after-its-end",
        "Renewed after its end.",
        "ACTIVE",
        ask,
        take,
        look(late),
        renewal(late),
        imported(late + HOUR, answered(late, 1, code="REFRESHED")),
    )
    gap("wrapped", "The answer comes in a quoted mail.", "ACTIVE", ask, imported(HOUR, disguised(answered())))
    gap("cut", "The end of the answer is missing.", "NOT_ACTIVATED", ask, imported(HOUR, answered()[:-9]))
    changed = answered()
    changed = changed[:60] + ("A" if changed[60] != "A" else "B") + changed[61:]
    gap("changed", "One character was changed.", "NOT_ACTIVATED", ask, imported(HOUR, changed))
    gap("no-answer", "Another text.", "NOT_ACTIVATED", ask, imported(HOUR, "Welcome to the hotel's network."))
    own = reference.short_text("request", b"content")
    gap("own-request", "The request in place of the answer.", "NOT_ACTIVATED", ask, imported(HOUR, own))
    gap("forged", "A stranger's signature.", "NOT_ACTIVATED", ask, imported(HOUR, answered(signer=STRANGER)))
    gap(
        "unknown-key",
        "Signed by a key that the machine does not know.",
        "NOT_ACTIVATED",
        ask,
        imported(HOUR, answered(signer=TWO)),
    )
    gap(
        "endorsed-key",
        "The answer brings the key and its endorsement.",
        "ACTIVE",
        ask,
        imported(HOUR, answered(signer=TWO, keys=RING_TWO)),
    )
    gap(
        "other-product",
        "A lease for another product.",
        "NOT_ACTIVATED",
        ask,
        imported(HOUR, answered(aud="ACME")),
    )
    refused = packed(jws({**refusal("REVOKED", T), "nonce": nonce(0)}))
    gap("refusal", "A signed refusal unlocks nothing.", "NOT_ACTIVATED", ask, imported(HOUR, refused))

    # The four attacks.
    gap("unasked", "Nothing was asked.", "NOT_ACTIVATED", look(0), imported(HOUR, answered()))
    gap(
        "other-nonce",
        "The answer to an earlier request, which another has replaced.",
        "NOT_ACTIVATED",
        ask,
        request(HOUR, 1),
        imported(2 * HOUR, answered()),
    )
    gap("imported-twice", "The same answer again.", "ACTIVE", ask, take, imported(2 * HOUR, answered()))
    gap(
        "imported-twice-after-its-end",
        "The same answer again, after its end.",
        "LOCKED LEASE_EXPIRED",
        ask,
        take,
        look(LONG),
        imported(LONG + HOUR, answered()),
    )
    kept = {**ask, "keep_store": True}
    gap(
        "restored-store",
        "The store with the waiting request is put back, and the answer imported again after its end.",
        "NOT_ACTIVATED",
        kept,
        take,
        restart(clock(LONG + DAY, 0), store="kept"),
        imported(clock(LONG + 2 * DAY, DAY), answered()),
    )
    renewed = imported(LONG - HOUR, answered(LONG - DAY, 1, code="REFRESHED"))
    gap(
        "restored-store-loses-the-renewal",
        "A store from before the renewal has the earlier end.",
        "LOCKED LEASE_EXPIRED",
        ask,
        {**take, "keep_store": True},
        renewal(LONG - DAY),
        renewed,
        restart(clock(LONG + DAY, 0), store="kept"),
    )
    gap(
        "other-machine",
        "Store and answer on another machine.",
        "NOT_ACTIVATED",
        kept,
        restart(clock(HOUR, 0), store="kept", hardware=OTHER_PC),
        imported(clock(2 * HOUR, HOUR), answered()),
    )
    gap(
        "lease-of-another-machine",
        "The answer states another machine.",
        "NOT_ACTIVATED",
        ask,
        imported(HOUR, answered(machine=OTHER_PC)),
    )
    gap(
        "clock-turned-back",
        "The clock is turned back after the end, and nothing else happens.",
        "CLOCK_SUSPECT locked",
        ask,
        take,
        look(LONG + DAY),
        look(clock(DAY, LONG + DAY + 60)),
    )
    gap(
        "clock-turned-back-and-imported-again",
        "The clock is turned back after the end, and the answer imported again.",
        "CLOCK_SUSPECT locked",
        ask,
        take,
        look(LONG + DAY),
        imported(clock(DAY, LONG + DAY + 60), answered()),
    )
    gap(
        "late-answer-and-a-clock-turned-back",
        "An answer that waited until its end is imported under a clock that was turned back.",
        "CLOCK_SUSPECT locked",
        ask,
        take,
        renewal(LONG - DAY),
        look(3 * LONG),
        imported(clock(LONG, 3 * LONG + 60), answered(LONG - DAY, 1, code="REFRESHED")),
    )
    gap(
        "late-answer",
        "An answer that waited for a month counts from its own moment.",
        "REFRESH_DUE",
        ask,
        imported(40 * DAY, answered(days=60 * DAY)),
        look(50 * DAY),
    )
    gap(
        "ended-on-its-way",
        "An answer that ended on its way changes nothing.",
        "NOT_ACTIVATED",
        ask,
        imported(40 * DAY, answered(days=30 * DAY)),
    )
    gap(
        "slow-clock",
        "The machine's clock is ten years slow; the answer's moment is the least that has passed.",
        "ACTIVE",
        request(clock(-10 * YEAR, 0)),
        imported(clock(-10 * YEAR + HOUR, HOUR), answered()),
    )
    gap(
        "fast-clock",
        "The machine's clock is two years fast, so the answer has ended by it.",
        "NOT_ACTIVATED",
        request(clock(2 * YEAR, 0)),
        imported(clock(2 * YEAR + HOUR, HOUR), answered()),
    )
    gap(
        "fast-clock-set-right",
        "The clock is set right and the program restarted. The same answer counts: the request still waits.",
        "ACTIVE",
        request(clock(2 * YEAR, 0)),
        imported(clock(2 * YEAR + HOUR, HOUR), answered()),
        restart(clock(2 * HOUR, 0)),
        imported(clock(3 * HOUR, HOUR), answered()),
    )
    gap(
        "ended-renewal-of-a-lease-that-lasts",
        "A renewal that lay on a shelf until its end takes no later lease along.",
        "ACTIVE",
        ask,
        take,
        renewal(DAY),
        imported(40 * DAY, answered(DAY, 1, days=30 * DAY, code="REFRESHED")),
    )
    case(
        "air-gap-time-changed",
        "The stored time was changed by hand. No answer tells how much time has passed since.",
        "CLOCK_SUSPECT locked",
        ask,
        take,
        restart(clock(DAY, 0), store="time_changed"),
        renewal(clock(DAY, 60)),
        imported(clock(2 * DAY, DAY), answered(DAY, 1, code="REFRESHED")),
        needs=["air-gap", "sealed-time"],
    )
    gap("given-back", "The seat was given back.", "NOT_ACTIVATED", ask, take, give_back(2 * HOUR))
    gap(
        "given-back-and-imported-again",
        "The answer is imported again after the seat was given back.",
        "NOT_ACTIVATED",
        ask,
        take,
        give_back(2 * HOUR),
        imported(3 * HOUR, answered()),
    )
    gap(
        "given-back-with-a-renewal-on-its-way",
        "An answer to an earlier request arrives after the seat was given back.",
        "NOT_ACTIVATED",
        ask,
        take,
        renewal(2 * HOUR),
        give_back(3 * HOUR),
        imported(4 * HOUR, answered(3 * HOUR, 1)),
    )
    gap(
        "activated-again",
        "Activated again after the seat was given back.",
        "ACTIVE",
        ask,
        take,
        give_back(2 * HOUR),
        request(3 * HOUR, 2),
        imported(4 * HOUR, answered(3 * HOUR, 2)),
    )
    gap("online-license", "A license of the network gives no receipt.", "ACTIVE", activate(), give_back(HOUR))
    gap(
        "back-online",
        "A check online replaces the long lease.",
        "REFRESH_DUE",
        ask,
        take,
        refresh(2 * DAY, yes(2 * DAY)),
        look(3 * DAY),
    )

"""The profile `state` with the ability `limits`: numbers of a license, and builds that its maintenance covers."""

from server import *
from state_cases import activate, clock, look, refresh, refused, restart, yes

UNTIL = "2026-10-31"
ASKED = {"agents": 1, "projects": 2}


def covering(until=UNTIL, **more):
    """The answer to an activation under maintenance."""
    return said(lease(code="ACTIVATED", updates_until=until, **more))


def cases(case):
    def limits(name, about, says, *steps, limits=None, build=None, needs=("limits",)):
        more = {} if build is None else {"build_date": build}
        case(name, about, says, *steps, needs=needs, asked=ASKED, limits=limits, **more)

    numbers = {"agents": 5, "others": 7}
    granted = activate(said(lease(code="ACTIVATED", limits=numbers)))
    limits("limits-of-a-lease", "The default where the lease names none.", "ACTIVE", granted, limits=[5, 2])
    limits("limits-offline", "After days without a server.", "REFRESH_DUE", granted, look(INTERVAL), limits=[5, 2])
    limits("limits-without-any", "A lease without limits.", "ACTIVE", activate(), limits=[1, 2])
    limits(
        "limits-after-the-end", "Offline use has ended.", "LOCKED LEASE_EXPIRED", granted, look(INTERVAL + GRACE),
        limits=[1, 2],
    )
    limits(
        "limits-of-the-next-lease", "A check brought other numbers.", "ACTIVE", granted,
        refresh(HOUR, yes(HOUR, limits={"agents": 0, "projects": 9007199254740991})),
        limits=[0, 9007199254740991],
    )
    limits(
        "limits-that-are-no-numbers", "A lease with a text for a limit is not read.", "NOT_ACTIVATED",
        activate(said(lease(code="ACTIVATED", limits={"agents": "5"}))), limits=[1, 2], needs=["limits", "strict"],
    )
    older, same, younger = "2026-10-30", UNTIL, "2026-11-01"
    cover = activate(covering())
    limits("build-older", "A build of the day before the end.", "ACTIVE", cover, build=older, limits=[1, 2])
    limits("build-of-the-last-day", "The last day itself is covered.", "ACTIVE", cover, build=same, limits=[1, 2])
    ended = "LOCKED UPDATES_ENDED"
    limits("build-younger", "A build of the day after the end.", ended, cover, build=younger, limits=[1, 2])
    limits(
        "build-younger-with-limits", "Limits have their default.", ended,
        activate(covering(limits=numbers)), build=younger, limits=[1, 2],
    )
    limits("build-without-a-date", "The application names no build.", "ACTIVE", cover, limits=[1, 2])
    limits("build-without-an-end", "No end of maintenance.", "ACTIVE", activate(), build="2099-01-01", limits=[1, 2])
    limits(
        "build-and-a-turned-clock", "A clock that was turned back does not unlock.", ended, cover,
        look(clock(-30 * DAY, HOUR)), build=younger, limits=[1, 2],
    )
    limits(
        "build-and-an-ended-lease", "The build decides before the clock.", ended, cover, look(INTERVAL + GRACE),
        build=younger, limits=[1, 2],
    )
    limits(
        "build-and-a-refusal", "A signed refusal comes first.", "LOCKED REVOKED", cover,
        refresh(HOUR, refused("REVOKED", HOUR)), build=younger, limits=[1, 2],
    )
    limits(
        "build-updated", "The application was updated after the end.", ended, cover,
        restart(HOUR, build_date=younger), build=older, limits=[1, 2],
    )
    limits(
        "build-put-back", "The older version was installed again.", "ACTIVE", cover,
        restart(HOUR, build_date=same), build=younger, limits=[1, 2],
    )
    limits(
        "build-renewed", "The maintenance was renewed, and a check brought it.", "ACTIVE", cover,
        refresh(HOUR, yes(HOUR, updates_until="2027-10-31")), build=younger, limits=[1, 2],
    )
    limits(
        "build-not-a-date", "A lease whose end is not a date is not read.", "NOT_ACTIVATED",
        activate(covering("31.10.2026")), build=younger, limits=[1, 2], needs=["limits", "strict"],
    )

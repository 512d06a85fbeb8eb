"""States, the snapshot and its parts."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_NO_LIMITS: Mapping[str, int] = MappingProxyType({})


class State(enum.Enum):
    """State of an installation, to be shown. `Licensing.unlocked` decides whether the application may run."""

    NOT_ACTIVATED = "NotActivated"
    """No license counts on this machine. Features are off."""
    ACTIVE = "Active"
    """The license is valid and was checked recently. Features are on."""
    REFRESH_DUE = "RefreshDue"
    """The license is valid and the next check is due. Features are on."""
    GRACE = "Grace"
    """The license is valid, but the last check got no answer. Features are on."""
    LOCKED = "Locked"
    """The server refused the license, or offline use has ended. Features are off."""
    CLOCK_SUSPECT = "ClockSuspect"
    """The clock was turned back, or the stored time was edited. Features are on until the lease ends; after an edit
    they are off."""


@dataclass(frozen=True)
class Message:
    """A sentence and a next step in English. A table of your own translates them by the id."""

    id: str
    """Name of the message, as `proxy_password`; docs/messages.md lists all of them."""
    sentence: str
    """States the fact."""
    next_step: str
    """Says how to go on."""

    def __str__(self) -> str:
        return f"{self.sentence} {self.next_step}"

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Message:
        """Reads the library's JSON."""
        return cls(id=value["id"], sentence=value["sentence"], next_step=value["next_step"])


@dataclass(frozen=True)
class SeatHolder:
    """A device that holds a seat. One of them can lose its seat by a transfer."""

    id: str
    """Id for `Licensing.transfer(from_device=…)`."""
    name: str | None
    """Name that the device was activated under."""
    last_seen_at: datetime.datetime | None
    """Last check of that device."""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> SeatHolder:
        """Reads the library's JSON."""
        return cls(id=value["id"], name=value.get("name"), last_seen_at=moment(value.get("last_seen_at")))


@dataclass(frozen=True)
class License:
    """The license as the last signed answer describes it. Locked states have one too."""

    id: str
    """License id, `lic_…`; safe to log."""
    masked_key: str
    """License key in a form that may be shown."""
    tier: str | None
    """Tier of the catalog, `pro`."""
    features: tuple[str, ...]
    """Features of the tier and of this license, also while they are off."""
    expires_at: datetime.datetime | None
    """End of the license; `None` for a perpetual one."""
    device_id: str | None
    """Id of this device, where it holds a seat."""
    offline_until: datetime.datetime | None
    """End of offline use; `None` while the features are off."""
    refresh_at: datetime.datetime | None
    """Start of the period in which the library renews the lease; `None` after a refusal."""
    checked_at: datetime.datetime | None
    """Moment of the last signed answer about the license, by the server's clock."""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> License:
        """Reads the library's JSON."""
        return cls(
            id=value["id"],
            masked_key=value["masked_key"],
            tier=value["tier"],
            features=tuple(value["features"]),
            expires_at=moment(value["expires_at"]),
            device_id=value["device_id"],
            offline_until=moment(value["offline_until"]),
            refresh_at=moment(value["refresh_at"]),
            checked_at=moment(value["checked_at"]),
        )


@dataclass(frozen=True)
class AirGapText:
    """A text that a person carries between a machine without a network and the vendor."""

    file: str
    """Whole content of a file, with sentences for people."""
    short: str
    """The same on one line, for a QR code."""
    file_name: str
    """Name for the file."""


@dataclass(frozen=True)
class Pending:
    """A request that waits for the server."""

    name: str
    """`activate`, `deactivate` or `release_seat`."""
    message: Message
    """Sentence and next step for the user."""


@dataclass(frozen=True)
class Device:
    """This device, as the server and other users of the license see it."""

    name: str
    """Name that other users of the license see."""
    labels: tuple[str, ...]
    """Kinds of hardware components that were found. Their values never leave the process."""
    platform: str
    """`physical`, `container` or `virtual_machine`."""


@dataclass(frozen=True)
class Snapshot:
    """Everything that the library knows at one instant. It holds no license key and no hardware value."""

    version: int
    """Version of this form. It grows when a member changes its meaning, and not for a new member."""
    state: State
    """State of the installation."""
    unlocked: bool
    """True while the application may run. Decide by this member and by no comparison of states."""
    lock_code: str | None
    """Reason of the lock, as `REVOKED`, in the state `LOCKED`."""
    message: Message
    """Message about the state."""
    features: tuple[str, ...]
    """Features that are on: those of the license while `unlocked`, and none otherwise."""
    license: License | None
    """The license, where a signed answer about this machine is stored; also while it is locked."""
    pending: Pending | None
    """Request that waits for the server."""
    notice: Message | None
    """Problem with the place where the license is saved."""
    device: Device
    """This device."""
    now: datetime.datetime
    """Moment of the evaluation: the later of the local clock and the time known to have passed."""
    limits: Mapping[str, int] = field(default_factory=lambda: _NO_LIMITS, hash=False)
    """Numbers of the license, as `{"agents": 3}`, while `unlocked`."""
    updates_until: datetime.date | None = None
    """Last day whose versions of the application the license covers; `None` without such an end."""

    updates_version: str | None = None
    """Newest version up to that day, where the vendor lists it."""

    @classmethod
    def of_json(cls, text: str) -> Snapshot:
        """Reads the library's JSON. Members that this version does not know are ignored."""
        value = json.loads(text)
        license_, pending, notice = value["license"], value["pending"], value["notice"]
        device = value["device"]
        updates_until = value.get("updates_until")
        return cls(
            version=value["version"],
            state=State(value["state"]),
            unlocked=value["unlocked"],
            lock_code=value["lock_code"],
            message=Message.of(value["message"]),
            features=tuple(value["features"]),
            license=None if license_ is None else License.of(license_),
            pending=None if pending is None else Pending(pending["name"], Message.of(pending["message"])),
            notice=None if notice is None else Message.of(notice),
            device=Device(device["name"], tuple(device["labels"]), device["platform"]),
            now=moment_of(value["now"]),
            limits=MappingProxyType(dict(value.get("limits") or {})),
            updates_until=None if updates_until is None else datetime.date.fromisoformat(updates_until),
            updates_version=value.get("updates_version"),
        )


def moment(seconds: int | None) -> datetime.datetime | None:
    """Returns seconds since 1970 as a moment in UTC."""
    return None if seconds is None else moment_of(seconds)


def moment_of(seconds: int) -> datetime.datetime:
    """Returns seconds since 1970 as a moment in UTC. A moment beyond the calendar becomes its last one."""
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    except (OverflowError, ValueError, OSError):
        return datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)

"""Exceptions: one tree, and one reader of the library's failures.

An exception changes no license by itself; `Licensing.state` says what counts.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from ._types import Message, SeatHolder, moment


class FalconerError(Exception):
    """Failure of a call. `str()` is the English sentence and the next step; no license key is in it."""

    kind: str
    """Kind of failure, as `offline`."""
    cause: str | None
    """Cause within the kind, as `proxy_password`; `None` where the kind has one cause."""
    code: str | None
    """Code of the server's refusal, as `SEATS_EXHAUSTED`. Codes that this version does not know are kept."""
    message: Message
    """Sentence and next step for the user."""
    advice: str
    """Both in one English text."""
    advice_id: str
    """Name of the message, by which a table of your own translates it."""
    retry_at: datetime.datetime | None
    """Earliest moment at which the same call can succeed, where the server named one."""
    devices: tuple[SeatHolder, ...]
    """Devices that hold the seats, where a refusal lists them."""

    def __init__(self, failure: Mapping[str, Any]) -> None:
        super().__init__(failure.get("detail") or failure["advice"])
        self._failure = dict(failure)
        self.kind = failure["kind"]
        self.cause = failure["cause"]
        self.code = failure["code"]
        self.message = Message.of(failure["message"])
        self.advice = failure["advice"]
        self.advice_id = self.message.id
        self.retry_at = _retry_at(failure)
        self.devices = tuple(SeatHolder.of(holder) for holder in failure["holders"])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._failure,)


class Refused(FalconerError):
    """The server refused; `code` says why. Only a signed refusal can lock, and then `Licensing.state` is `LOCKED`."""


class Offline(FalconerError):
    """No whole answer arrived; `cause` is `dns`, `connect`, `proxy`, `proxy_password`, `certificate`, `clock`,
    `timeout`, `cancelled`, `not_the_server` or `unreachable`."""


class Busy(FalconerError):
    """The server is busy or down. `retry_at` is set where it asks for a wait."""


class InvalidAnswer(FalconerError):
    """An answer arrived that does not count: of a portal, forged, replayed, or about something else."""


class InvalidInput(FalconerError, ValueError):
    """The typed text cannot be valid; nothing was sent. `cause` is `invalid_key`, `invalid_name`, `invalid_email` or
    `missing_key`."""


class NothingSent(FalconerError):
    """The operating system supplied no random bytes; nothing was sent."""


class Forked(FalconerError):
    """This process was forked from the one that opened the license; nothing was sent."""


class StoreFailed(FalconerError):
    """The machine has no place for the license: no folder, and no memory."""


class InvalidSetting(FalconerError, ValueError):
    """The application opens its license with a setting that is not valid. `str()` is for its developer."""


class NotAirGapped(FalconerError):
    """The license came over the network, so `Licensing.deactivate` gives it back."""


class Closed(FalconerError):
    """The license was closed."""

    def __init__(self, failure: Mapping[str, Any] | None = None) -> None:
        super().__init__(failure or _CLOSED)


_CLOSED: Mapping[str, Any] = {
    "kind": "closed",
    "cause": None,
    "code": None,
    "retry_after_seconds": None,
    "next_transfer_at": None,
    "holders": [],
    "message": {
        "id": "closed",
        "sentence": "The application has closed its license.",
        "next_step": "Start the application again.",
    },
    "advice": "The application has closed its license. Start the application again.",
    "detail": "this license was closed; open another Licensing",
}

_KINDS: Mapping[str, type[FalconerError]] = {
    "offline": Offline,
    "busy": Busy,
    "refused": Refused,
    "answer": InvalidAnswer,
    "input": InvalidInput,
    "nothing_sent": NothingSent,
    "forked": Forked,
    "store": StoreFailed,
    "not_air_gapped": NotAirGapped,
    "setting": InvalidSetting,
}


def error_of(failure: Mapping[str, Any]) -> FalconerError:
    """Makes the exception of a failure."""
    return _KINDS.get(failure["kind"], FalconerError)(failure)


class Waiting:
    """Result of a call whose request is saved, since no answer counts. A later refresh sends it."""

    def __init__(self, error: FalconerError) -> None:
        self.error = error
        """Why it waits. It was not raised."""
        self.advice = error.advice
        """Sentence and next step in English."""
        self.advice_id = error.advice_id
        """Name of that message."""
        self.retry_at = error.retry_at
        """Earliest moment of the next attempt, where the server named one."""

    def __repr__(self) -> str:
        return f"<Waiting: {self.advice_id}>"


def _retry_at(failure: Mapping[str, Any]) -> datetime.datetime | None:
    next_transfer_at = moment(failure["next_transfer_at"])
    if next_transfer_at is not None or failure["retry_after_seconds"] is None:
        return next_transfer_at
    # A server may name any number; a year is as good as for ever.
    seconds = min(failure["retry_after_seconds"], 365 * 86_400)
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)

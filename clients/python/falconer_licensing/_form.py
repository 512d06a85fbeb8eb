"""The activation dialog without a screen, for a toolkit of your own. `falconer_licensing.tk` and `falconer_licensing.qt`
draw it."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _exit, _native
from ._errors import FalconerError, error_of
from ._licensing import Licensing
from ._types import Message, SeatHolder, moment


class Field(enum.Enum):
    """A field of the form."""

    KEY = "key"
    NAME = "name"
    EMAIL = "email"


class Phase(enum.Enum):
    """Step of the dialog."""

    EDITING = "editing"
    """The user is typing."""
    WORKING = "working"
    """A request is under way; input is ignored."""
    FAILED = "failed"
    """The attempt failed. The fields can be corrected."""
    WAITING = "waiting"
    """No answer counts; the activation is saved and will be sent later."""
    DONE = "done"
    """The license is active."""
    OTHER = "other"
    """A step that a later version of the library has; show its message."""


@dataclass(frozen=True)
class NextAction:
    """Action that a dialog offers after a failure."""

    name: str
    """`correct`, `try_again`, `wait_until`, `move_here` or `ask_vendor`."""
    field: Field | None = None
    """The field to correct."""
    moment: datetime.datetime | None = None
    """The moment from which on the same can succeed."""
    holders: tuple[SeatHolder, ...] = ()
    """The devices that hold the seats."""

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> NextAction:
        """Reads the library's JSON."""
        field = value.get("field")
        return cls(
            name=value["name"],
            field=None if field is None else Field(field),
            moment=moment(value.get("moment")),
            holders=tuple(SeatHolder.of(holder) for holder in value.get("holders", ())),
        )


@dataclass(frozen=True)
class FormView:
    """Everything to draw but the texts of the fields."""

    phase: Phase
    message: Message
    """Message of the step."""
    error: FalconerError | None
    """Failure of the last attempt. It was not raised."""
    next: NextAction | None
    """Action to offer."""
    chosen: str | None
    """Id of the device that would lose its seat."""
    invalid: tuple[Field, Message] | None
    """First field whose text cannot be valid, with the message to show beside it."""


class Request:
    """A request that the form has begun. Run it on a thread that may wait, and pass its result to `finish`."""

    def __init__(self, job: _native.Job, handle: _native.Handle) -> None:
        self._job = job
        self._handle = handle

    def run(self) -> _native.Outcome:
        """Asks the server, once."""
        return self._job.run(self._handle)


class ActivationForm:
    """Model of the activation form. Use it on one thread; only `Request.run` belongs on another."""

    def __init__(self, licensing: Licensing) -> None:
        self._handle = licensing._handle
        self._form = _native.Form(self._handle)
        _exit.remember(self)

    def text(self, field: Field) -> str:
        """Returns the text of a field. That of the key is the license key: do not log it."""
        return self._form.text(field.value)

    def display_text(self, field: Field) -> str:
        """Returns the text to draw: a complete key is masked while another field has the focus."""
        return self._form.display_text(field.value)

    def set(self, field: Field, text: str) -> None:
        """Replaces the text of a field. Ignored while a request is under way."""
        self._form.set(field.value, text)

    @property
    def focus(self) -> Field:
        """The field that receives input."""
        return Field(self._form.focus)

    def focus_on(self, field: Field) -> None:
        """Moves the focus. A complete key that loses it is rewritten as it is printed."""
        self._form.focus_on(field.value)

    def view(self) -> FormView:
        """Returns everything to draw."""
        value = json.loads(self._form.view())
        failure, next_, invalid = value["failure"], value["next"], value["invalid"]
        return FormView(
            phase=Phase(value["phase"]),
            message=Message.of(value["message"]),
            error=None if failure is None else error_of(failure),
            next=None if next_ is None else NextAction.of(next_),
            chosen=value["chosen"],
            invalid=None if invalid is None else (Field(invalid["field"]), Message.of(invalid["message"])),
        )

    def submit(self) -> Request | None:
        """Begins the activation, if the fields can be valid."""
        return self._request(self._form.submit())

    def send_pending(self) -> Request:
        """Begins to send an activation that was saved at an earlier start and still waits."""
        return Request(self._form.send_pending(), self._handle)

    def move_here(self) -> Request | None:
        """Begins to move the license to this device, where that is offered."""
        return self._request(self._form.move_here())

    def choose(self, device: str) -> None:
        """Chooses the device that loses its seat, by its id."""
        holders = (self.view().next or NextAction("")).holders
        for _ in holders:
            if self.view().chosen == device:
                return
            self._form.choose_next_holder()

    def finish(self, outcome: _native.Outcome) -> None:
        """Takes the result of a request and moves to the next step."""
        self._form.finish(outcome)

    def cancel(self) -> None:
        """Cancels the request under way: its `run` returns soon."""
        self._form.cancel()

    def close(self, timeout: float = 0) -> None:
        """Cancels the request under way, at the end of the program."""
        self.cancel()

    def __repr__(self) -> str:
        return f"<ActivationForm: {self.view().phase.name}>"

    def _request(self, job: _native.Job | None) -> Request | None:
        return None if job is None else Request(job, self._handle)

"""The dialog that both toolkits draw: what is shown at each moment, and the thread that asks the server."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

from . import _native
from ._errors import Closed
from ._form import ActivationForm, Field, FormView, Phase, Request
from ._licensing import Licensing
from ._types import SeatHolder
from .texts import Texts

POLL_MILLISECONDS = 40
"""Time between two looks for an outcome. A toolkit's widgets belong to one thread, so that thread looks."""

_THREAD = "falconer-dialog"
_CORRECTABLE = "correct"


@dataclass(frozen=True)
class DialogView:
    """Everything to draw."""

    sentence: str
    next_step: str
    detail: str
    """A date, a code, or that the activation is saved."""
    field: Field | None
    """Field that the sentence belongs beside."""
    holders: tuple[tuple[str, str], ...]
    """Ids of the devices that hold the seats, and their lines."""
    chosen: str | None
    working: bool
    """Input is ignored, and the request can be cancelled."""
    may_move: bool
    may_try_again: bool
    """An activation is saved and can be sent again."""
    done: bool


class DialogModel:
    """The form of one dialog. One thread uses it."""

    def __init__(self, licensing: Licensing, texts: Texts, key: str, name: str, email: str) -> None:
        self.licensing = licensing
        self.texts = texts
        self.form = ActivationForm(licensing)
        self._outcomes: queue.SimpleQueue[_native.Outcome] = queue.SimpleQueue()
        for field, text in ((Field.KEY, key), (Field.NAME, name), (Field.EMAIL, email)):
            if text:
                self.form.set(field, text)
        pending = licensing.pending
        if pending is not None and pending.name == "activate":
            self.try_again()

    def submit(self) -> None:
        """Activates, if the fields can be valid."""
        self._begin(self.form.submit())

    def move_here(self) -> None:
        """Moves the license to this device."""
        self._begin(self.form.move_here())

    def try_again(self) -> None:
        """Sends the activation that waits."""
        self._begin(self.form.send_pending())

    def poll(self) -> bool:
        """Takes the outcome of the request under way. Returns true if it has come."""
        try:
            self.form.finish(self._outcomes.get_nowait())
        except queue.Empty:
            return False
        return True

    def view(self) -> DialogView:
        """Returns everything to draw."""
        form = self.form.view()
        message = self.texts.message(form.message)
        return DialogView(
            sentence=message.sentence,
            next_step=message.next_step,
            detail=self._detail(form),
            field=form.next.field if form.next is not None and form.next.name == _CORRECTABLE else None,
            holders=tuple((holder.id, self._line(holder)) for holder in _holders(form)),
            chosen=form.chosen,
            working=form.phase is Phase.WORKING,
            may_move=form.next is not None and form.next.name == "move_here",
            may_try_again=form.phase is Phase.WAITING,
            done=form.phase is Phase.DONE,
        )

    def close(self) -> bool:
        """Cancels what is under way. Returns true if the application may run."""
        self.form.cancel()
        try:
            return self.licensing.unlocked
        except Closed:
            # The application has ended before its dialog.
            return False

    def _begin(self, request: Request | None) -> None:
        if request is not None:
            threading.Thread(target=self._run, args=(request,), name=_THREAD, daemon=True).start()

    def _run(self, request: Request) -> None:
        self._outcomes.put(request.run())

    def _detail(self, form: FormView) -> str:
        if form.next is not None and form.next.name == "wait_until":
            return self.texts.caption("dialog.wait_until", moment=self.texts.moment(form.next.moment))
        if form.phase is Phase.WAITING and (pending := self.licensing.pending) is not None:
            return self.texts.message(pending.message).sentence
        asks_vendor = form.next is not None and form.next.name == "ask_vendor"
        if asks_vendor and form.error is not None and form.error.code is not None:
            return self.texts.caption("dialog.code", code=form.error.code)
        return ""

    def _line(self, holder: SeatHolder) -> str:
        name = holder.name or self.texts.caption("dialog.unnamed")
        return self.texts.caption("dialog.holder", name=name, moment=self.texts.moment(holder.last_seen_at))


def _holders(form: FormView) -> tuple[SeatHolder, ...]:
    return () if form.next is None else form.next.holders

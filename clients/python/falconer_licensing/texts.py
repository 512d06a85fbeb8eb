"""Texts of the dialogs, in English or by a vendor's table."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping
from typing import Any, Callable

from ._types import Message

ENGLISH: Mapping[str, str] = {
    "dialog.title": "Activate your license",
    "dialog.key": "License key",
    "dialog.name": "Name",
    "dialog.email": "E-mail",
    "dialog.activate": "Activate",
    "dialog.move": "Move to this device",
    "dialog.try_again": "Try again",
    "dialog.cancel": "Cancel",
    "dialog.close": "Close",
    "dialog.holders": "The license is in use on:",
    "dialog.holder": "{name}, last seen {moment}",
    "dialog.unnamed": "a device without a name",
    "dialog.unknown_moment": "at an unknown time",
    "dialog.wait_until": "It may move again on {moment}.",
    "dialog.code": "Code: {code}",
}
"""Captions of the dialogs by id. A table may replace each."""


class Texts:
    """Texts of a dialog.

    `table` maps the ids of docs/messages.md to objects with `sentence` and `next_step`, and the ids of `ENGLISH` to texts.
    An id without an entry is shown in English, so that a table written for an earlier version still works.
    """

    def __init__(
        self,
        table: Mapping[str, Any] | None = None,
        *,
        format_moment: Callable[[datetime.datetime], str] | None = None,
    ) -> None:
        self._table = dict(table or {})
        self._format_moment = format_moment or _local_minutes

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        format_moment: Callable[[datetime.datetime], str] | None = None,
    ) -> Texts:
        """Reads the table from a JSON file."""
        with open(path, encoding="utf-8-sig") as file:
            return cls(json.load(file), format_moment=format_moment)

    def message(self, message: Message) -> Message:
        """Translates a message."""
        entry: Any = self._table.get(message.id)
        if not isinstance(entry, dict):
            return message
        texts: dict[str, Any] = {"sentence": message.sentence, "next_step": message.next_step, **entry}
        return Message(message.id, str(texts["sentence"]), str(texts["next_step"]))

    def caption(self, id: str, **values: str) -> str:  # noqa: A002
        """Returns a caption with its values filled in."""
        text = self._table.get(id, ENGLISH[id])
        for name, value in values.items():
            text = str(text).replace("{" + name + "}", value)
        return str(text)

    def moment(self, moment: datetime.datetime | None) -> str:
        """Writes a moment."""
        return self.caption("dialog.unknown_moment") if moment is None else self._format_moment(moment)


def _local_minutes(moment: datetime.datetime) -> str:
    try:
        return moment.astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return moment.strftime("%Y-%m-%d")

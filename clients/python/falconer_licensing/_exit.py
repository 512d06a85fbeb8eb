"""The end of the interpreter and of forked children.

A daemon thread that waits in the library must have left before the interpreter goes away. At exit every license is
closed, which ends the calls that wait, and the exit waits a moment for their threads.
"""

from __future__ import annotations

import atexit
import os
import time
import weakref
from typing import Protocol

from . import _native

_EXIT_SECONDS = 2.0
"""Longest wait at exit. A cancelled call ends within milliseconds, unless a slow disk holds it."""


class _Endable(Protocol):
    def close(self, timeout: float = ...) -> object: ...


_opened: weakref.WeakSet[_Endable] = weakref.WeakSet()


def remember(opened: _Endable) -> None:
    """Closes it at the end of the interpreter, if it is still there."""
    _opened.add(opened)


def _close_all() -> None:
    begun = time.monotonic()
    for opened in list(_opened):
        opened.close(_EXIT_SECONDS)
    while _native.calls_in_progress() and time.monotonic() - begun < _EXIT_SECONDS:
        time.sleep(0.005)


def _forget() -> None:
    """In a forked child, the parent's licenses and calls are the parent's."""
    _opened.clear()
    _native.forget_calls()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)

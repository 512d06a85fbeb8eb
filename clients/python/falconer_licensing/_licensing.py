"""The handle that an application holds."""

from __future__ import annotations

import datetime
import json
import logging
import os
import threading
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Callable, TypeVar, Union

from . import _exit, _native
from ._errors import Closed, InvalidSetting, Waiting, error_of
from ._types import AirGapText, Device, License, Message, Pending, Snapshot, State

_logger = logging.getLogger("falconer_licensing")
_Result = TypeVar("_Result")

StrPath = Union[str, "os.PathLike[str]"]
Listener = Callable[[State], object]

CHANGES_THREAD = "falconer-changes"
"""Name of the thread that calls listeners."""
_CLOSE_SECONDS = 2.0


class Licensing:
    """A licensed installation.

    Calls that ask the server block, for up to 35 seconds each request, without holding the interpreter's lock: make
    them on a thread that may wait. They run one after another. On the main thread Ctrl-C ends them. `state`, `unlocked`,
    `has_feature`, `limit` and `snapshot` never wait for network or disk. All methods may be called from any thread.

    In a forked child `unlocked` and the other looks go on, and calls raise `Forked`: open a license of the child's own.
    """

    def __init__(
        self,
        product: str,
        server: str,
        *,
        keys: str | bytes | Mapping[str, Any],
        app_id: str | None = None,
        root: str | None = None,
        formerly: Iterable[str] = (),
        store: StrPath | None = None,
        store_for_all_users: StrPath | None = None,
        store_in_memory: bool = False,
        device_name: str | None = None,
        build_date: str | datetime.date | None = None,
        proxy: str | None = None,
        timeout: float | datetime.timedelta | None = None,
        root_certificates: Iterable[str] = (),
        allow_machine_id_override: bool = False,
    ) -> None:
        """Opens the license. Reads file and hardware, and sends no request.

        `product` is the code that the license keys begin with, as `QF`; `server` the address, as
        `https://licenses.example.com`; `keys` the answer of `/api/keys`, saved when the application was built.

        - `app_id`: the application as a domain in reverse, as `com.example.app`. It names the folder with the license.
        - `root`: the vendor's root, where `keys` has none (docs/root-key.md).
        - `formerly`: hosts that the server had before.
        - `store`: file of the license; the default is `license.db` in the user's data folder.
        - `store_for_all_users`: the same for all users of the machine.
        - `store_in_memory`: keep nothing, for tests.
        - `device_name`: name that other users of the license see.
        - `build_date`: day on which this build was made, a constant of the build. A license whose maintenance ended before
          is locked with `UPDATES_ENDED`; older builds run on (docs/maintenance.md).
        - `proxy`: URL of a proxy in place of the one in the machine's settings.
        - `timeout`: seconds of one attempt, 1 to 60; the default is 5.
        - `root_certificates`: certificates (PEM) to trust beside the operating system's.
        - `allow_machine_id_override`: let the variable `FALCONER_MACHINE_ID` replace all hardware, in containers.

        Raises `InvalidSetting` for a mistake in the settings. A problem on the user's machine, such as a full disk, never
        keeps the license from opening; `notice` reports it.
        """
        settings: dict[str, Any] = {
            "app_id": app_id,
            "root": root,
            "formerly": list(formerly),
            "store": None if store is None else os.fspath(store),
            "store_for_all_users": None if store_for_all_users is None else os.fspath(store_for_all_users),
            "store_in_memory": store_in_memory,
            "device_name": device_name,
            "build_date": None if build_date is None else str(build_date),
            "proxy": proxy,
            "timeout": _seconds(timeout),
            "root_certificates": list(root_certificates),
            "allow_machine_id_override": allow_machine_id_override,
        }
        try:
            handle = _native.open(product, server, _text_of(keys), settings)
        except ValueError as error:
            raise _not_opened(error) from None
        self._adopt(product, handle)

    def _adopt(self, product: str, handle: _native.Handle) -> None:
        self._product = product
        self._handle = handle
        self._process = os.getpid()
        self._listeners: list[Listener] = []
        self._dispatcher: threading.Thread | None = None
        _exit.remember(self)

    # ---- looks, without network and disk

    @property
    def state(self) -> State:
        """State at this instant, to be shown. Decide by `unlocked`."""
        return State(self._look(lambda handle: handle.state))

    @property
    def unlocked(self) -> bool:
        """True while the application may run."""
        return self._look(lambda handle: handle.unlocked)

    def has_feature(self, name: str) -> bool:
        """Returns true while a feature is on."""
        return self._look(lambda handle: handle.has_feature(name))

    def limit(self, name: str, default: int = 0) -> int:
        """Returns a number of the license while it is unlocked; `default` where the license does not name it."""
        return self.snapshot().limits.get(name, default)

    def snapshot(self) -> Snapshot:
        """Returns everything that the library knows, evaluated once."""
        return Snapshot.of_json(self._look(lambda handle: handle.snapshot()))

    @property
    def license(self) -> License | None:
        """The license; `None` where no signed answer about this machine is stored."""
        return self.snapshot().license

    @property
    def pending(self) -> Pending | None:
        """The request that waits for the server."""
        return self.snapshot().pending

    @property
    def notice(self) -> Message | None:
        """Problem with the place where the license is saved, such as a full disk."""
        return self.snapshot().notice

    @property
    def device(self) -> Device:
        """This device as it was read when the license was opened."""
        return self.snapshot().device

    # ---- calls that ask the server

    def activate(self, key: str, name: str = "", email: str = "") -> State | Waiting:
        """Takes a seat for this device; name and e-mail may be empty.

        Returns the new state, or `Waiting` where the server cannot be reached: the activation is saved, and a later
        `refresh` sends it. Raises `Refused`, `InvalidInput`, or `Offline` with the cause `cancelled`.
        """
        return self._activated(self._call(lambda handle: handle.activate(key, name, email)))

    def refresh(self) -> State:
        """Sends the request that waits, if there is one, then checks the license with the server.

        A refusal that locks is a result: the state is then `LOCKED`. Raises a `FalconerError` where no answer counts; the
        state stays, or becomes `GRACE`.
        """
        return State(_done(self._call(lambda handle: handle.refresh())))

    def transfer(
        self,
        key: str | None = None,
        name: str = "",
        email: str = "",
        *,
        from_device: str | None = None,
    ) -> State:
        """Moves a seat to this device. Without a key it is the license that was activated here.

        `from_device` is the id of the device that loses its seat, needed where several hold one: `Refused.devices` lists
        them.
        """
        return State(_done(self._call(lambda handle: handle.transfer(key, name, email, from_device))))

    def deactivate(self) -> Waiting | None:
        """Frees the seat of this device and forgets the license.

        Returns `Waiting` where the server cannot be reached: the request is saved and the license works until it is sent.
        """
        outcome = self._call(lambda handle: handle.deactivate())
        if "waiting" in outcome:
            return Waiting(error_of(outcome["waiting"]))
        _done(outcome)
        return None

    # ---- without a network on this side (docs/air-gap.md)

    def activation_request(self, key: str, name: str = "", email: str = "") -> AirGapText:
        """Makes a request for a seat, which a person carries to the vendor. It waits in the store; making another replaces
        it. The text holds no license key."""
        done = _done(self._call(lambda handle: handle.activation_request(key, name, email)))
        return AirGapText(**done)

    def renewal_request(self) -> AirGapText:
        """Makes a request for a later end of the license that was activated here."""
        return AirGapText(**_done(self._call(lambda handle: handle.renewal_request())))

    def import_response(self, text: str) -> State:
        """Takes the vendor's answer: the text of its file, its short text, or a mail around one of them."""
        return State(_done(self._call(lambda handle: handle.import_response(text))))

    def deactivate_by_receipt(self) -> AirGapText:
        """Gives the seat back: forgets the license, and returns a receipt for the vendor."""
        return AirGapText(**_done(self._call(lambda handle: handle.deactivate_by_receipt())))

    def wait_for_change(self, seen: State, timeout: float) -> State:
        """Waits until the state differs from `seen`, `timeout` seconds have passed or `cancel` is called."""
        return State(self._look(lambda handle: handle.wait_for_change(seen.value, timeout)))

    def cancel(self) -> None:
        """Ends the calls that wait now on other threads: they raise `Offline` with the cause `cancelled`."""
        self._handle.cancel()

    # ---- in the background

    def start_refresher(self) -> None:
        """Starts a background thread that refreshes the license in time. `close` stops it."""
        self._look(lambda handle: handle.start_refresher())

    def stop_refresher(self, timeout: float = _CLOSE_SECONDS) -> bool:
        """Stops that thread. Returns false if it still runs after so many seconds."""
        return self._handle.stop_refresher(timeout)

    def on_change(self, listener: Listener) -> Listener:
        """Adds a listener for new states, and returns it, so that it may be a decorator.

        All listeners of a license run one after another on a thread of their own, named `falconer-changes`; a toolkit's
        widgets belong to another one. A listener that raises is logged under `falconer_licensing`, and the others run.
        """
        self._listeners.append(listener)
        if self._dispatcher is None and os.getpid() == self._process:
            changes = self._look(lambda handle: handle.changes())
            self._dispatcher = threading.Thread(
                target=_dispatch, args=(weakref.ref(self), changes), name=CHANGES_THREAD, daemon=True
            )
            self._dispatcher.start()
        return listener

    def close(self, timeout: float = _CLOSE_SECONDS) -> bool:
        """Closes the license: ends the calls that wait, stops the refresher and saves the time.

        Returns false if the refresher still runs after `timeout` seconds. Closing again does nothing. The end of the
        interpreter closes every license.
        """
        return self._handle.close(timeout)

    def __enter__(self) -> Licensing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if not self._handle.is_open:
            return f"<Licensing {self._product} closed>"
        snapshot = self.snapshot()
        license_ = snapshot.license
        about = "" if license_ is None else f" {license_.id} {license_.masked_key}"
        return f"<Licensing {self._product} {snapshot.state.name}{about}>"

    # ---- how calls reach the library

    def _look(self, look: Callable[[_native.Handle], _Result]) -> _Result:
        try:
            return look(self._handle)
        except RuntimeError as error:
            if self._handle.is_open:
                raise
            raise Closed() from error

    def _call(self, call: Callable[[_native.Handle], str]) -> dict[str, Any]:
        outcome: dict[str, Any] = json.loads(self._look(call))
        return outcome

    @staticmethod
    def _activated(outcome: Mapping[str, Any]) -> State | Waiting:
        if "waiting" in outcome:
            return Waiting(error_of(outcome["waiting"]))
        return State(_done(outcome))


def _done(outcome: Mapping[str, Any]) -> Any:
    if "failed" in outcome:
        raise error_of(outcome["failed"])
    return outcome["done"]


def _dispatch(licensing: weakref.ref[Licensing], changes: _native.Changes) -> None:
    """Calls the listeners of a license until it is closed. Between two changes it holds no license."""
    while True:
        name = changes.next()
        opened = licensing()
        if name is None or opened is None:
            return
        for listener in tuple(opened._listeners):
            try:
                listener(State(name))
            except Exception:
                _logger.exception("a listener for changes of the license raised")
        del opened


def _text_of(keys: str | bytes | Mapping[str, Any]) -> str:
    if isinstance(keys, Mapping):
        return json.dumps(keys)
    return keys.decode("utf-8-sig", "replace") if isinstance(keys, bytes) else keys


def _seconds(timeout: float | datetime.timedelta | None) -> float | None:
    return timeout.total_seconds() if isinstance(timeout, datetime.timedelta) else timeout


def _not_opened(error: ValueError) -> Exception:
    try:
        failure = json.loads(str(error))
    except ValueError:
        return error
    return error_of(failure) if failure["kind"] != "setting" else InvalidSetting(failure)

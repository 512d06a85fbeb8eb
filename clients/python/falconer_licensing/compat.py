"""The names of the spreadsheet's desktop client, for an application that moves over with one import changed.

    from falconer_licensing.compat import LicenseManager

    manager = LicenseManager()
    if not manager.validate_startup():
        manager.activate(license_key, licensee_name, licensee_email)

The manager reads the block `licensing` of `config/app_config.yaml`, and takes over the license in the table `license_info`
of the application's SQLite file. docs/migrating-python.md is the guide.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ._errors import FalconerError, Waiting
from ._licensing import Licensing
from ._types import State

_logger = logging.getLogger("falconer_licensing")

_NEEDED = ("server_url", "product", "public_keys")
_READ = frozenset(
    (
        *_NEEDED,
        "app_id",
        "database",
        "store",
        "request_timeout",
        "device_name",
        "proxy",
        "allow_machine_id_override",
    )
)
_DECIDED_BY_SERVER = frozenset(
    (
        "sheet_url",
        "sheet_name",
        "webhook_url",
        "hardware_match_threshold",
        "check_interval_hours",
        "offline_grace_days",
    )
)
"""Settings of the earlier client that the server's catalog and policies decide now."""
_SHORTEST_SECONDS, _LONGEST_SECONDS = 1.0, 60.0


class ConfigError(ValueError):
    """`app_config.yaml` cannot be used; the text says what to write."""


@dataclass(frozen=True)
class Outcome:
    """Result of a call. It is true where the application may run, and unpacks into `success, message`."""

    success: bool
    message: str
    """Sentence and next step for the user."""
    code: str | None = None
    """Code of the refusal or of the lock."""
    state: State = State.NOT_ACTIVATED
    """State after the call."""

    def __bool__(self) -> bool:
        return self.success

    def __iter__(self) -> Iterator[bool | str]:
        return iter((self.success, self.message))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool):
            return self.success is other
        return isinstance(other, Outcome) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.success, self.message, self.code, self.state))


class LicenseManager:
    """Activation, validation and transfer under the names of the earlier client.

    `database` is the application's SQLite file with the table `license_info`; without it, the setting `database` names it.
    Paths in the file are relative to its folder. `licensing` is the whole interface, for everything that is new.
    """

    def __init__(
        self,
        config_path: str | os.PathLike[str] = "config/app_config.yaml",
        database: str | os.PathLike[str] | None = None,
    ) -> None:
        path = Path(config_path)
        config = read_config(path)
        folder = path.parent
        named = config.get("database")
        self._database = Path(database) if database is not None else folder / str(named) if named else None
        timeout = config.get("request_timeout")
        store = config.get("store")
        self.licensing = Licensing(
            str(config["product"]),
            str(config["server_url"]),
            keys=_read_keys(folder / str(config["public_keys"])),
            app_id=_text(config.get("app_id")),
            store=None if store is None else folder / str(store),
            timeout=None if timeout is None else min(max(float(timeout), _SHORTEST_SECONDS), _LONGEST_SECONDS),
            device_name=_text(config.get("device_name")),
            proxy=_text(config.get("proxy")),
            allow_machine_id_override=config.get("allow_machine_id_override") is True,
        )
        self._typed = ("", "", "")

    def activate(self, license_key: str, licensee_name: str = "", licensee_email: str = "") -> Outcome:
        """Takes a seat for this device. Without a network the activation is saved, and a later call sends it."""
        self._typed = (license_key, licensee_name, licensee_email)
        try:
            result = self.licensing.activate(license_key, licensee_name, licensee_email)
        except FalconerError as error:
            return self._failed(error)
        return self._failed(result.error) if isinstance(result, Waiting) else self._outcome()

    def validate_startup(self) -> Outcome:
        """Checks the license as the server's rules ask for it. An earlier license of this device is taken over first."""
        if self.licensing.state is State.NOT_ACTIVATED and self.licensing.pending is None:
            return self._take_over()
        if self.licensing.state is not State.ACTIVE or self.licensing.pending is not None:
            try:
                self.licensing.refresh()
            except FalconerError as error:
                # The stored lease counts until its end.
                return self._outcome() if self.licensing.unlocked else self._failed(error)
        return self._outcome()

    def request_transfer(self, from_device: str | None = None) -> Outcome:
        """Moves the license to this device: that of the last `activate`, or the one that was activated here."""
        key, name, email = self._typed
        try:
            self.licensing.transfer(key or None, name, email, from_device=from_device)
        except FalconerError as error:
            return self._failed(error)
        return self._outcome()

    def close(self) -> None:
        """Closes the license."""
        self.licensing.close()

    def __enter__(self) -> LicenseManager:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _take_over(self) -> Outcome:
        row = None if self._database is None else read_license_info(self._database)
        return self._outcome() if row is None else self.activate(*row)

    def _outcome(self) -> Outcome:
        snapshot = self.licensing.snapshot()
        return Outcome(snapshot.unlocked, str(snapshot.message), snapshot.lock_code, snapshot.state)

    def _failed(self, error: FalconerError) -> Outcome:
        return Outcome(False, error.advice, error.code, self.licensing.state)


def read_license_info(database: Path) -> tuple[str, str, str] | None:
    """Returns key, name and e-mail of the newest row of `license_info`. The file is only read, and one without such a
    row, or that is no database, has none."""
    if not database.is_file():
        return None
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
        columns = {str(column[1]).lower() for column in connection.execute("PRAGMA table_info(license_info)")}
        if "license_key" not in columns or "machine" in columns:
            # Without the first it is another table; with the second it is this library's own store.
            return None
        people = [name if name in columns else "''" for name in ("licensee_name", "licensee_email")]
        found = connection.execute(
            f"SELECT license_key, {people[0]}, {people[1]} FROM license_info "
            "WHERE trim(coalesce(license_key, '')) <> '' ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
    except sqlite3.Error as error:
        _logger.warning("table license_info not read; the user has to activate: %s", error)
        return None
    finally:
        if connection is not None:
            connection.close()
    return None if found is None else (str(found[0]), str(found[1] or ""), str(found[2] or ""))


def read_config(path: Path) -> Mapping[str, Any]:
    """Reads the block `licensing` of a YAML file: names and simple values, as the earlier client wrote them.

    Raises `ConfigError` for anything else in this block. Other blocks may hold any YAML.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); put the file there") from error
    config = dict(_block(path, lines))
    missing = [name for name in _NEEDED if config.get(name) in (None, "")]
    if missing:
        raise ConfigError(f"{path} has no {', '.join(missing)} below licensing; docs/migrating-python.md shows them")
    for name in sorted(config.keys() - _READ):
        if name in _DECIDED_BY_SERVER:
            _logger.info("%s in %s is not used: the license server decides", name, path)
        else:
            _logger.warning("%s in %s is not known; is it misspelt?", name, path)
    return config


_ENTRY = re.compile(r"""(?P<name>[A-Za-z_][\w]*)\s*:(?:\s+(?P<value>.*))?$""")
_QUOTED = re.compile(r"""(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^']|'')*)')\s*(?:\#.*)?$""")


def _block(path: Path, lines: list[str]) -> Iterator[tuple[str, Any]]:
    inside, indent = False, None
    for number, line in enumerate(lines, 1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        if depth == 0:
            inside = re.match(r"licensing\s*:\s*(#.*)?$", line) is not None
            indent = None
            continue
        if not inside:
            continue
        indent = depth if indent is None else indent
        entry = _ENTRY.match(content)
        if entry is None or depth != indent:
            raise ConfigError(f"line {number} of {path} must look like `name: value` below licensing")
        yield entry["name"], _value(path, number, (entry["value"] or "").strip())


def _value(path: Path, number: int, text: str) -> Any:
    if text[:1] in {'"', "'"}:
        quoted = _QUOTED.match(text)
        if quoted is None:
            raise ConfigError(f"line {number} of {path} has a quotation mark that does not end")
        if quoted["single"] is not None:
            return quoted["single"].replace("''", "'")
        return re.sub(r"\\(.)", r"\1", quoted["double"])
    plain = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
    if plain[:1] in {"[", "{", "&", "*", "|", ">", "!", "-"} and not re.match(r"-?\d", plain):
        raise ConfigError(f"line {number} of {path} must have a simple value; put a text between quotation marks")
    if plain.lower() in {"", "null", "~"}:
        return None
    if plain.lower() in {"true", "false"}:
        return plain.lower() == "true"
    try:
        return json.loads(plain) if re.match(r"-?\d+(\.\d+)?$", plain) else plain
    except ValueError:
        return plain


def _read_keys(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); save the answer of /api/keys there") from error


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

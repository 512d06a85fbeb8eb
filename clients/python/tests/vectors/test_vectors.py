"""Every vector of tests/vectors/client that the library claims, from Python (docs/spec/clients.md).

The profile `state` runs on the public calls of `Licensing`, on a machine that the vector makes up. The others ask for
conclusions that no public call shows. Both need the module `_testing`, which the wheel does not have: `cargo xtask clients
python` builds a second extension module for this folder.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from falconer_licensing import FalconerError, Licensing, State
from falconer_licensing._native import _testing
from falconer_licensing._types import moment

ROOT = Path(__file__).resolve().parents[4]
FEWEST = {"lease": 150, "trust": 45, "hardware": 80, "state": 205}
"""Numbers of vectors that the files had once, so that a file that lost its vectors fails."""


def vectors(profile: str) -> list[Any]:
    file = json.loads((ROOT / f"tests/vectors/client/{profile}.json").read_text(encoding="utf-8"))
    assert (file["version"], file["profile"]) == (1, profile)
    abilities = set(_testing.abilities())
    claimed = [vector for vector in file["vectors"] if abilities.issuperset(vector.get("needs", ()))]
    assert len(claimed) >= FEWEST[profile]
    return [pytest.param(vector, id=vector["id"]) for vector in claimed]


@pytest.mark.parametrize(
    "vector", [vector for profile in ("lease", "trust", "hardware") for vector in vectors(profile)]
)
def test_conclusion(vector: dict[str, Any]) -> None:
    seen = _testing.conclude(vector["profile"], json.dumps(vector["given"]))
    assert json.loads(seen) == vector["expect"], vector["about"]


@pytest.mark.parametrize("vector", vectors("state"))
def test_state(vector: dict[str, Any], tmp_path: Path) -> None:
    installation = Installation(vector["given"], tmp_path)
    try:
        seen = {}
        for step in vector["given"]["steps"]:
            installation.run(step)
            seen = installation.conclusion()
            if step.get("keep_store"):
                installation.keep_store()
        assert seen == vector["expect"], vector["about"]
    finally:
        installation.licensing.close()


class Installation:
    """The package as an application holds it, with a store on disk."""

    def __init__(self, given: dict[str, Any], folder: Path) -> None:
        self._product = given["product"]
        self._pinned = given["pinned"]
        self._build_date = given.get("build_date")
        self._asked = given.get("asked")
        self._store = folder / "license.db"
        self._kept = folder / "kept.db"
        self._world = _testing.World(json.dumps(given["hardware"]), json.dumps(given["steps"][0]))
        self.start()

    def start(self) -> None:
        handle = self._world.open(self._product, json.dumps(self._pinned), self._store, self._build_date)
        self.licensing = Licensing.__new__(Licensing)
        self.licensing._adopt(self._product, handle)

    def run(self, step: dict[str, Any]) -> None:
        if step["do"] == "restart":
            # The program ends while the clocks show the step before.
            self.licensing.close()
            self._change_while_closed(step)
        self._world.show(json.dumps(step))
        calls = {
            "activate": lambda: self.licensing.activate(step["license_key"]),
            "refresh": self.licensing.refresh,
            "deactivate": self.licensing.deactivate,
            "request": lambda: self._request(step.get("license_key")),
            "import": lambda: self.licensing.import_response(step["text"]),
            "give_back": self.licensing.deactivate_by_receipt,
            "look": lambda: None,
            "restart": self.start,
        }
        # The state shows what came of it.
        with contextlib.suppress(FalconerError):
            calls[step["do"]]()

    def _request(self, key: str | None) -> None:
        if key is None:
            self.licensing.renewal_request()
        else:
            self.licensing.activation_request(key)

    def keep_store(self) -> None:
        self.licensing.close()
        shutil.copy(self._store, self._kept)
        self.start()

    def conclusion(self) -> dict[str, Any]:
        snapshot = self.licensing.snapshot()
        license_ = snapshot.license
        # The calendar of Python ends in the year 9999, and a moment of the library does not.
        written = json.loads(self.licensing._handle.snapshot())["license"]
        until = None if written is None else written["offline_until"]
        assert (None if license_ is None else license_.offline_until) == moment(until)
        assert snapshot.unlocked == self.licensing.unlocked
        assert snapshot.state is self.licensing.state
        assert all(self.licensing.has_feature(feature) for feature in snapshot.features)
        limits = {} if self._asked is None else {"limits": self._limits(self._asked)}
        return {
            "state": snapshot.state.name,
            "unlocked": snapshot.unlocked,
            "lock_code": snapshot.lock_code,
            "offline_until": until,
            "features": list(snapshot.features),
            **limits,
        }

    def _limits(self, asked: dict[str, int]) -> dict[str, int]:
        return {name: self.licensing.limit(name, default) for name, default in asked.items()}

    def _change_while_closed(self, step: dict[str, Any]) -> None:
        self._build_date = step.get("build_date", self._build_date)
        self._pinned = step.get("pinned", self._pinned)
        if "hardware" in step:
            self._world.replace_hardware(json.dumps(step["hardware"]))
        if step.get("store") == "kept":
            shutil.copy(self._kept, self._store)
        elif step.get("store") == "time_changed":
            _testing.change_time(self._store)


def test_a_wrong_expectation_is_noticed() -> None:
    vector = vectors("lease")[0].values[0]
    seen = json.loads(_testing.conclude("lease", json.dumps(vector["given"])))
    assert seen != {**vector["expect"], "outcome": "nothing"}
    assert State.ACTIVE.name == "ACTIVE"

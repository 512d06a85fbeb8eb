"""Fixtures: a stack, a relay, machines, and licenses that are closed at the end of a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from falconer_licensing import Licensing
from local_stack import ROOT, LocalStack, Relay

MACHINE_ID = "FALCONER_MACHINE_ID"


@pytest.fixture(scope="session")
def stack() -> LocalStack:
    environment = Path(os.environ.get("FALCONER_TEST_STACK", ROOT / "target/dev/env"))
    if not environment.exists():
        pytest.exit(f"{environment} is not there: start `cargo xtask dev`, or run `cargo xtask clients python`", 2)
    return LocalStack(environment)


@pytest.fixture
def relay(stack: LocalStack) -> Iterator[Relay]:
    relay = Relay(stack)
    yield relay
    relay.cut()


class Bench:
    """Opens licenses of one stack, each on a machine of its own name."""

    def __init__(self, stack: LocalStack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = stack
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._opened: list[Licensing] = []

    def open(self, machine: str = "first", **settings: Any) -> Licensing:
        self._monkeypatch.setenv(MACHINE_ID, f"{machine} of {self.folder}")
        settings.setdefault("store", self.folder / f"{machine}.db")
        settings.setdefault("keys", self.stack.keys)
        server = settings.pop("server", self.stack.url)
        licensing = Licensing("QF", server, allow_machine_id_override=True, **settings)
        self._opened.append(licensing)
        return licensing

    def close(self) -> None:
        for licensing in self._opened:
            assert licensing.close(10)


@pytest.fixture
def bench(stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(stack, tmp_path, monkeypatch)
    yield bench
    bench.close()

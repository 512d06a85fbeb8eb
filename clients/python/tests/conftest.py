"""Fixtures: a stack, a relay, machines, and licenses that are closed at the end of a test."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_stack import ROOT, LocalStack, Relay

from falconer_licensing import Licensing, Texts

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


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    """A screen without a monitor."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1000x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        display = f":{pipe.readline().strip()}"
    before = os.environ.get("DISPLAY")
    os.environ["DISPLAY"] = display
    yield display
    os.environ.pop("DISPLAY")
    if before is not None:
        os.environ["DISPLAY"] = before
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for the pictures of a run."""
    folder = os.environ.get("FALCONER_TEST_SCREENSHOTS")
    return Path(folder) if folder else tmp_path_factory.mktemp("screenshots")


@pytest.fixture(scope="session", params=["en", "de"])
def texts(request: pytest.FixtureRequest) -> Texts:
    """English, and the table that a vendor in Germany would write."""
    if request.param == "en":
        return Texts()
    messages = json.loads((ROOT / "clients/rust/tests/client/messages.de.json").read_text(encoding="utf-8"))
    captions = json.loads((Path(__file__).parent / "captions.de.json").read_text(encoding="utf-8"))
    return Texts({**messages, **captions})

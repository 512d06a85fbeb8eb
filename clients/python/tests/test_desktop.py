"""The demo application on a screen, through activation, an outage, a revocation and a transfer."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from local_stack import ROOT, LocalStack, Relay

from falconer_licensing import Field, State

LIMIT_SECONDS = 60


@pytest.fixture
def desktop(
    stack: LocalStack, relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screen: str
) -> ModuleType:
    del screen
    keys = tmp_path / "falconer-keys.json"
    keys.write_text(stack.keys)
    specification = importlib.util.spec_from_file_location("desktop_example", ROOT / "examples/desktop/main.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setenv("FALCONER_URL", relay.url)
    monkeypatch.setenv("FALCONER_STORE", str(tmp_path / "license.db"))
    monkeypatch.setenv("FALCONER_MACHINE_ID", f"desktop of {tmp_path}")
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "KEYS", keys)
    return module


def until(window: Any, condition: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not condition():
        window.update()
        time.sleep(0.01)
        assert time.monotonic() - begun < LIMIT_SECONDS


def test_application_goes_through_its_life(
    desktop: ModuleType, stack: LocalStack, relay: Relay, tmp_path: Path, screenshots: Path, monkeypatch: Any
) -> None:
    key = stack.issue()
    licensing = desktop.open_license()
    dialog = desktop.ActivationDialog(licensing)
    dialog.entries[Field.KEY].insert(0, key)
    dialog.activate.invoke()
    until(dialog.window, lambda: bool(dialog._closed))
    assert dialog.unlocked

    application = desktop.Application(licensing)
    window = application.window
    assert application.status.cget("text").startswith("ACTIVE")
    assert str(application.tools["copy_trading"].cget("state")) == "normal"
    assert str(application.tools["white_label"].cget("state")) == "disabled"

    relay.behave = lambda _path, _body: None
    application.actions["Check now"].invoke()
    until(
        window,
        lambda: "license server could be made" in application.answer.cget("text") or _reached(application),
    )
    assert str(application.tools["copy_trading"].cget("state")) == "normal"

    relay.behave = relay.forward
    monkeypatch.setenv("FALCONER_MACHINE_ID", f"laptop of {tmp_path}")
    laptop = desktop.Licensing(
        "QF", relay.url, keys=stack.keys, store=tmp_path / "laptop.db", allow_machine_id_override=True
    )
    assert laptop.transfer(key) is State.ACTIVE
    application.actions["Check now"].invoke()
    until(window, lambda: application.status.cget("text").startswith("LOCKED"))
    application.actions["Move here"].invoke()
    until(window, lambda: application.status.cget("text").startswith("ACTIVE"))
    window.update()

    stack.revoke(key)
    application.actions["Check now"].invoke()
    until(window, lambda: application.status.cget("text").startswith("LOCKED"))
    assert "ended this license" in application.status.cget("text")
    assert str(application.tools["copy_trading"].cget("state")) == "disabled"
    window.update()
    from PIL import ImageGrab

    left, top = window.winfo_rootx(), window.winfo_rooty()
    box = (left, top, left + window.winfo_width(), top + window.winfo_height())
    ImageGrab.grab(bbox=box).save(screenshots / "desktop-revoked.png")
    laptop.close()
    application.close()


def _reached(application: Any) -> bool:
    text = str(application.answer.cget("text"))
    return bool(text) and not text.startswith("The license server is being asked")

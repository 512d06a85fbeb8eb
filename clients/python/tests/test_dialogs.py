"""Both dialogs on a screen without a monitor, in English and German: a bad key, a good key, a seat taken elsewhere, moving
it, and no network. Each step leaves a picture."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, Protocol

import pytest
from conftest import Bench
from local_stack import LocalStack, Relay

from falconer_licensing import Field, Licensing, State, Texts

LIMIT_SECONDS = 60


class Driver(Protocol):
    """A dialog in the hands of a test."""

    dialog: Any

    def type(self, field: Field, text: str) -> None: ...
    def press(self, button: str) -> None: ...
    def is_shown(self, part: str) -> bool: ...
    def text(self, part: str) -> str: ...
    def error(self, field: Field) -> str: ...
    def shown_key(self) -> str: ...
    def work(self) -> None: ...
    def picture(self, path: Path) -> None: ...
    def is_closed(self) -> bool: ...


class TkDriver:
    def __init__(self, licensing: Licensing, texts: Texts) -> None:
        from falconer_licensing.tk import ActivationDialog

        self.dialog = ActivationDialog(licensing, texts=texts)
        self.dialog.window.update()

    def type(self, field: Field, text: str) -> None:
        entry = self.dialog.entries[field]
        entry.focus_force()
        self.work()
        entry.delete(0, "end")
        for character in text:
            entry.event_generate("<Key>", keysym=_KEYSYMS.get(character, character))
        self.work()

    def press(self, button: str) -> None:
        getattr(self.dialog, button).invoke()
        self.work()

    def is_shown(self, part: str) -> bool:
        return bool(getattr(self.dialog, part).winfo_ismapped())

    def text(self, part: str) -> str:
        return str(getattr(self.dialog, part).cget("text"))

    def error(self, field: Field) -> str:
        return str(self.dialog.errors[field].cget("text"))

    def shown_key(self) -> str:
        key: str = self.dialog.entries[Field.KEY].get()
        return key

    def holders(self) -> list[str]:
        labels = [str(child.cget("text")) for child in self.dialog.holders.winfo_children()]
        return labels[1:]

    def work(self) -> None:
        if not self.is_closed():
            self.dialog.window.update()

    def picture(self, path: Path) -> None:
        from PIL import ImageGrab

        self.work()
        window = self.dialog.window
        left, top = window.winfo_rootx(), window.winfo_rooty()
        ImageGrab.grab(bbox=(left, top, left + window.winfo_width(), top + window.winfo_height())).save(path)

    def is_closed(self) -> bool:
        closed: bool = self.dialog._closed
        return closed

    def close(self) -> None:
        self.dialog.close()


_KEYSYMS = {"-": "minus", " ": "space", "@": "at", ".": "period"}


class QtDriver:
    def __init__(self, licensing: Licensing, texts: Texts) -> None:
        from PySide6.QtWidgets import QApplication

        from falconer_licensing.qt import ActivationDialog

        self.application = QApplication.instance() or QApplication(["test"])
        self.dialog = ActivationDialog(licensing, texts=texts)
        self.dialog.show()
        self.work()

    def type(self, field: Field, text: str) -> None:
        from PySide6.QtTest import QTest

        entry = self.dialog.entries[field]
        entry.setFocus()
        self.dialog.focused(field)
        entry.selectAll()
        QTest.keyClicks(entry, text)
        self.work()

    def press(self, button: str) -> None:
        getattr(self.dialog, {"move": "move_button"}.get(button, button)).click()
        self.work()

    def is_shown(self, part: str) -> bool:
        part = {"move": "move_button"}.get(part, part)
        return bool(getattr(self.dialog, part).isVisible())

    def text(self, part: str) -> str:
        return str(getattr(self.dialog, part).text())

    def error(self, field: Field) -> str:
        return str(self.dialog.errors[field].text())

    def shown_key(self) -> str:
        return str(self.dialog.entries[Field.KEY].text())

    def holders(self) -> list[str]:
        return [radio.text() for radio in self.dialog._radios]

    def work(self) -> None:
        self.application.processEvents()

    def picture(self, path: Path) -> None:
        self.work()
        self.dialog.grab().save(str(path))

    def is_closed(self) -> bool:
        return not self.dialog.isVisible()

    def close(self) -> None:
        self.dialog.reject()


Begin = Callable[[Licensing], Any]


@pytest.fixture(params=["tk", "qt"])
def begin(request: pytest.FixtureRequest, screen: str, texts: Texts) -> Iterator[Begin]:
    del screen
    opened: list[Any] = []

    def begin(licensing: Licensing) -> Any:
        driver = (TkDriver if request.param == "tk" else QtDriver)(licensing, texts)
        opened.append(driver)
        return driver

    yield begin
    for driver in opened:
        if not driver.is_closed():
            driver.close()


@pytest.fixture
def shot(request: pytest.FixtureRequest, screenshots: Path) -> Callable[[Any, str], None]:
    case = request.node.callspec.id
    return lambda driver, name: driver.picture(screenshots / f"{case}-{name}.png")


Shot = Callable[[Any, str], None]


def until(driver: Any, condition: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not condition():
        driver.work()
        time.sleep(0.01)
        assert time.monotonic() - begun < LIMIT_SECONDS, "the dialog does not get there"


def message(texts: Texts, id_: str, english: str) -> str:
    """The sentence of a message in the language of the test."""
    from falconer_licensing import Message

    return texts.message(Message(id_, english, "")).sentence


def test_bad_key_is_corrected_and_activates(
    begin: Begin, bench: Bench, stack: LocalStack, texts: Texts, shot: Shot
) -> None:
    key = stack.issue()
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    licensing = bench.open()
    driver = begin(licensing)
    shot(driver, "1-empty")
    driver.press("activate")
    no_key = message(texts, "invalid_key", "This is not a license key.")
    assert driver.error(Field.KEY) == no_key
    driver.type(Field.KEY, wrong)
    assert driver.error(Field.KEY) == ""
    driver.press("activate")
    until(driver, lambda: driver.error(Field.KEY) != "")
    shot(driver, "2-bad-key")
    driver.type(Field.KEY, key.lower())
    driver.type(Field.EMAIL, "nobody")
    assert "…" in driver.shown_key()
    driver.press("activate")
    assert driver.error(Field.EMAIL) == message(texts, "invalid_email", "This is not an e-mail address.")
    shot(driver, "3-bad-address")
    driver.type(Field.EMAIL, "anna@example.com")
    driver.press("activate")
    until(driver, driver.is_closed)
    assert driver.dialog.unlocked
    assert licensing.state is State.ACTIVE


def test_texts_are_in_the_language_of_the_vendor(
    begin: Begin, bench: Bench, texts: Texts, request: pytest.FixtureRequest
) -> None:
    is_german = "de" in request.node.callspec.id
    driver = begin(bench.open())
    assert driver.text("activate") == ("Aktivieren" if is_german else "Activate")
    driver.press("activate")
    wrong = "Das ist kein Lizenzschlüssel." if is_german else "This is not a license key."
    assert driver.error(Field.KEY) == wrong
    untranslated = Texts({"dialog.key": "Clé"})
    assert (untranslated.caption("dialog.key"), untranslated.caption("dialog.name")) == ("Clé", "Name")


def test_taken_seat_moves_here(begin: Begin, bench: Bench, stack: LocalStack, texts: Texts, shot: Shot) -> None:
    key = stack.issue()
    bench.open("first", device_name="Annas Laptop").activate(key)
    licensing = bench.open("second")
    driver = begin(licensing)
    driver.type(Field.KEY, key)
    driver.type(Field.NAME, "Anna Example")
    driver.press("activate")
    until(driver, lambda: driver.is_shown("move"))
    taken = message(texts, "seats_exhausted", "The license is in use on another device.")
    assert driver.text("sentence") == taken
    assert [line.split(",")[0] for line in driver.holders()] == ["Annas Laptop (machine id set by hand)"]
    shot(driver, "taken")
    driver.press("move")
    until(driver, driver.is_closed)
    assert driver.dialog.unlocked
    assert licensing.unlocked

    third = begin(bench.open("third"))
    third.type(Field.KEY, key)
    third.press("activate")
    until(third, lambda: third.is_shown("move"))
    third.press("move")
    until(third, lambda: bool(third.text("detail")))
    assert third.text("sentence") == message(texts, "transfer_cooldown", "The license moved a short while ago.")
    shot(third, "cooldown")


def test_activation_waits_for_the_network(
    begin: Begin, bench: Bench, stack: LocalStack, relay: Relay, texts: Texts, shot: Shot
) -> None:
    relay.behave = lambda _path, _body: None
    licensing = bench.open(server=relay.url)
    driver = begin(licensing)
    driver.type(Field.KEY, stack.issue())
    driver.press("activate")
    assert driver.text("leave") == texts.caption("dialog.cancel")
    until(driver, lambda: driver.is_shown("try_again"))
    shot(driver, "no-network")
    driver.close()
    assert not driver.dialog.unlocked

    again = begin(licensing)
    until(again, lambda: again.is_shown("try_again"))
    relay.behave = relay.forward
    again.press("try_again")
    until(again, again.is_closed)
    assert again.dialog.unlocked


def test_cancel_ends_a_request_and_keeps_the_texts(begin: Begin, bench: Bench, stack: LocalStack, relay: Relay) -> None:
    relay.behave = lambda _path, _body: time.sleep(3)
    licensing = bench.open(server=relay.url)
    key = stack.issue()
    driver = begin(licensing)
    driver.type(Field.KEY, key)
    driver.press("activate")
    begun = time.monotonic()
    driver.press("leave")
    until(driver, lambda: not driver.dialog._model.view().working)
    assert time.monotonic() - begun < 2
    assert driver.dialog._model.form.text(Field.KEY) == key
    assert licensing.pending is None or licensing.pending.name == "release_seat"

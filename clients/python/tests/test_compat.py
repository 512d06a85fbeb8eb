"""The earlier client's own flow, with one import changed, and its stored license."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest
from local_stack import LocalStack, Relay

from falconer_licensing import State, Waiting
from falconer_licensing.compat import ConfigError, LicenseManager, Outcome, read_config, read_license_info

FLOW = """
from licensing.license_manager import LicenseManager

def start_application(ask):
    manager = LicenseManager()
    if not manager.validate_startup():
        license_key, licensee_name, licensee_email = ask()
        if not manager.activate(license_key, licensee_name, licensee_email):
            if not manager.request_transfer():
                return "license dialog", manager
    return "dashboard", manager
"""
"""What an application on the earlier client does: its dialog at the first start, and then its dashboard."""

CONFIG = """\
app:
  windows: [main, {{ title: "licensing: none" }}]

licensing:                # read by LicenseManager
  sheet_url: "https://sheets.example.com/old"
  sheet_name: "licenses"
  webhook_url: "https://script.example.com/old"
  hardware_match_threshold: 2
  check_interval_hours: 24
  offline_grace_days: 0
  request_timeout: 10
  server_url: '{url}'     # new
  product: QF
  public_keys: falconer-keys.json
  store: {store}
  database: ../data/app.db
  allow_machine_id_override: true

logging:
  level: INFO
"""

SCHEMA = """
CREATE TABLE license_info (id INTEGER PRIMARY KEY, license_key TEXT, license_tier TEXT, licensee_name TEXT,
    licensee_email TEXT, hw_component_1 TEXT, hw_component_2 TEXT, hw_component_3 TEXT, expiry_date TEXT,
    last_validated_at TEXT);
CREATE TABLE license_validation_log (id INTEGER PRIMARY KEY, message TEXT);
"""


class Application:
    """An application's folder on one machine."""

    def __init__(self, folder: Path, stack: LocalStack, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._managers: list[LicenseManager] = []
        (folder / "config").mkdir()
        (folder / "data").mkdir()
        (folder / "config/falconer-keys.json").write_text(stack.keys)
        self.configure(url)

    def configure(self, url: str, store: str = "../data/falconer.db") -> None:
        (self.folder / "config/app_config.yaml").write_text(CONFIG.format(url=url, store=store))

    def remember(self, key: str) -> None:
        with sqlite3.connect(self.folder / "data/app.db") as database:
            database.executescript(SCHEMA)
            database.execute(
                "INSERT INTO license_info (license_key, licensee_name, licensee_email) VALUES (?, ?, ?)",
                (key, "Anna Example", "anna@example.com"),
            )
        database.close()

    def start(self, machine: str, key: str = "") -> tuple[str, LicenseManager]:
        """Runs the flow with its one import changed."""
        for manager in self._managers:
            manager.close()
        self._monkeypatch.chdir(self.folder)
        self._monkeypatch.setenv("FALCONER_MACHINE_ID", f"{machine} of {self.folder}")
        flow = FLOW.replace("from licensing.license_manager import", "from falconer_licensing.compat import")
        assert flow != FLOW
        names: dict[str, object] = {}
        exec(flow, names)
        place, manager = names["start_application"](lambda: (key, "Anna Example", "anna@example.com"))  # type: ignore[operator]
        self._managers.append(manager)
        return place, manager

    def close(self) -> None:
        for manager in self._managers:
            manager.close()


@pytest.fixture
def application(tmp_path: Path, stack: LocalStack, relay: Relay, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    application = Application(tmp_path, stack, monkeypatch, relay.url)
    yield application
    application.close()


def test_flow_of_the_earlier_client_runs(application: Application, stack: LocalStack) -> None:
    key = stack.issue()
    assert application.start("first", "nothing that was issued")[0] == "license dialog"
    place, manager = application.start("first", key)
    assert place == "dashboard"
    assert manager.licensing.state is State.ACTIVE
    assert application.start("first")[0] == "dashboard"

    # Another machine: activation is refused, and `request_transfer` moves the license.
    application.configure(stack.url, store="../data/second.db")
    place, second = application.start("second", key)
    assert (place, second.licensing.state) == ("dashboard", State.ACTIVE)

    stack.revoke(key)
    second.licensing.refresh()
    outcome = second.validate_startup()
    assert (bool(outcome), outcome.code, outcome.state) == (False, "REVOKED", State.LOCKED)


def test_earlier_row_is_taken_over(application: Application, stack: LocalStack) -> None:
    key = stack.issue()
    application.remember(key)
    before = (application.folder / "data/app.db").read_bytes()
    place, manager = application.start("first")
    assert place == "dashboard"
    license_ = manager.licensing.license
    assert license_ is not None
    assert license_.tier == "pro"
    assert (application.folder / "data/app.db").read_bytes() == before
    assert application.start("first")[0] == "dashboard"


def test_taking_over_waits_for_the_network(application: Application, stack: LocalStack, relay: Relay) -> None:
    application.remember(stack.issue())
    relay.behave = lambda _path, _body: None
    place, manager = application.start("first")
    assert place == "license dialog"
    relay.behave = relay.forward
    # The dialog's empty answer has not replaced what waits.
    assert manager.licensing.pending is not None
    assert manager.validate_startup()


def test_outage_keeps_the_dashboard(application: Application, stack: LocalStack, relay: Relay) -> None:
    application.start("first", stack.issue())
    relay.behave = lambda _path, _body: None
    assert application.start("first")[0] == "dashboard"

    # Something waits for the server, so this start asks, and nobody answers.
    _, manager = application.start("first")
    assert isinstance(manager.licensing.deactivate(), Waiting)
    place, manager = application.start("first")
    assert (place, manager.licensing.pending is not None) == ("dashboard", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("licensing:\n  product: QF\n", "server_url, public_keys"),
        ("licensing:\n  - product\n", "must look like"),
        ("licensing:\n  product: [QF]\n", "simple value"),
        ('licensing:\n  product: "QF\n', "does not end"),
        ("licensing:\n  product: QF\n    nested: 1\n", "must look like"),
        ("", "server_url, product, public_keys"),
    ],
)
def test_bad_configuration_gets_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "app_config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_config(path)
    with pytest.raises(ConfigError, match="put the file there"):
        read_config(tmp_path / "absent.yaml")


def test_configuration_is_read_as_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "app_config.yaml"
    path.write_text(CONFIG.format(url="https://licenses.example.com", store="a b.db") + "\nend: true\n")
    with caplog.at_level(logging.INFO, "falconer_licensing"):
        config = read_config(path)
    assert config["server_url"] == "https://licenses.example.com"
    assert (config["request_timeout"], config["store"]) == (10, "a b.db")
    assert config["allow_machine_id_override"] is True
    assert "offline_grace_days" in caplog.text
    assert "level" not in config


@pytest.mark.parametrize("content", [b"", b"not a database at all, but some text", None])
def test_other_files_have_no_earlier_license(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "app.db"
    if content is not None:
        path.write_bytes(content)
    assert read_license_info(path) is None


def test_outcome_is_a_bool_and_a_pair() -> None:
    success, message = Outcome(True, "The license is active.")
    assert (success, message) == (True, "The license is active.")
    assert Outcome(True, "") == True  # noqa: E712
    assert Outcome(False, "") != True  # noqa: E712
    assert not Outcome(False, "")

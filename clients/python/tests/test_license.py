"""A license through its life, against the real functions."""

from __future__ import annotations

import dataclasses
import datetime
import json
import pickle
from typing import Any

import pytest
from conftest import Bench
from local_stack import LocalStack, Relay

from falconer_licensing import (
    Busy,
    Closed,
    FalconerError,
    InvalidInput,
    InvalidSetting,
    Licensing,
    Offline,
    Refused,
    Snapshot,
    State,
    Waiting,
)


def test_activation_lasts_and_revocation_locks(bench: Bench, stack: LocalStack) -> None:
    key = stack.issue()
    licensing = bench.open()
    assert (licensing.state, licensing.unlocked, licensing.license) == (State.NOT_ACTIVATED, False, None)
    assert licensing.activate(key.lower(), "Anna Example", "anna@example.com") is State.ACTIVE
    assert licensing.unlocked
    assert licensing.has_feature("copy_trading")
    assert not licensing.has_feature("white_label")
    licensing.close()

    restarted = bench.open()
    assert restarted.state is State.ACTIVE
    snapshot = restarted.snapshot()
    license_ = snapshot.license
    assert license_ is not None
    assert (license_.tier, license_.device_id is not None) == ("pro", True)
    assert license_.offline_until is not None
    days = (license_.offline_until - snapshot.now) / datetime.timedelta(days=1)
    assert 7.9 < days <= 8.0
    assert "copy_trading" in snapshot.features

    stack.revoke(key)
    assert restarted.refresh() is State.LOCKED
    assert not restarted.unlocked
    assert restarted.snapshot().lock_code == "REVOKED"
    assert restarted.snapshot().features == ()
    assert not restarted.has_feature("copy_trading")


def test_taken_seat_names_its_holder_and_moves(bench: Bench, stack: LocalStack) -> None:
    key = stack.issue()
    first, second = bench.open("first", device_name="Annas Laptop"), bench.open("second")
    first.activate(key)
    with pytest.raises(Refused) as refused:
        second.activate(key)
    error = refused.value
    assert (error.code, error.advice_id, error.kind) == ("SEATS_EXHAUSTED", "seats_exhausted", "refused")
    assert [device.name for device in error.devices] == ["Annas Laptop (machine id set by hand)"]
    assert "Move it to this device" in error.advice
    assert second.state is State.NOT_ACTIVATED

    assert second.transfer(key, from_device=error.devices[0].id) is State.ACTIVE
    assert first.refresh() is State.LOCKED
    with pytest.raises(Refused) as cooldown:
        bench.open("third").transfer(key)
    assert cooldown.value.code == "TRANSFER_COOLDOWN"
    assert cooldown.value.retry_at is not None
    assert cooldown.value.retry_at > datetime.datetime.now(datetime.timezone.utc)


def test_deactivation_frees_the_seat(bench: Bench, stack: LocalStack) -> None:
    key = stack.issue()
    first, second = bench.open("first"), bench.open("second")
    first.activate(key)
    assert first.deactivate() is None
    assert first.state is State.NOT_ACTIVATED
    assert second.activate(key) is State.ACTIVE


def test_activation_waits_for_the_network(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    key = stack.issue()
    relay.behave = lambda _path, _body: None
    licensing = bench.open(server=relay.url)
    waiting = licensing.activate(key)
    assert isinstance(waiting, Waiting)
    assert isinstance(waiting.error, Offline)
    assert licensing.pending is not None
    assert licensing.pending.name == "activate"
    with pytest.raises(Offline):
        licensing.refresh()
    relay.behave = relay.forward
    assert licensing.refresh() is State.ACTIVE
    assert licensing.pending is None

    relay.behave = lambda _path, _body: None
    assert isinstance(licensing.deactivate(), Waiting)
    assert licensing.unlocked


def test_busy_server_names_a_moment(bench: Bench, relay: Relay, stack: LocalStack) -> None:
    licensing = bench.open(server=relay.url)
    licensing.activate(stack.issue())
    relay.always(503, b"{}", **{"retry-after": "600"})
    with pytest.raises(Busy) as busy:
        licensing.refresh()
    assert busy.value.retry_at is not None
    wait = busy.value.retry_at - datetime.datetime.now(datetime.timezone.utc)
    assert 590 < wait.total_seconds() <= 600


@pytest.mark.parametrize(
    ("key", "name", "email", "cause"),
    [
        (" - ", "", "", "invalid_key"),
        ("", "", "", "invalid_key"),
        ("KEY", "A" * 300, "", "invalid_name"),
        ("KEY", "", "not an address", "invalid_email"),
    ],
)
def test_bad_input_is_named(bench: Bench, stack: LocalStack, key: str, name: str, email: str, cause: str) -> None:
    key = stack.issue() if key == "KEY" else key
    with pytest.raises(InvalidInput) as invalid:
        bench.open().activate(key, name, email)
    assert invalid.value.cause == cause
    assert isinstance(invalid.value, ValueError)


def test_unknown_key_is_refused(bench: Bench, stack: LocalStack) -> None:
    key = stack.issue()
    other = key[:-1] + ("0" if key[-1] != "0" else "1")
    with pytest.raises(FalconerError) as refused:
        bench.open().activate(other)
    assert refused.value.code in {"INVALID_SIGNATURE", None}
    assert other not in str(refused.value)


def test_transfer_without_a_license_asks_for_a_key(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as invalid:
        bench.open().transfer()
    assert invalid.value.advice_id == "missing_key"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"keys": "<html>"}, "JSON of /api/keys"),
        ({"keys": {"keys": []}}, "no keys"),
        ({"server": "http://licenses.example.com"}, "must begin with https"),
        ({"server": "nonsense"}, "https://licenses.example.com"),
        ({"app_id": "not an id"}, "com.example.app"),
        ({"proxy": "ftp://proxy.example.com"}, "proxy"),
        ({"root_certificates": ["nonsense"]}, "certificate"),
        ({"device_name": "A" * 300}, "device name"),
        ({"formerly": ["not a host"]}, "former host"),
        ({"build_date": "next Monday"}, "build date"),
    ],
)
def test_bad_setting_gets_a_sentence(bench: Bench, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSetting) as invalid:
        bench.open(**settings)
    assert words in str(invalid.value)
    assert invalid.value.kind == "setting"


def test_limits_and_maintenance_come_with_the_license(bench: Bench, stack: LocalStack) -> None:
    key = stack.issue("--limit", "agents=5", "--updates-until", "2026-11-01")
    older = bench.open(build_date="2026-11-01")
    older.activate(key)
    assert older.unlocked
    assert (older.limit("agents"), older.limit("absent", 2)) == (5, 2)
    younger = bench.open(build_date=datetime.date(2026, 11, 2))
    assert not younger.unlocked
    assert younger.snapshot().lock_code == "UPDATES_ENDED"
    assert younger.limit("agents", 0) == 0


def test_nothing_that_is_printed_holds_the_key(bench: Bench, stack: LocalStack) -> None:
    key = stack.issue()
    licensing = bench.open()
    licensing.activate(key, "Anna Example", "anna@example.com")
    other = bench.open("second")
    with pytest.raises(Refused) as refused:
        other.activate(key)
    printed = [
        repr(licensing),
        str(licensing),
        repr(licensing.snapshot()),
        repr(refused.value),
        str(refused.value),
        repr(vars(refused.value)),
        pickle.dumps(refused.value).decode("latin-1"),
    ]
    for text in printed:
        assert key not in text
        assert key.replace("-", "") not in text
    assert repr(licensing).startswith("<Licensing QF ACTIVE lic_")
    assert "…" in repr(licensing)


def test_closed_license_says_so(bench: Bench) -> None:
    with bench.open() as licensing:
        pass
    for call in (
        licensing.refresh,
        licensing.snapshot,
        licensing.start_refresher,
        lambda: licensing.unlocked,
    ):
        with pytest.raises(Closed, match="open another Licensing"):
            call()
    assert repr(licensing) == "<Licensing QF closed>"
    assert licensing.close()


def test_errors_survive_pickling(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as invalid:
        bench.open().activate(" - ")
    copied = pickle.loads(pickle.dumps(invalid.value))
    assert type(copied) is InvalidInput
    assert (str(copied), copied.cause) == (str(invalid.value), "invalid_key")


def test_states_are_those_of_rust() -> None:
    assert [state.name for state in State] == [
        "NOT_ACTIVATED",
        "ACTIVE",
        "REFRESH_DUE",
        "GRACE",
        "LOCKED",
        "CLOCK_SUSPECT",
    ]
    assert issubclass(Refused, FalconerError)


def test_store_is_where_it_was_asked_for(bench: Bench, stack: LocalStack) -> None:
    path = bench.folder / "näher" / "license.db"
    licensing = bench.open(store=path)
    licensing.activate(stack.issue())
    assert licensing.notice is None
    assert path.exists()
    in_memory = bench.open("second", store=None, store_in_memory=True)
    assert in_memory.state is State.NOT_ACTIVATED
    assert isinstance(in_memory, Licensing)


def test_snapshot_reads_limits_and_the_end_of_updates(bench: Bench) -> None:
    written = json.loads(bench.open()._handle.snapshot())
    written.update(limits={"agents": 3}, updates_until="2027-01-31", updates_version="2.4.1", later="ignored")
    snapshot = Snapshot.of_json(json.dumps(written))
    assert snapshot.limits == {"agents": 3}
    assert (snapshot.updates_until, snapshot.updates_version) == (datetime.date(2027, 1, 31), "2.4.1")
    with pytest.raises(TypeError):
        snapshot.limits["agents"] = 4  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.unlocked = True  # type: ignore[misc]

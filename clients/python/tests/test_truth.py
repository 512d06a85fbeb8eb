"""Nothing but a signed refusal locks: servers that lie, portals, replays, other products, a dead network."""

from __future__ import annotations

import contextlib
import json
from typing import Callable

import pytest
from conftest import Bench
from local_stack import Answer, LocalStack, Relay

from falconer_licensing import FalconerError, InvalidAnswer, Licensing, Offline, State, Waiting

Lie = Callable[[Relay], None]

PORTAL = b"<html><body>Welcome to the hotel. Please sign in.</body></html>"
FAKE_REFUSAL = json.dumps({"valid": False, "code": "REVOKED", "error": "License revoked."}).encode()
FAKE_LEASE = json.dumps({"valid": True, "code": "VALID", "lease": "eyJhbGciOiJub25lIn0.e30."}).encode()

LIES: dict[str, Lie] = {
    "portal": lambda relay: relay.always(200, PORTAL),
    "portal that says 511": lambda relay: relay.always(511, PORTAL),
    "portal that redirects": lambda relay: relay.always(302, b"", location="http://portal.example.com"),
    "refusal without a signature": lambda relay: relay.always(403, FAKE_REFUSAL),
    "yes without a signature": lambda relay: relay.always(200, b'{"valid":true,"code":"VALID"}'),
    "lease of no algorithm": lambda relay: relay.always(200, FAKE_LEASE),
    "not found": lambda relay: relay.always(404, b"not found"),
    "empty": lambda relay: relay.always(200, b""),
    "no object": lambda relay: relay.always(200, b"[]"),
    "gone": lambda relay: relay.always(410, b'{"code":"GONE"}'),
    "server error": lambda relay: relay.always(500, b"oops"),
    "connection that closes": lambda relay: setattr(relay, "behave", lambda _path, _body: None),
    "nobody listens": lambda relay: relay.cut(),
}


@pytest.fixture
def active(bench: Bench, stack: LocalStack, relay: Relay) -> Licensing:
    licensing = bench.open(server=relay.url, timeout=1)
    assert licensing.activate(stack.issue()) is State.ACTIVE
    return licensing


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_lie_changes_nothing(active: Licensing, relay: Relay, lie: Lie) -> None:
    before = active.snapshot().license
    lie(relay)
    with pytest.raises(FalconerError) as failed:
        active.refresh()
    assert failed.value.advice
    assert active.unlocked
    assert active.state in {State.ACTIVE, State.REFRESH_DUE, State.GRACE}
    assert active.snapshot().license == before


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_lie_activates_nothing(bench: Bench, stack: LocalStack, relay: Relay, lie: Lie) -> None:
    licensing = bench.open(server=relay.url, timeout=1)
    lie(relay)
    with contextlib.suppress(FalconerError):
        assert isinstance(licensing.activate(stack.issue()), Waiting)
    assert licensing.state is State.NOT_ACTIVATED
    assert not licensing.unlocked


def test_replayed_answer_does_not_count(active: Licensing, relay: Relay, stack: LocalStack) -> None:
    active.refresh()
    path, _, recorded = relay.requests[-1]
    assert path == "/api/verify"
    assert recorded is not None
    key = _key_of(relay)
    stack.revoke(key)
    relay.behave = lambda _path, _body: recorded
    with pytest.raises(InvalidAnswer) as replayed:
        active.refresh()
    assert replayed.value.cause == "not_for_this_request"
    assert active.unlocked
    relay.behave = relay.forward
    assert active.refresh() is State.LOCKED


def test_refusal_of_another_request_locks_nothing(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    revoked, good = stack.issue(), stack.issue()
    first = bench.open("first", server=relay.url)
    first.activate(revoked)
    stack.revoke(revoked)
    assert first.refresh() is State.LOCKED
    refusal = relay.requests[-1][2]
    second = bench.open("second", server=relay.url)
    assert second.activate(good) is State.ACTIVE
    relay.behave = lambda _path, _body: refusal
    with pytest.raises(InvalidAnswer):
        second.refresh()
    assert second.unlocked


def test_changed_signature_does_not_count(active: Licensing, relay: Relay) -> None:
    def tamper(path: str, body: bytes | None) -> Answer:
        answer = relay.forward(path, body)
        value = json.loads(answer.body)
        if "lease" in value:
            head, claims, signature = value["lease"].split(".")
            value["lease"] = ".".join((head, claims, signature[:-6] + "AAAAAA"))
        return Answer(answer.status, json.dumps(value).encode())

    relay.behave = tamper
    with pytest.raises(InvalidAnswer) as forged:
        active.refresh()
    assert forged.value.cause == "untrusted_signature"
    assert active.unlocked


def test_keys_of_somebody_else_are_not_trusted(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    stranger = json.loads(stack.keys)
    for key in stranger["keys"]:
        # The public key of RFC 8032, section 7.1, test 1.
        key["x"] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        key["endorsed_by"] = {}
    licensing = bench.open(server=relay.url, keys=json.dumps(stranger))
    waiting = licensing.activate(stack.issue())
    assert isinstance(waiting, Waiting)
    assert waiting.advice_id == "untrusted_signature"
    assert not licensing.unlocked


def test_license_of_another_product_does_not_count(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    licensing = bench.open(server=relay.url)
    other = Licensing(
        "OTHER",
        relay.url,
        keys=stack.keys,
        store=bench.folder / "other.db",
        allow_machine_id_override=True,
    )
    key = stack.issue()
    with other:
        try:
            assert isinstance(other.activate(key), Waiting)
        except FalconerError as error:
            assert error.advice_id in {"other_product", "invalid_signature"}  # noqa: PT017
        assert not other.unlocked
    assert licensing.activate(key) is State.ACTIVE


def test_dead_network_leaves_a_restart_unlocked(bench: Bench, active: Licensing, relay: Relay) -> None:
    active.close()
    relay.cut()
    restarted = bench.open(server=relay.url, timeout=1)
    assert restarted.unlocked
    with pytest.raises(Offline) as offline:
        restarted.refresh()
    assert offline.value.cause == "connect"
    assert restarted.unlocked


def _key_of(relay: Relay) -> str:
    bodies = [json.loads(body) for _, body, _ in relay.requests if body]
    key: str = next(body[name] for body in bodies for name in ("license_key", "license") if name in body)
    return key

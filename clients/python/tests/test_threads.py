"""Threads, forks, listeners and the end of the interpreter: nothing hangs, leaks or crosses."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
from conftest import Bench
from local_stack import LocalStack, Relay

from falconer_licensing import FalconerError, Forked, Licensing, Offline, State

LIMIT_SECONDS = 30


def test_eight_threads_share_a_license(bench: Bench, stack: LocalStack) -> None:
    licensing = bench.open()
    licensing.activate(stack.issue())
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                assert licensing.refresh() is State.ACTIVE
                for _ in range(200):
                    assert licensing.unlocked
                    assert licensing.has_feature("copy_trading")
                assert licensing.snapshot().state is State.ACTIVE
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
    assert failures == []


def test_other_threads_run_during_a_request(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    licensing = bench.open(server=relay.url, timeout=5)
    licensing.activate(stack.issue())
    asked, answer = threading.Event(), threading.Event()

    def slow(path: str, body: Any) -> Any:
        asked.set()
        answer.wait(LIMIT_SECONDS)
        return relay.forward(path, body)

    relay.behave = slow
    states: list[State] = []
    caller = threading.Thread(target=lambda: states.append(licensing.refresh()))
    caller.start()
    assert asked.wait(LIMIT_SECONDS)
    begun = time.monotonic()
    assert licensing.unlocked
    assert licensing.snapshot().unlocked
    assert time.monotonic() - begun < 1
    assert states == []
    answer.set()
    caller.join(LIMIT_SECONDS)
    assert states == [State.ACTIVE]


def test_forked_children_neither_hang_nor_write(bench: Bench, stack: LocalStack) -> None:
    licensing = bench.open()
    licensing.activate(stack.issue())
    licensing.start_refresher()
    licensing.on_change(lambda _: None)
    ends = threading.Event()

    def look() -> None:
        while not ends.is_set():
            licensing.snapshot()

    def ask() -> None:
        while not ends.is_set():
            licensing.refresh()

    threads = [threading.Thread(target=target) for target in (look, ask)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(40):
            child = os.fork()
            if child == 0:
                _be_a_child(licensing)
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) == 0
    finally:
        ends.set()
        for thread in threads:
            thread.join(LIMIT_SECONDS)
    assert licensing.unlocked
    assert licensing.refresh() is State.ACTIVE


def _be_a_child(licensing: Licensing) -> None:
    signal.alarm(LIMIT_SECONDS)
    code = 1
    try:
        assert licensing.unlocked
        assert licensing.snapshot().unlocked
        try:
            licensing.refresh()
        except Forked:
            code = 0
        licensing.on_change(lambda _: None)
        licensing.cancel()
        licensing.stop_refresher()
        licensing.close()
    finally:
        os._exit(code)


def test_child_opens_a_license_of_its_own(bench: Bench, stack: LocalStack, tmp_path: Path) -> None:
    licensing = bench.open()
    licensing.activate(stack.issue())
    child = os.fork()
    if child == 0:
        signal.alarm(LIMIT_SECONDS)
        try:
            own = Licensing(
                "QF", stack.url, keys=stack.keys, store=tmp_path / "first.db", allow_machine_id_override=True
            )
            os._exit(0 if own.refresh() is State.ACTIVE else 2)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert licensing.refresh() is State.ACTIVE


def test_listener_that_raises_stops_no_other(bench: Bench, stack: LocalStack, caplog: pytest.LogCaptureFixture) -> None:
    licensing = bench.open()
    heard: list[tuple[State, str]] = []
    came = threading.Event()

    @licensing.on_change
    def raises(state: State) -> None:
        raise ValueError(f"a bug that {state.name} shows")

    def hears(state: State) -> None:
        heard.append((state, threading.current_thread().name))
        came.set()

    licensing.on_change(hears)
    key = stack.issue()
    with caplog.at_level(logging.ERROR, "falconer_licensing"):
        licensing.activate(key)
        assert came.wait(LIMIT_SECONDS)
        came.clear()
        stack.revoke(key)
        licensing.refresh()
        assert came.wait(LIMIT_SECONDS)
    assert heard == [(State.ACTIVE, "falconer-changes"), (State.LOCKED, "falconer-changes")]
    assert "a bug that ACTIVE shows" in caplog.text
    assert raises.__name__ == "raises"


def test_wait_for_change_hears_of_a_lock(bench: Bench, stack: LocalStack) -> None:
    licensing = bench.open()
    key = stack.issue()
    licensing.activate(key)
    stack.revoke(key)
    caller = threading.Timer(0.2, licensing.refresh)
    caller.start()
    assert licensing.wait_for_change(State.ACTIVE, LIMIT_SECONDS) is State.LOCKED
    caller.join()
    begun = time.monotonic()
    assert licensing.wait_for_change(State.LOCKED, 0.2) is State.LOCKED
    assert 0.15 < time.monotonic() - begun < 5


def test_cancel_and_close_end_a_call(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    licensing = bench.open(server=relay.url, timeout=60)
    licensing.activate(stack.issue())
    relay.behave = lambda _path, _body: time.sleep(5)
    for end in (licensing.cancel, licensing.close):
        raised: list[FalconerError] = []

        caller = threading.Thread(target=_refresh, args=(licensing, raised))
        caller.start()
        time.sleep(0.3)
        begun = time.monotonic()
        end()
        caller.join(LIMIT_SECONDS)
        assert time.monotonic() - begun < 2
        assert [type(error) for error in raised] == [Offline]
        assert raised[0].cause == "cancelled"


def _refresh(licensing: Licensing, raised: list[FalconerError]) -> None:
    try:
        licensing.refresh()
    except FalconerError as error:
        raised.append(error)


def test_dropped_license_leaves_nothing(bench: Bench, tmp_path: Path, stack: LocalStack) -> None:
    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    gc.collect()
    before = threads()
    for _ in range(5):
        licensing = Licensing("QF", stack.url, keys=stack.keys, store=tmp_path / "dropped.db")
        licensing.start_refresher()
        licensing.on_change(lambda _: None)
        dead = weakref.ref(licensing)
        del licensing
        gc.collect()
        assert dead() is None
    begun = time.monotonic()
    while threads() > before and time.monotonic() - begun < 5:
        time.sleep(0.01)
    assert threads() <= before


BEGINNING = """
import atexit, os, sys, threading, time
def look_back():
    # Registered before the library, so it runs after what the library does at exit.
    from falconer_licensing import _native
    print("open" if licensing._handle.is_open else "closed", _native.calls_in_progress())
atexit.register(look_back)
from falconer_licensing import Licensing, State
licensing = Licensing("QF", sys.argv[1], keys=sys.argv[2], store=sys.argv[3], timeout=60, allow_machine_id_override=True)
licensing.on_change(print)
licensing.start_refresher()
def quiet(ask, *args):
    # A daemon thread that prints its exception while the interpreter ends may kill it, whatever raised the exception.
    try: ask(*args)
    except Exception: pass
"""
ENDS = {
    "daemon thread in a request": (
        "threading.Thread(target=quiet, args=(licensing.refresh,), daemon=True).start(); time.sleep(0.4)"
    ),
    "refresher in a request": "time.sleep(2.5)",
    "sys.exit in a listener's program": (
        "threading.Thread(target=quiet, args=(licensing.refresh,), daemon=True).start(); sys.exit(0)"
    ),
    "wait for a change": (
        "threading.Thread(target=quiet, args=(licensing.wait_for_change, licensing.state, 60), daemon=True).start()"
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_interpreter_ends_in_a_request(bench: Bench, stack: LocalStack, relay: Relay, end: str) -> None:
    licensing = bench.open(server=relay.url)
    licensing.activate(stack.issue())
    licensing.close()
    relay.behave = lambda _path, _body: time.sleep(20)
    done = _program(bench, relay.url, stack, BEGINNING + end, 12)
    assert "Fatal" not in done.stderr
    assert "panicked" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "closed 0"


def test_child_ends_at_once_while_its_parent_asks(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    licensing = bench.open(server=relay.url)
    licensing.activate(stack.issue())
    licensing.close()
    relay.behave = lambda _path, _body: time.sleep(20)
    program = BEGINNING + (
        "threading.Thread(target=quiet, args=(licensing.refresh,), daemon=True).start(); time.sleep(0.4)\n"
        "begun = time.monotonic(); child = os.fork()\n"
        "if child == 0: atexit.unregister(look_back); sys.exit(0)\n"
        "os.waitpid(child, 0); print('child', time.monotonic() - begun < 1.5)\n"
    )
    done = _program(bench, relay.url, stack, program, 12)
    assert "child True" in done.stdout, done.stdout + done.stderr


def test_interrupt_ends_a_call_on_the_main_thread(bench: Bench, stack: LocalStack, relay: Relay) -> None:
    licensing = bench.open(server=relay.url)
    licensing.activate(stack.issue())
    licensing.close()
    relay.behave = lambda _path, _body: time.sleep(20)
    program = BEGINNING + (
        "threading.Timer(0.5, os.kill, (os.getpid(), 2)).start()\n"
        "try:\n    licensing.refresh()\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
    )
    done = _program(bench, relay.url, stack, program, 10)
    assert (done.returncode, "interrupted" in done.stdout) == (0, True), done.stderr


def _program(bench: Bench, url: str, stack: LocalStack, program: str, limit: float) -> subprocess.CompletedProcess[str]:
    """Runs a program on the store of the first machine. One that hangs fails the test."""
    command = [sys.executable, "-c", program, url, stack.keys, str(bench.folder / "first.db")]
    # Python looks for modules in the working folder first, and that of the tests holds the package without its module.
    return subprocess.run(command, cwd=bench.folder, capture_output=True, text=True, timeout=limit, check=False)

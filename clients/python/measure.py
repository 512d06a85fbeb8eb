"""States what the library costs an application: `measure.py WHEEL`, beside the stack of `FALCONER_TEST_STACK`.

The size of the wheel, the time of `import falconer_licensing`, of opening a stored license, and of `state`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# The wheel is measured, not the folder of this file.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parent / "tests"))

from local_stack import LocalStack

from falconer_licensing import Licensing, State

RUNS = 15
CALLS = 100_000
PROGRAM = (
    "import json, datetime, logging, threading, time; begun = time.perf_counter(); import falconer_licensing; "
    "print(time.perf_counter() - begun)"
)
"""The modules of the standard library that most applications import anyway are not counted."""


def import_milliseconds() -> float:
    """Measures a new process each time, and takes the median."""
    command = [sys.executable, "-I", "-c", PROGRAM]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(RUNS)]
    return statistics.median(float(run) for run in runs) * 1000


def with_a_stored_license(stack: LocalStack, store: Path) -> tuple[float, float, float]:
    """Returns the median milliseconds to open a stored license, and p50 and p99 of `state` in nanoseconds."""

    def opened() -> Licensing:
        return Licensing("QF", stack.url, keys=stack.keys, store=store)

    with opened() as licensing:
        licensing.activate(stack.issue())
    opens = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        with opened() as licensing:
            assert licensing.state == State.ACTIVE
            opens.append((time.perf_counter() - begun) * 1000)
    with opened() as licensing:
        times = []
        for _ in range(CALLS):
            called = time.perf_counter_ns()
            _ = licensing.state
            times.append(time.perf_counter_ns() - called)
    hundredths = statistics.quantiles(times, n=100)
    return statistics.median(opens), hundredths[49], hundredths[98]


wheel = Path(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    local = LocalStack(Path(os.environ["FALCONER_TEST_STACK"]))
    opening, p50, p99 = with_a_stored_license(local, Path(folder) / "license.db")
print(
    f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB; import {import_milliseconds():.0f} ms; "
    f"open a stored license {opening:.1f} ms; state {p50:.0f} ns at p50, {p99:.0f} ns at p99"
)

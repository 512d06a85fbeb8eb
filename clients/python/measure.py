"""States the size of the wheel and the time of `import falconer_licensing`: `measure.py WHEEL`."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

RUNS = 15
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


wheel = Path(sys.argv[1])
print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB; import {import_milliseconds():.0f} ms")

"""Simulates Falconer's growth, and holds the tables of docs/scaling.md to the results.

    simulate.py ROOT [--check | --write]

Seeded, so that every run gives the same tables; takes seconds. Limits and settings are read from template.yaml.
"""

import heapq
import math
import random
import re
import sys
from pathlib import Path

from measured import held, newest, one

# Seconds that a verification keeps an instance of 256 MB busy, as the bill has it, and until a new instance is ready, by P8.
BENCH = newest(Path(sys.argv[1]))
BUSY_SECONDS = one(BENCH["costs"]["bills"], name="falconer")["billed_ms"] / 1_000
READY_SECONDS = one(BENCH["shares"], name="verify", memory_mb=128, road="TLS, 3 ms")["ready_ms"] / 1_000
# Assumed for what Lambda does before the program starts: AWS names "under 100 ms to over 1 second" for a whole cold start.
START_SECONDS = 0.2 + READY_SECONDS
# Assumed: AWS names no time after which an idle instance goes.
IDLE_SECONDS = 300
# Looked up: docs/scaling.md names the sources.
PARTITION_READS, PARTITION_WRITES, PARTITION_GB = 3_000, 1_000, 10
LICENSE_KB, ROW_KB = 1.0, 0.4
STORED_GB_MONTH, EXPORT_GB = 0.25 + 0.20, 0.10
DAY = 86_400


def default_of(template, name):
    """The default of a parameter of template.yaml."""
    return int(re.search(rf"\n  {name}:\n(?:    .*\n)*?    Default: (\d+)\n", template).group(1))


def figure(number):
    return f"{number:,.0f}"


def brief(number):
    """Two digits that count, or the whole number."""
    return f"{number:,.2g}" if number < 10 else figure(number)


def share(part, whole):
    percent = 100 * part / whole
    return "0 %" if percent < 1e-6 else f"{percent:.2g} %" if percent < 10 else f"{percent:.0f} %"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def served(rate, seconds, generator):
    """One function under a steady rate: each instance has one request at a time, and the one used last is used next."""
    clock, arrivals, cold, peak, busy, idle, instances = 0.0, 0, 0, 0, [], [], 0
    while True:
        clock += generator.expovariate(rate)
        if clock > seconds:
            return arrivals, cold, peak
        while busy and busy[0] <= clock:
            idle.append(heapq.heappop(busy))
        arrivals += 1
        if idle and clock - idle[-1] <= IDLE_SECONDS:
            idle.pop()
            heapq.heappush(busy, clock + BUSY_SECONDS)
        else:
            idle.clear()
            cold += 1
            heapq.heappush(busy, clock + START_SECONDS + BUSY_SECONDS)
        instances = len(busy)
        peak = max(peak, instances)


def instances(_template):
    generator = random.Random(1)
    rows = []
    for what, rate, seconds in [
        ("1,000 licenses, each once a day", 1_000 / DAY, 60 * DAY),
        ("1 a second", 1, 10 * DAY),
        ("100 a second", 100, 3 * 3_600),
        ("10,000 a second, from one moment to the next", 10_000, 30),
    ]:
        arrivals, cold, peak = served(rate, seconds, generator)
        rows.append([what, brief(rate * BUSY_SECONDS), figure(peak), share(cold, arrivals)])
    return table(["traffic", "busy on average", "most at once", "cold starts"], rows)


def admitted(limit, count, generator):
    """Requests for one license in one minute, sent to instances at random until each refuses: `limiter/memory.rs`."""
    owed, full, counted, passed = [None] * count, [False] * count, 0, 0
    while not all(full):
        chosen = generator.randrange(count)
        if full[chosen]:
            continue
        if owed[chosen] is None:
            owed[chosen], passed = 1, passed + 1
            continue
        calls = owed[chosen] + 1
        if counted + calls > limit:
            full[chosen] = True
            continue
        counted, passed, owed[chosen] = counted + calls, passed + 1, 0
    return passed


def limit(template):
    quota, generator, rows = default_of(template, "RateLimitPerMinute"), random.Random(2), []
    burst = int(re.search(r"ThrottlingBurstLimit: (\d+)", template).group(1))
    for count, runs in [(1, 400), (2, 400), (4, 400), (20, 400), (burst, 40)]:
        results = [admitted(quota, count, generator) for _ in range(runs)]
        assert quota <= min(results) and max(results) <= quota + count - 1
        rows.append([count, quota + count - 1, max(results), f"{sum(results) / runs:.1f}"])
    return table(["instances", "bound", "most of all runs", "mean"], rows)


def poisson(mean, generator):
    """How many of them come: by Knuth for few, by the normal for many."""
    if mean > 50:
        return max(0, round(generator.gauss(mean, math.sqrt(mean))))
    limit_, count, product = math.exp(-mean), 0, generator.random()
    while product > limit_:
        count, product = count + 1, product * generator.random()
    return count


def agrees(hits, runs, exact):
    """Whether a simulation is within four deviations of the formula that it stands beside."""
    return abs(hits / runs - exact) <= 4 * math.sqrt(exact * (1 - exact) / runs) + 1e-9


def canary(_template):
    """By formula: a simulation has too few trials without a request to count them. It checks the formula where it can."""
    generator, runs, rows = random.Random(3), 4_000, []
    for a_day in [1_000, 10_000, 100_000, 1_000_000]:
        mean = a_day / DAY * 600 / 10
        trials = [poisson(mean, generator) for _ in range(runs)]
        blind, seen = math.exp(-mean), {of: 1 - math.exp(-mean / of) for of in (1, 20)}
        assert agrees(trials.count(0), runs, blind)
        for of, exact in seen.items():
            hits = sum(1 for requests in trials if any(generator.random() < 1 / of for _ in range(requests)))
            assert agrees(hits, runs, exact)
        rows.append([figure(a_day), brief(mean), share(blind, 1), share(seen[1], 1), share(seen[20], 1)])
    head = ["verifications a day", "requests of the trial", "trials without any", "a version that always fails is seen",
            "one that fails 1 in 20"]
    return table(head, rows)


def partitions(_template):
    generator, rows = random.Random(4), []
    for licenses, rate in [(10_000, 1), (1_000_000, 100), (100_000_000, 10_000)]:
        count = max(1, math.ceil(licenses * LICENSE_KB / 1e6 / PARTITION_GB), math.ceil(rate / PARTITION_READS))
        busiest = 0
        for _ in range(20):
            hits = [0] * count
            for _ in range(rate):
                hits[generator.randrange(count)] += 1
            busiest = max(busiest, *hits)
        rows.append([figure(licenses), figure(rate), count, figure(busiest), share(busiest, PARTITION_READS)])
    head = ["licenses", "a second", "partitions", "reads of the busiest one in a second", "of its 3,000"]
    return table(head, rows)


def regions(_template):
    """Two devices take the last seat in two regions. The write of the first arrives in the other one a lag later.

    By formula, the mean of exp(-gap) over gaps up to `apart`: in an hour a simulation has too few hits to count them.
    """
    generator, runs, rows = random.Random(5), 50_000, []
    for what, apart in [("1 second", 1), ("10 seconds", 10), ("1 minute", 60), ("1 hour", 3_600)]:
        exact = (1 - math.exp(-apart)) / apart
        oversold = sum(1 for _ in range(runs) if generator.random() * apart < generator.expovariate(1.0))
        assert agrees(oversold, runs, exact)
        rows.append([what, share(exact, 1), "0 %"])
    head = ["the two ask within", "both are told yes, writes in both regions", "writes in one region"]
    return table(head, rows)


def growth(template):
    days, rows = default_of(template, "VerificationRetentionDays"), []
    for licenses in [1_000, 1_000_000, 100_000_000]:
        rate, peak = licenses / DAY, licenses / (2_700 * math.sqrt(2 * math.pi))
        held = licenses * days * ROW_KB / 1e6
        daily = licenses * ROW_KB / 1e6
        rows.append([
            figure(licenses), brief(rate), brief(peak), brief(daily), brief(held),
            "$" + (f"{held * STORED_GB_MONTH:,.2f}" if held < 1_000 else figure(held * STORED_GB_MONTH)),
            "$" + (f"{daily * 30 * EXPORT_GB:,.2f}" if daily < 100 else figure(daily * 30 * EXPORT_GB)),
        ])
    head = ["licenses", "verifications a second", "at nine o'clock", "audit, GB a day", f"GB in {days} days",
            "kept, a month", "exported each day, a month"]
    return table(head, rows)


def scans(_template):
    """A strongly consistent scan: pages of 1 MB one after the other, each of 256 read units, 60 ms assumed for each."""
    rows = []
    for licenses in [10_000, 1_000_000, 100_000_000]:
        pages = math.ceil(licenses * LICENSE_KB / 1_000)
        minutes, units = pages * 0.060 / 60, pages * 256
        took = f"{minutes * 60:.0f} s" if minutes < 1 else f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
        rows.append([figure(licenses), figure(pages), took, f"${units * 0.125 / 1e6:.2f}"])
    return table(["licenses", "pages", "one after the other", "read units cost"], rows)


SIMULATIONS = {
    "instances": instances, "limit": limit, "canary": canary, "partitions": partitions, "regions": regions,
    "growth": growth, "scans": scans,
}


def main():
    root, mode = Path(sys.argv[1]), sys.argv[2:]
    template = (root / "template.yaml").read_text(encoding="utf-8")
    tables = {name: simulate(template) for name, simulate in SIMULATIONS.items()}
    document = root / "docs/scaling.md"
    if not mode:
        print("\n\n".join(f"{name}\n\n{text}" for name, text in tables.items()))
        return
    held(document, "simulated", tables, mode == ["--write"], "cargo xtask simulate --write")


if __name__ == "__main__":
    main()

"""Holds docs/performance.md to the newest results in docs/results: each marked table whole, and each figure of the first table.

    performance.py ROOT [--write]

`--write` writes the marked tables into the document. Fails for each figure that the document has otherwise.
"""

import sys
from pathlib import Path

from measured import held, newest, one

NAMES = {"verify": "falconer", "flask, as written": "flask as written", "flask, pooled": "flask with a pool"}
ROADS = {"plain": "plain", "TLS": "TLS", "TLS, 3 ms": "TLS, 3 ms", "TLS, 10 ms": "TLS, 10 ms"}
NEAR = "TLS, 3 ms"


def digits(number):
    """Three digits that count, and the whole number from 100 on."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def millions(count):
    return f"{count / 1e6:.1f} M" if count >= 1e7 else f"{count / 1e6:.2f} M"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines).replace("|  |", "| |")


def shares(bench):
    rows = []
    for row in bench["shares"]:
        if row["road"] != NEAR or row["name"] == "hello":
            continue
        spreads = [row[spread][part] for spread in ("alone", "in_a_row") for part in ("p50_ms", "p99_ms")]
        times = [row["first_answer_ms"], *spreads, row["billed_ms"]]
        rows.append([f"{row['memory_mb']} MB", NAMES.get(row["name"], row["name"]), *map(digits, times), f"${row['million']:.2f}"])
    return table(["memory", "program", "first answer", "warm p50", "p99", "in a row, p50", "p99", "billed", "a million"], rows)


def functions(bench):
    rows = []
    for row in bench["speed"]:
        if row["name"] == "hello" or (row["name"] == "bare-calls" and row["road"] != "plain"):
            continue
        times = [row["ready_ms"], row["first_answer_ms"], row["warm"]["p50_ms"], row["warm"]["p99_ms"]]
        rows.append([NAMES.get(row["name"], row["name"]), ROADS[row["road"]], *map(digits, times)])
    return table(["", "connection", "ready", "first answer", "warm p50", "p99"], rows)


def servers(bench):
    rows = []
    for row in bench["servers"]:
        latency = [row["latency"]["p50_ms"], row["latency"]["p99_ms"]]
        stores = f"{row['store_delay_ms']:.0f} ms away"
        rows.append([NAMES.get(row["name"], row["name"]), row["callers"], stores, *map(digits, latency), digits(row["per_second"])])
    return table(["", "callers", "stores", "p50", "p99", "a second"], rows)


def memory(bench):
    sizes = [count for count, _ in bench["memory"][0]["resident_mib"]]
    rows = []
    for row in bench["memory"]:
        resident = [f"{mib:.1f}" for _, mib in row["resident_mib"]]
        answers = max(row["answers"].items(), key=lambda answer: answer[1])[0].strip()
        rows.append([row["name"], *resident, f"{row['bytes_each']:.0f}", answers])
    head = ["function", f"after {sizes[0]:,}", *(f"{count:,}" for count in sizes[1:]), "bytes for each request", "answers"]
    return table(head, rows)


def times(slow, fast, places=1):
    """How many times as long, with the ratio cut, so that it reaches no target by rounding."""
    scale = 10**places
    return f"{int(slow / fast * scale) / scale:.{places}f} times"


def targets(bench):
    """What the targets are about, of one run."""
    ours, bare, *_ = bench["instructions"]
    warm = {row["name"]: row["warm"]["p50_ms"] for row in bench["speed"] if row["road"] == NEAR}
    served = {row["name"]: row["latency"]["p50_ms"] for row in bench["servers"] if (row["callers"], row["store_delay_ms"]) == (1, 3.0)}
    share = {(row["name"], row["memory_mb"]): row for row in bench["shares"] if row["road"] == NEAR}
    alone, first = share["verify", 256]["alone"], "first_answer_ms"
    bills = {bill["name"]: f"${bill['million']:.2f}" for bill in bench["costs"]["bills"]}
    yield "P1, plain HTTP", millions(ours["start_plain"])
    yield "P1, TLS", millions(ours["start_tls"])
    yield "P2", f"{ours['each'] / bare['each']:.2f}"
    yield "P5, against Python", times(warm["python"], warm["verify"])
    yield "P5, against flask as written", times(served["flask, as written"], served["falconer"], 2)
    yield "P5, against flask with a pool", times(served["flask, pooled"], served["falconer"], 2)
    yield "P6, warm p50 and p99", f"{alone['p50_ms']:.1f} and {alone['p99_ms']:.1f} ms"
    yield "P6, first answer", f"{share['verify', 256][first]:.0f} ms"
    for name in ("python", "sdk-defaults"):
        yield f"P6, first answer against {name}", times(share[name, 256][first], share["verify", 256][first])
    ours, defaults = (share[name, 128] for name in ("verify", "sdk-defaults"))
    yield "P8, until ready", times(defaults["ready_ms"], ours["ready_ms"])
    yield "P8, to the first answer", times(defaults[first], ours[first])
    yield "P9", f"{bills['falconer']} and {bills['falconer, VERIFY_AUDIT=refusals']}"
    yield "P10", f"{bench['client']['status_ns']['p50']} and {bench['client']['status_ns']['p99']} ns"
    units = {f"{row['read_units']:g} and {row['write_units']:g}" for row in bench["growth"]}
    yield "P11, read and write units", " to ".join(sorted(units))


def again(bench, repeated):
    second = dict(targets(repeated))
    rows = [[name, figure, second[name]] for name, figure in targets(bench)]
    return table(["", bench["date"], repeated["date"]], rows)


def figures(bench, load):
    """What the first table and the sections say, with the figures of the results."""
    ours, bare, hello, defaults = bench["instructions"]
    plain, tls, near = (one(bench["speed"], name="verify", road=road) for road in ("plain", "TLS", NEAR))
    yield f"| {millions(ours['start_plain'])}; {plain['ready_processor_ms']:.1f} ms of processor, {plain['ready_ms']:.1f} ms by the clock |"
    yield f"| hello {millions(hello['start_plain'])}, bare-calls {millions(bare['start_plain'])}, sdk-defaults {millions(defaults['start_plain'])} |"
    yield f"| {millions(ours['start_tls'])}, **[falls short](#where-it-falls-short)**; {tls['ready_processor_ms']:.1f} ms of processor, {tls['ready_ms']:.1f} ms by the clock |"
    yield f"bare-calls {millions(bare['start_tls'])}, sdk-defaults {defaults['start_tls'] / 1e6:.0f} M"
    yield f"| {ours['each'] / bare['each']:.2f}, **[falls short](#where-it-falls-short)**; {millions(ours['each'])} |"
    yield f"| bare-calls {millions(bare['each'])}, hello {millions(hello['each'])}, sdk-defaults {millions(defaults['each'])} |"
    yield f"Of the {millions(ours['each'] - bare['each'])} that Falconer takes more"
    python = one(bench["speed"], name="python", road=NEAR)
    yield f"| {times(python['warm']['p50_ms'], near['warm']['p50_ms'])}, {near['warm']['p50_ms']:.1f} ms | python {python['warm']['p50_ms']:.1f} ms |"
    falconer, written, pooled = (one(bench["servers"], name=name, callers=1, store_delay_ms=3.0)["latency"]["p50_ms"]
                                 for name in ("falconer", "flask, as written", "flask, pooled"))
    yield f"| {times(written, falconer, 2)}, **[falls short](#where-it-falls-short)**, and {times(pooled, falconer, 2)}; {falconer:.1f} ms |"
    yield f"as written {written:.1f} ms, with a pool {pooled:.1f} ms"
    share = {(row["name"], row["memory_mb"]): row for row in bench["shares"] if row["road"] == NEAR}
    ours, defaults, python = (share[name, 256] for name in ("verify", "sdk-defaults", "python"))
    yield f"| {ours['alone']['p50_ms']:.1f} ms; p99 {ours['alone']['p99_ms']:.1f} ms |"
    yield f"| sdk-defaults {defaults['alone']['p50_ms']:.1f} ms, python {python['alone']['p50_ms']:.1f} ms |"
    first = "first_answer_ms"
    yield f"| {ours[first]:.0f} ms; {times(python[first], ours[first])} and {times(defaults[first], ours[first])} |"
    yield f"python {python[first]:,.0f} ms, sdk-defaults {defaults[first]:.0f} ms"
    ours, defaults, python = (share[name, 128] for name in ("verify", "sdk-defaults", "python"))
    yield (f"| {times(defaults['ready_ms'], ours['ready_ms'])} until ready ({ours['ready_ms']:.0f} ms), "
           f"{times(defaults[first], ours[first])} to the first answer ({ours[first]:.0f} ms) |")
    yield f"sdk-defaults {defaults['ready_ms']:.0f} and {defaults[first]:.0f} ms, python {python[first] / 1e3:.1f} s to the first answer"
    peak = max(row["peak_memory_mib"] for row in bench["speed"] if row["name"] == "verify")
    last = [row["resident_mib"][-1][1] for row in bench["memory"] if row["name"] != "hello"]
    yield f"| {peak:.1f} MiB after 2,000 verifications; after 100,000 requests to one instance {min(last):.1f} to {max(last):.1f} MiB"
    zipped = {row["name"]: f"{row['zipped_bytes'] / 2**20:.2f} MiB" for row in bench["sizes"]}
    yield f"| `verify` {zipped['verify']} | sdk-defaults {zipped['sdk-defaults']} |"
    bills = {bill["name"]: f"${bill['million']:.2f}" for bill in bench["costs"]["bills"]}
    yield f"| {bills['falconer']} ([costs.md](costs.md#a-million-verifications))"
    yield f"everything on {bills['falconer, everything on']} | python with its calls in sequence {bills['python, one call after the other']}"
    yield f"| {bills['falconer, VERIFY_AUDIT=refusals']} | |"
    state = bench["client"]["status_ns"]
    yield f"| Rust {state['p50']} ns at p50, {state['p99']} ns at p99;"
    units = {(row["read_units"], row["write_units"], row["item_bytes"]) for row in bench["growth"]}
    assert len(units) == 1, units
    read, write, item = units.pop()
    warm = [f"{row['warm']['p50_ms']:.2f}" for row in bench["growth"]]
    yield f"| {read:g} read and {write:g} write units, {item} bytes, at 10,000, 100,000 and 1,000,000 licenses; for information, {warm[0]}, {warm[1]} and {warm[2]} ms at p50"
    yield f"programs of commit {bench['machine']['commit']}: [results/{bench['date']}.json](results/{bench['date']}.json)"
    latency = lambda name: (load["latency"][name]["p50_ms"], load["latency"][name]["p99_ms"])
    yield f"| {load['requests']:,}, which is {load['per_second']:.0f} a second |"
    yield f"| instances killed | {load['killed']};"
    yield f"| {load['lives']:,} |"
    yield f"| answers that contradict an earlier acknowledged one, or the tables | {len(load['wrong'])} |"
    outage = load["outage_latency"]
    yield f"for {load['outage_seconds']} s in the middle; {outage['count']:,} honest 503, {outage['p50_ms']:.1f} ms at p50, {outage['p99_ms']:.0f} ms at p99"
    (verify, activate, transfer, deactivate) = map(latency, ("verify", "activate-sync", "transfer", "deactivate"))
    yield (f"verify {verify[0]:.1f} and {verify[1]:.1f} ms, activate-sync {activate[0]:.1f} and {activate[1]:.0f}, "
           f"transfer {transfer[0]:.0f} and {transfer[1]:.0f}, deactivate {deactivate[0]:.0f} and {deactivate[1]:.0f}")
    yield f"of commit {load['machine']['commit']}: [results/{load['date']}-load.json](results/{load['date']}-load.json)"


TABLES = {"shares": shares, "functions": functions, "servers": servers, "memory": memory}


def main():
    root, mode = Path(sys.argv[1]), sys.argv[2:]
    bench, load = newest(root), newest(root, "-load")
    tables = {name: measured(bench) for name, measured in TABLES.items()}
    tables["again"] = again(bench, newest(root, "-again"))
    command = "python3 xtask/python/performance.py . --write"
    flat = " ".join(held(root / "docs/performance.md", "measured", tables, mode == ["--write"], command).split())
    told = list(figures(bench, load))
    wrong = [f"docs/performance.md lacks: {figure}" for figure in told if figure not in flat]
    if wrong:
        raise SystemExit("\n".join(wrong))
    print(f"{len(tables)} tables and {len(told)} rows of docs/performance.md, each as docs/results has them")


if __name__ == "__main__":
    main()

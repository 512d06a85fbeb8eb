"""Writes the vectors of clients, or checks that they are what this writes.

    make.py [--check]

Each case says beforehand the main part of what has to come out. The reference has to agree, or nothing is written:
neither a slip in a case nor one in the reference becomes an expectation.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import hardware_cases  # noqa: E402
import lease_cases  # noqa: E402
import reference  # noqa: E402
import state_cases  # noqa: E402
import trust_cases  # noqa: E402

HERE = Path(__file__).parent
CASES = {
    "lease": lease_cases.cases,
    "trust": trust_cases.cases,
    "state": state_cases.cases,
    "hardware": hardware_cases.cases,
}


def agrees(said, expect):
    """Whether what a case says is what the reference concludes. Keys alone are said as their digits."""
    seen = dict(expect)
    if "kids" in said:
        seen["kids"] = "".join(expect["trusted"])
    if isinstance(said.get("sent"), list):
        seen["sent"] = sorted(expect["sent"])
    return all(seen[name] == value for name, value in said.items())


def vectors(profile):
    made, complaints = [], []

    def vector(name, about, given, said, needs=()):
        given = json.loads(json.dumps(given))
        expect = reference.EXPECTED[profile](given)
        if not agrees(said, expect):
            complaints.append(f"{name}: the case says {said}, the reference {expect}")
        needed = {"needs": list(needs)} if needs else {}
        made.append({"id": name, "profile": profile, "about": about, **needed, "given": given, "expect": expect})

    CASES[profile](vector)
    names = [one["id"] for one in made]
    complaints += [f"{name} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    if complaints:
        raise SystemExit("\n".join(complaints))
    return made


def main():
    for profile in CASES:
        made = vectors(profile)
        about = "public test keys, made by make.py; docs/spec/clients.md says how to read this"
        text = json.dumps({"about": about, "version": 1, "profile": profile, "vectors": made}, indent=1) + "\n"
        file = HERE / f"{profile}.json"
        if "--check" not in sys.argv[1:]:
            file.write_text(text, encoding="utf-8", newline="\n")
        elif not file.exists() or file.read_bytes() != text.encode():
            raise SystemExit(f"{file.name} is not what make.py writes; run make.py and look at what changed")
        print(f"{profile}: {len(made)} vectors")


if __name__ == "__main__":
    main()

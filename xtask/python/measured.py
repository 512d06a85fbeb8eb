"""The newest results of `cargo xtask bench` and `load` in docs/results."""

import json
import re


def newest(root, kind=""):
    """The newest report; `kind` is "-load" for that of the load."""
    named = re.compile(rf"\d{{4}}-\d\d-\d\d{kind}\.json")
    files = sorted(file for file in (root / "docs/results").iterdir() if named.fullmatch(file.name))
    return json.loads(files[-1].read_text(encoding="utf-8"))


def one(rows, **members):
    """The only row with these members."""
    found = [row for row in rows if all(row[name] == value for name, value in members.items())]
    assert len(found) == 1, f"{len(found)} rows with {members}"
    return found[0]

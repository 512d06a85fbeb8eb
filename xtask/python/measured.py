"""The newest results of `cargo xtask bench` and `load` in docs/results, and documents with tables of figures."""

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


def held(document, mark, tables, is_written, command):
    """The text of a document with its marked tables, which it has to have already, unless they are written into it now."""
    before = document.read_text(encoding="utf-8")
    after = before
    for name, text in tables.items():
        after, found = re.subn(rf"(<!-- {mark}: {name} -->\n\n)(?:\|.*\n)*", rf"\g<1>{text}\n", after)
        if found != 1:
            raise SystemExit(f"{document.name} has no table of {name}: write <!-- {mark}: {name} --> and an empty line")
    if is_written:
        document.write_text(after, encoding="utf-8")
    elif after != before:
        raise SystemExit(f"a table of {document.name} has other figures than its source: `{command}`")
    return after

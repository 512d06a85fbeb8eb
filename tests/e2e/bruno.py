"""Sends the requests of a Bruno collection and judges the answers by the assertions in its files.

    bruno.py FOLDER

It knows what this collection uses of the format: blocks, variables of the environment, `eq` and `isDefined`.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path


def blocks(text):
    """Name of a block to its lines."""
    return {name: body for name, body in re.findall(r"^([\w:-]+) \{\n(.*?)^\}", text, re.M | re.S)}


def pairs(block):
    return dict(line.strip().split(": ", 1) for line in block.splitlines() if line.strip())


def filled(text):
    return re.sub(r"\{\{process\.env\.(\w+)\}\}", lambda found: os.environ[found[1]], text)


def sent(parts):
    method = next(name for name in ("get", "post") if name in parts)
    body = filled(parts["body:json"]).encode() if "body:json" in parts else None
    headers = {"content-type": "application/json"} if body else {}
    request = urllib.request.Request(filled(pairs(parts[method])["url"]), body, headers, method=method.upper())
    # A proxy of the developer's has no business between programs of one machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)


def found(path, status, body):
    if path == "res.status":
        return status
    value = body
    for part in path.removeprefix("res.body.").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def complaints(file):
    parts = blocks(file.read_text(encoding="utf-8"))
    status, body = sent(parts)
    assertions = pairs(parts["assert"])
    if not assertions:
        yield f"{file.name} asserts nothing"
    for path, rule in assertions.items():
        value = found(path, status, body)
        if rule == "isDefined":
            good = value is not None
        else:
            operator, wanted = rule.split(" ", 1)
            good = operator == "eq" and json.dumps(value).strip('"') == wanted
        if not good:
            yield f"{file.name}: {path} is {value!r}, which is not {rule}: {status} {body}"


def main():
    files = [file for file in Path(sys.argv[1]).glob("*.bru")]
    files.sort(key=lambda file: int(pairs(blocks(file.read_text(encoding="utf-8"))["meta"])["seq"]))
    bad = [complaint for file in files for complaint in complaints(file)]
    if bad or not files:
        raise SystemExit("\n".join(bad) or "no requests")
    print(f"{len(files)} requests answered as they say")


if __name__ == "__main__":
    main()

"""Asks Falconer about every key of a table that was imported, and holds the answers beside the old server's.

    answers.py --url URL --answers FILE --catalog FILE --export FILE

Every difference has to be in `WANTED`, with its reason. Keys that EXPORT does not hold are not asked about.
"""

import argparse
import collections
import http.client
import json
import sys
import urllib.parse
from pathlib import Path

# Kind of row and difference: why Falconer is to answer otherwise.
WANTED = {
    ("inactive", "not found → revoked"): "the row is there, and its customer is told what is the matter",
    ("perpetual", "end"): "a license without an end has one fixed moment, at the end of the calendar",
    ("never", "not found → valid"): "the old server could not hold the date, and it means that the license never ends",
    ("long ago", "not found → expired"): "the old server could not hold the date, and it has passed",
    ("more features", "features"): "the row's own features count now; the dry run counts these licenses",
    ("user cleaned", "user"): "line breaks and hidden marks are not for an operator's screen; metadata has the original",
    ("user empty", "user"): "a license without an id has none",
    ("not the generator's", "valid → invalid signature"): "no key of the generator has a tier or a second like that",
    ("spelled otherwise", "invalid signature → valid"): "the same key, as people may spell it",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    for name in ("answers", "catalog", "export"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    exported = arguments.export.read_text(encoding="utf-8")
    tiers = json.loads(arguments.catalog.read_text(encoding="utf-8"))
    server = http.client.HTTPConnection(urllib.parse.urlsplit(arguments.url).netloc, timeout=30)
    found, unwanted, asked = collections.Counter(), [], 0
    answers = json.loads(arguments.answers.read_text(encoding="utf-8"))
    for old in answers:
        if old["key"].strip() not in exported:
            continue
        asked += 1
        for difference in differences(old, ask(server, old["key"]), tiers):
            entry = (old["kind"], difference.split(":")[0])
            found[entry] += 1
            if entry not in WANTED:
                unwanted.append(f"  {old['kind']}: {difference}")
    print(f"{asked} keys asked about")
    for entry, count in sorted(found.items()):
        print(f"  {count:3}  {entry[0]}: {entry[1]} – {WANTED.get(entry, 'NOT WANTED')}")
    if unwanted:
        sys.exit("answers that differ from the old server's and should not:\n" + "\n".join(unwanted))
    stale = WANTED.keys() - found.keys() if asked == len(answers) else ()
    if stale:
        sys.exit(f"differences that are wanted and do not occur: {sorted(stale)}")


def ask(server, key):
    body = json.dumps({"license": key, "timestamp": 0, "origin": "moving"})
    server.request("POST", "/api/verify", body, {"content-type": "application/json"})
    answer = server.getresponse()
    return answer.status, json.loads(answer.read())


def differences(old, new, tiers):
    """What differs, each as a word, and what each side says."""
    (status, body), was = new, old["body"]
    if status != old["status"]:
        before = "valid" if old["status"] == 200 else short(was["error"])
        after = "valid" if status == 200 else short(body.get("error", body.get("code", "")))
        yield f"{before} → {after}: {status} {body.get('code')}"
        return
    if status != 200:
        if short(was["error"]) != short(body.get("error", "")):
            yield f"{short(was['error'])} → {short(body.get('error', ''))}"
        return
    if body["tier"] != was["tier"]:
        yield f"tier: {was['tier']} {body['tier']}"
    if body["expiresAt"] != was["expiresAt"]:
        yield f"end: {was['expiresAt']} {body['expiresAt']}"
    if body["userId"] != was["userId"]:
        yield f"user: {was['userId']!r} {body['userId']!r}"
    granted = old.get("features") or features(tiers, was["tier"])
    if body["features"] != granted:
        yield f"features: {body['features'][len(granted):]}"


def short(error):
    return error.lower().removeprefix("license ").removeprefix("invalid license signature") or "invalid signature"


def features(tiers, tier):
    return tiers[tier]


if __name__ == "__main__":
    main()

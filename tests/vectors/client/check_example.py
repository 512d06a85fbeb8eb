"""Runs the verifier of examples/verifiers/python against the profile `lease`, and its endorsements against `trust`.

    check_example.py

It is the pattern for a program of your own: name what it claims, run every vector that needs no more, compare. The
verifier knows yes and no alone, so outcomes are compared as "a lease" and "anything else". The rules before the verifier,
by status and form of the answer, are the reader's own (docs/own-client.md), and are written here as an application would
write them.
"""

import datetime
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "examples/verifiers/python"))

import jwt.api_jwt  # noqa: E402
from follow_endorsements import follow_endorsements  # noqa: E402
from verify_lease import verify_lease  # noqa: E402

# PyJWT compares times with the local clock, reads base64 and JSON as Python does, and has no alg Ed25519.
CLAIMS = {"lease": {"issuer"}, "trust": {"other-kinds"}}


class LocalClock(datetime.datetime):
    """The clock that the vector shows."""

    seconds = 0

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(cls.seconds, tz)


jwt.api_jwt.datetime = LocalClock


def lease_of(answer):
    """The member `lease` of an answer that may be read, or None."""
    if answer is None or not (200 <= answer["status"] < 300 or 400 <= answer["status"] < 500):
        return None
    if answer["status"] in (408, 425, 429):
        return None
    try:
        body = json.loads(answer["body"])
    except ValueError:
        return None
    return body.get("lease") if isinstance(body, dict) else None


def is_lease(answer, asked, keys):
    lease = lease_of(answer)
    if not isinstance(lease, str) or asked["endpoint"] == "deactivate":
        return False
    license_id = asked["license_id"]
    if license_id is None:
        # A request for a seat learns the license id from its answer.
        license_id = json.loads(answer["body"]).get("licenseId")
    try:
        verify_lease(lease, keys, asked["product"], license_id, asked["nonce"], asked.get("issuer"))
    except Exception:
        return False
    return True


def lease_profile(given):
    LocalClock.seconds = given["clock"]["wall_ms"] / 1000
    return "a lease" if is_lease(given["answer"], given["asked"], given["keys"]) else "no lease"


def trust_profile(given):
    LocalClock.seconds = 1_800_000_000
    keys = given["pinned"]
    for step in given["steps"]:
        if "pinned" in step:
            keys = follow_endorsements(step["pinned"], keys)
        elif step["fetched"] is not None:
            try:
                keys = follow_endorsements(keys, json.loads(step["fetched"]["body"]))
            except (ValueError, KeyError, TypeError):
                pass  # No keys are in the answer: those that are kept stay.
    return "a lease" if is_lease(given["answer"], given["asked"], keys) else "no lease"


def main():
    failed = False
    for profile, run in (("lease", lease_profile), ("trust", trust_profile)):
        vectors = json.loads((HERE / f"{profile}.json").read_text(encoding="utf-8"))["vectors"]
        claimed = [one for one in vectors if set(one.get("needs", [])) <= CLAIMS[profile]]
        for vector in claimed:
            wanted = "a lease" if vector["expect"]["outcome"] == "lease" else "no lease"
            try:
                told = run(vector["given"])
            except Exception as why:
                told = f"{type(why).__name__}: {why}"
            if told != wanted:
                failed = True
                print(f"{vector['id']}: {told}, not {wanted}: {vector['about']}")
        print(f"{profile}: {len(claimed)} of {len(vectors)} vectors are claimed")
    sys.exit(failed)


if __name__ == "__main__":
    main()

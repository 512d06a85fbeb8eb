"""Asks the verifiers of examples/verifiers/python. See xtask/src/e2e/verifiers.rs.

    judge.py FOLDER < CASES

Each case is {name, lease, keys, pinned?, product, license_id, nonce, issuer}. Prints {name: "yes", or why not}.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from follow_endorsements import follow_endorsements  # noqa: E402
from verify_lease import verify_lease  # noqa: E402


def judged(case):
    try:
        keys = follow_endorsements(case["pinned"], case["keys"]) if "pinned" in case else case["keys"]
        verify_lease(case["lease"], keys, case["product"], case["license_id"], case["nonce"], case["issuer"])
    except Exception as why:
        return f"{type(why).__name__}: {why}"
    return "yes"


print(json.dumps({case["name"]: judged(case) for case in json.load(sys.stdin)}))

"""Three hundred licenses as the Flask server has them after some years, every one the same in every run.

Each row has a kind: what is special about it. `answers.py` says which kinds may be answered otherwise, and why.
"""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
COUNT = 300
# 2023-11-14; each row is two days and some minutes after the one before, so that all seasons are there.
FIRST, STEP = 1_700_000_000, 2 * 86_400 + 1_234
TIERS = ["free", "pro", "elite"]

LONG_TERM, SHORT_TERM, FOR_GOOD = 36_500, 30, 999_999

# What `expires_at` says, and the kind.
ENDS = [
    ("infinity", "never"),
    ("9999-12-31 00:00:00", "perpetual"),
    ("10000-01-01 00:00:00", "never"),
    ("12345-06-07 08:09:10", "never"),
    ("-infinity", "long ago"),
    ("0044-03-15 12:00:00 BC", "long ago"),
    ("0001-01-01 00:00:00", "long ago"),
    ("2200-12-31 23:59:59", "plain"),
    ("2201-01-01 00:00:00", "perpetual"),
    # The hour that does not exist, and the one that exists twice.
    ("2027-03-28 02:30:00", "plain"),
    ("2027-10-31 02:30:00", "plain"),
    ("2099-07-01 12:00:00.123456", "plain"),
    ("2099-07-01 00:00:00", "plain"),
]
USERS = [
    (" spaced user ", "plain"),
    ("'=1+1", "plain"),
    ("=1+1", "plain"),
    ("'quoted'", "plain"),
    ("-1", "plain"),
    ("@here", "plain"),
    ("NULL", "plain"),
    ("null", "plain"),
    ("nan", "plain"),
    (r"\N", "plain"),
    (r"back\slash", "plain"),
    ("0012", "plain"),
    ("1e5", "plain"),
    ("TRUE", "plain"),
    ("2025-01-02", "plain"),
    ("a,b;c|d", "plain"),
    ('say "hi"', "plain"),
    ('"', "plain"),
    ("x" * 255, "plain"),
    ("ü" * 255, "plain"),
    ("Zoë 😀", "plain"),
    ("Zoe\u0308", "plain"),
    ("👩\u200d💻", "plain"),
    ("two\nlines", "user cleaned"),
    ("a\ttab", "user cleaned"),
    ("\u202eturned", "user cleaned"),
    ("zero\u200bwidth", "user cleaned"),
    ("", "user empty"),
]
EMAILS = ["not an email", "a@example.com; b@example.com", "Anna <anna@example.com>", "", " Anna@Example.COM ", "NULL", "ü@example.com"]
FEATURES = [
    (["beta_access"], "more features"),
    (["white_label", "early_access"], "more features"),
    ([], "plain"),
    (["a,b", None, "c"], "more features"),
    (["Beta", "two-words", "x.y", "with blank"], "plain"),
    ([["a", "b"], ["c", "d"]], "more features"),
    (['say "hi"', "back\\slash", "{braces}", "NULL", "", " "], "plain"),
    (["f" * 65], "plain"),
    ([f"feature_{number}" for number in range(33)], "more features"),
]
METADATA = [
    {"order": 7, "gift": None, "paid": True, "price": 1.50},
    {"quote": 'say "hi"', "lines": "one\ntwo", "control": "\u0001", "emoji": "😀", "path": "a\\b"},
    {"nested": {"list": [1, [2, {"three": "it's"}]]}},
    ["a", "list"],
    "a text",
    12.5,
    {},
    {"large": "x" * 190_000},
    {"too large": "x" * 250_000},
]
# Of a key's text: prefix, tier, what is signed behind it; and the kind.
KEYS = [
    ("foreign master", lambda sign, tier, ts: f"QF-{tier}-0011223344556677-{ts}"),
    ("free text", lambda sign, tier, ts: f"CUSTOMER-KEY-{ts}"),
    ("spelled otherwise", lambda sign, tier, ts: f"qf-{tier}-{sign(f'QF-{tier}-{ts}')}-{ts}"),
    ("not the generator's", lambda sign, tier, ts: f"QF-{tier}-{sign(f'QF-{tier}-{ts}.5')}-{ts}.5"),
    ("not the generator's", lambda sign, tier, ts: f"QF-{tier.lower()}-{sign(f'QF-{tier.lower()}-{ts}')}-{ts}"),
    ("not the generator's", lambda sign, tier, ts: f"QF-{tier}-{sign(f'QF-{tier}-0')}-0"),
    ("spelled otherwise", lambda sign, tier, ts: f"QF-{tier}-{sign(f'QF-{tier}-{ts}')}-{ts} "),
    ("spelled otherwise", lambda sign, tier, ts: f"QF-{tier}-{sign(f'QF-{tier}-{ts}').upper()}-{ts}"),
    ("plain", lambda sign, tier, ts: f"QF-TRIAL-{sign(f'QF-TRIAL-{ts}')}-{ts}"),
]


def made(sign):
    """The rows. `sign` is the first half of the HMAC of a text under the master, in hexadecimal digits."""
    plan = [({"expires_at": end}, kind) for end, kind in ENDS]
    plan += [({"user_id": user}, kind) for user, kind in USERS]
    plan += [({"email": email}, "plain") for email in EMAILS]
    plan += [({"features": features, "tier": "free"}, kind) for features, kind in FEATURES]
    plan += [({"metadata": json.dumps(metadata)}, "plain") for metadata in METADATA]
    plan += [({"key": key}, kind) for kind, key in KEYS]
    plan += [({"created_at": created}, "plain") for created in ("infinity", "-infinity", None, "2020-02-02 02:02:02")]
    plan += [({"active": False}, "inactive")] * 20 + [({"active": None}, "inactive")] * 3
    plan += [({"days": SHORT_TERM, "number": 1}, "plain")] * 20
    plan += [({"tier": "lifetime", "days": FOR_GOOD}, "perpetual")] * 30
    # The tier was changed after the key was made.
    plan += [({"tier": "elite", "key": KEYS[-1][1]}, "plain")] * 5
    plan += [({}, "plain")] * (COUNT - len(plan))
    return [row(sign, number, different, kind) for number, (different, kind) in enumerate(plan)]


def row(sign, number, different, kind):
    # Terms of 30 days have to be over: they began in the first weeks.
    timestamp = FIRST + number * STEP if "number" not in different else FIRST + number * 3_601
    tier = different.get("tier", TIERS[number % len(TIERS)])
    now = datetime.fromtimestamp(timestamp, ZONE).replace(tzinfo=None) + timedelta(milliseconds=250)
    key = different.get("key", lambda sign, tier, ts: f"QF-{tier}-{sign(f'QF-{tier}-{ts}')}-{ts}")
    return {
        "kind": kind,
        "license_key": key(sign, tier.upper(), timestamp),
        "user_id": different.get("user_id", f"user_{number}"),
        "email": different.get("email", f"user{number}@example.com"),
        "tier": tier,
        "expires_at": different.get("expires_at", now + timedelta(days=different.get("days", LONG_TERM))),
        "created_at": different.get("created_at", now + timedelta(milliseconds=40)),
        "active": different.get("active", True),
        "features": different.get("features"),
        "metadata": different.get("metadata"),
    }

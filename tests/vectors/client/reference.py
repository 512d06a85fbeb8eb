"""What a client concludes, by the rules of docs/spec/clients.md.

It shares no code with Falconer. Beside that page, docs/own-client.md, docs/devices.md and docs/client-library.md are its
sources; the samples of what proves nothing are of the table that the page names. `make.py` computes the expectations of
the vectors with it.
"""

import base64
import datetime
import hashlib
import hmac
import json
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALGORITHMS = ("EdDSA", "Ed25519")
LOCKING = ("REVOKED", "SUSPENDED", "PENDING", "EXPIRED", "NOT_ACTIVATED", "HARDWARE_MISMATCH")
FREED = ("DEACTIVATED", "DEVICE_NOT_BOUND")
# The requests that ask for a seat, and so may be about another license than the stored one.
TAKING = ("activate-sync", "transfer")
HOUR_MS = 3_600_000
LARGEST_INTEGER = 2**63 - 1

# ---------------------------------------------------------------------------------------------------- JSON and base64


class Unreadable(Exception):
    """A text that no server of Falconer writes."""


def once(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable("a member twice")
    return members


def constant(name):
    raise Unreadable(f"{name} is not JSON")


def json_object(text):
    try:
        value = json.loads(text, object_pairs_hook=once, parse_constant=constant)
    except ValueError as why:
        raise Unreadable("not JSON") from why
    if not isinstance(value, dict):
        raise Unreadable("not an object")
    return value


def base64url(text):
    """Decodes base64url (RFC 7515): no padding, no other character, unused bits zero."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Unreadable("not base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as why:
        raise Unreadable("not base64url") from why
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise Unreadable("unused bits are set")
    return data


def is_signed_by(x, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(base64url(x)).verify(base64url(signature), message)
    except (InvalidSignature, ValueError, Unreadable):
        return False
    return True


# -------------------------------------------------------------------------------------------------------------- trust


def public_keys(jwks):
    """kid -> x of a key set that an application is built with."""
    return {key["kid"]: key["x"] for key in jwks["keys"]}


def usable(key):
    """Whether one member of a fetched key set is an Ed25519 key. A key of another kind does not spoil the others."""
    texts = all(isinstance(key.get(name), str) for name in ("kty", "crv", "kid", "x"))
    if not texts or (key["kty"], key["crv"]) != ("OKP", "Ed25519"):
        return False
    try:
        return len(base64url(key["x"])) == 32
    except Unreadable:
        return False


# A stored lease by a distrusted key ends after its interval and grace, and after this at the latest.
FORMER_SECONDS = 30 * 86_400
# A client looks once a day. The vectors leave more than a day, or less than an hour, between two looks.
LOOK_SECONDS = 20 * 3_600


def statement_claims(jws, root):
    """The claims of a key statement that this root has signed, or None."""
    try:
        parts = jws.split(".")
        if len(parts) != 3:
            return None
        header = json_object(base64url(parts[0]).decode())
        if set(header) != {"alg", "typ"} or header["alg"] not in ALGORITHMS or header["typ"] != "falconer-keys+jwt":
            return None
        if not is_signed_by(root, f"{parts[0]}.{parts[1]}".encode(), parts[2]):
            return None
        claims = json_object(base64url(parts[1]).decode())
    except (Unreadable, UnicodeDecodeError):
        return None
    types = {"iss": is_text, "iat": is_integer, "serial": is_integer, "keys": is_map, "distrusted": are_texts}
    if not all(name in claims and holds(claims[name]) for name, holds in types.items()):
        return None
    for kid, x in claims["keys"].items():
        if kid in claims["distrusted"] or not usable({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}):
            return None
    return claims


class Trust:
    """The keys an application is built with and the keys that they endorse; or those of the root's newest statement."""

    def __init__(self, pinned, now=0):
        self.seen, self.statement, self.earlier, self.former, self.looked_at = [], None, None, {}, None
        self.built_with(pinned, now)

    def built_with(self, pinned, now=0):
        """A release of the application: everything that was fetched is judged again from its keys."""
        self.pinned, self.listed = public_keys(pinned), pinned["keys"]
        self.root = pinned["root"]["x"] if pinned.get("root") else None
        built = self.acceptable(pinned.get("statement"), None)
        kept = self.acceptable(self.statement, None)
        self.follow(kept)
        before = set(self.keys) | self.retired
        newest = self.acceptable(self.statement, built) or built
        self.take(newest, pinned.get("statement") if newest is built else self.statement, before, now)

    def acceptable(self, jws, held):
        """The claims of a statement that may take the place of another: not older, and of the same issuer."""
        claims = statement_claims(jws, self.root) if self.root and isinstance(jws, str) else None
        if claims and held and (claims["iss"] != held["iss"] or claims["serial"] < held["serial"]):
            return None
        return claims

    def take(self, claims, jws, before, now):
        if claims is not None and jws != self.statement:
            self.earlier, self.statement = self.statement, jws
        self.follow(claims)
        if claims is not None:
            for kid in before - set(self.keys) - self.retired:
                self.former.setdefault(kid, now)
            self.former = {kid: since for kid, since in self.former.items() if not self.is_good(kid)}

    def fetched(self, answer, now=0):
        """Learns from an answer of /api/keys. Only a newer statement of the root makes anything trusted less."""
        try:
            members = json_object(answer["body"]) if answer and answer["status"] == 200 else {}
            keys = members["keys"]
        except (Unreadable, KeyError):
            return
        if not isinstance(keys, list):
            return
        before, held = set(self.keys) | self.retired, self.acceptable(self.statement, None)
        offered = self.acceptable(members.get("statement"), held)
        if offered is not None:
            self.looked_at = now
        self.seen += [key for key in keys if isinstance(key, dict) and usable(key)]
        if offered is not None and (held is None or offered["serial"] > held["serial"]):
            self.take(offered, members["statement"], before, now)
        else:
            self.follow(held)
        self.seen = [key for key in self.seen if self.known.get(key["kid"]) == key["x"] and self.is_noted(key["kid"])]

    def is_noted(self, kid):
        return self.is_good(kid) or kid in self.former

    def is_good(self, kid):
        """Whether a stored lease by this key counts to its end."""
        return kid in self.keys or kid in self.retired

    def follow(self, statement):
        if statement is None:
            self.keys = self.known = self.closure(self.pinned, self.seen, ())
            self.retired = set()
            return
        distrusted = statement["distrusted"]
        self.keys = self.closure(statement["keys"], self.listed + self.seen, distrusted)
        replaced = [self.acceptable(jws, None) for jws in (self.earlier, self.statement)]
        before = {kid: x for claims in replaced if claims for kid, x in claims["keys"].items()}
        vouching = {**before, **self.pinned, **self.keys}
        # A stored lease counts to its end by a key that good ones alone lead to, and runs out by any other.
        good = {kid: x for kid, x in vouching.items() if kid not in distrusted}
        good = self.closure(good, self.seen, distrusted)
        self.retired = set(good) - set(self.keys)
        self.known = {**self.closure(vouching, self.seen, ()), **good, **self.keys}

    def closure(self, start, listed, barred):
        keys = dict(start)
        grown = True
        while grown:
            new = [key for key in listed if key["kid"] not in keys and key["kid"] not in barred and endorses(keys, key)]
            for key in new:
                keys.setdefault(key["kid"], key["x"])
            grown = bool(new)
        return keys

    def since(self, kid):
        """Since when leases by a key do not count; None where they do. What was never noted has ended long ago."""
        return None if self.is_good(kid) else self.former.get(kid, -(2**62))

    def is_due(self, now):
        return self.root is not None and not (
            self.looked_at is not None and self.looked_at <= now < self.looked_at + LOOK_SECONDS
        )

    def stored(self):
        return list(self.seen), self.statement, self.earlier, dict(self.former), self.looked_at

    def restore(self, stored):
        self.seen, self.statement, self.earlier, self.former, self.looked_at = stored


def endorses(keys, key):
    message = b"\0".join([b"falconer/jwk/v1", key["kid"].encode(), key["x"].encode()])
    claimed = key.get("endorsed_by")
    claimed = claimed if isinstance(claimed, dict) else {}
    return any(
        isinstance(signature, str) and kid in keys and is_signed_by(keys[kid], message, signature)
        for kid, signature in claimed.items()
    )


# -------------------------------------------------------------------------------------------------------------- lease


def is_text(value):
    return isinstance(value, str)


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value <= LARGEST_INTEGER


def is_flag(value):
    return isinstance(value, bool)


def are_texts(value):
    return isinstance(value, list) and all(map(is_text, value))


def is_map(value):
    return isinstance(value, dict) and all(map(is_text, value.values()))


def is_date(text):
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


REQUIRED = {
    "iss": is_text,
    "aud": is_text,
    "sub": is_text,
    "jti": is_text,
    "at": is_integer,
    "iat": is_integer,
    "nbf": is_integer,
    "exp": is_integer,
    "valid": is_flag,
    "code": is_text,
}
OPTIONAL = {
    "nonce": is_text,
    "tier": is_text,
    "features": are_texts,
    "limits": lambda value: isinstance(value, dict) and all(is_integer(n) and n >= 0 for n in value.values()),
    "updates_until": lambda value: is_text(value) and is_date(value),
    "updates_version": is_text,
    "license_expires_at": is_integer,
    "device": is_text,
    "hw": is_map,
    "hw_threshold": lambda value: is_integer(value) and 0 <= value < 2**32,
    "refresh_at": is_integer,
    "interval": is_integer,
    "grace": is_integer,
}


def checked(claims):
    for name, holds in REQUIRED.items():
        if name not in claims or not holds(claims[name]):
            raise Unreadable(f"{name} is absent or of another type")
    for name, holds in OPTIONAL.items():
        if claims.get(name) is not None and not holds(claims[name]):
            raise Unreadable(f"{name} is of another type")
    return claims


def verified(jws, product, keys):
    """The claims of a signed statement, or (None, cause). The signature is checked before the claims are looked at."""
    try:
        parts = jws.split(".")
        if len(parts) != 3:
            raise Unreadable("not three parts")
        header = json_object(base64url(parts[0]).decode())
        kinds = {"lease+jwt": (True, product), "refusal+jwt": (False, product + "/refusal")}
        if header.get("alg") not in ALGORITHMS or header.get("typ") not in kinds or "crit" in header:
            return None, "not_trusted"
        key = keys.get(header.get("kid"))
        if key is None or not is_signed_by(key, f"{parts[0]}.{parts[1]}".encode(), parts[2]):
            return None, "not_trusted"
        claims = checked(json_object(base64url(parts[1]).decode()))
    except (Unreadable, UnicodeDecodeError):
        return None, "not_trusted"
    valid, audience = kinds[header["typ"]]
    if claims["valid"] is not valid:
        return None, "not_trusted"
    if claims["aud"] != audience:
        return None, "other_product"
    return claims, None


def nothing(cause, **more):
    return {"outcome": "nothing", "code": None, "cause": cause, "retry_after_seconds": None, **more}


def conclude(answer, asked, keys):
    """What an answer is: a lease, a refusal, an unsigned word, or nothing. With it, the claims that count."""
    if answer is None:
        return nothing("unreachable"), None
    status = answer["status"]
    if status == 511:
        return nothing("not_the_server"), None
    if status in (408, 425, 429) or status >= 500:
        told = {name.lower(): value for name, value in answer["headers"].items()}.get("retry-after", "")
        return nothing("busy", retry_after_seconds=int(told) if told.isdecimal() else None), None
    if not (200 <= status < 300 or 400 <= status < 500):
        return nothing("not_the_server"), None
    try:
        body = json_object(answer["body"])
    except Unreadable:
        return nothing("not_the_server"), None
    lease, code = body.get("lease"), body.get("code")
    if lease is None and status >= 400 and is_text(code) and code:
        return {"outcome": "unsigned", "code": code, "cause": None, "retry_after_seconds": None}, None
    if not is_text(lease):
        return nothing("not_the_server"), None
    claims, cause = verified(lease, asked["product"], keys)
    if claims is None:
        return nothing(cause), None
    if asked.get("issuer") is not None and claims["iss"] != asked["issuer"]:
        return nothing("not_trusted"), None
    if claims.get("nonce") != asked["nonce"]:
        return nothing("not_ours"), None
    if asked["license_id"] is not None and claims["sub"] != asked["license_id"]:
        return nothing("not_ours"), None
    if claims["valid"] and asked["endpoint"] == "deactivate":
        return nothing("not_ours"), None
    outcome = "lease" if claims["valid"] else "refusal"
    return {"outcome": outcome, "code": claims["code"], "cause": None, "retry_after_seconds": None}, claims


# ----------------------------------------------------------------------------------------------------------- hardware

LABELS = ("machine_id", "mac", "board", "disk", "install", "cpu", "hostname")
STRONG = ("machine_id", "mac", "board", "disk")

# A part of the table of what proves nothing: the values that the vectors use, and their neighbours.
TEXTS = {
    "none",
    "unknown",
    "default string",
    "to be filled by o.e.m.",
    "not specified",
    "system serial number",
    "uninitialized",
    "undefined",
    "n/a",
    "null",
    "unavailable",
    "notavailable",
    "[object object]",
    "mb-1234567890",
    "sys-1234567890",
}
NUMBERS = {"03000200040005000006000700080009", "204153594eff", "001c42000008"}
# VMware's host adapters, VirtualBox's host-only network, Docker's bridges and containers.
SHARED_PREFIXES = ("005056c0", "0a002700", "0242", "4201")
COUNTING = ("01234567890123456789", "12345678901234567890")
# White space as Unicode's property White_Space has it; Python's own notion has four characters more.
SPACES = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


def normalized(raw):
    return SPACES.sub(" ", raw).strip(" ").lower()


def bare(value):
    return re.sub(r"[:\-._ {}]", "", value)


def is_placeholder(label, value):
    text = bare(value)
    if len(set(text)) <= 1 or value in TEXTS or text in NUMBERS:
        return True
    if len(text) >= 4 and any(digits.startswith(text) for digits in COUNTING):
        return True
    if len(text) == 32 and len({text[place : place + 2] for place in range(0, 32, 2)}) == 1:
        return True
    if label == "mac" and re.fullmatch(r"[0-9a-f]{12}", text):
        return int(text[:2], 16) & 1 == 1 or text.startswith(SHARED_PREFIXES)
    return label in ("board", "disk") and len(value) < 4


def canonical_key(license_key):
    """The key as it is issued; a key of another system, which has no tier and no tag, without its hyphens."""
    current, legacy = r"(-[0-9A-HJKMNP-TV-Z]{5}){6}", r"-[0-9a-f]{16}-[0-9]{9,11}"
    is_ours = re.fullmatch(rf"[A-Z0-9]{{2,8}}-[A-Z0-9_]{{1,16}}({current}|{legacy})", license_key)
    return license_key if is_ours else license_key.replace("-", "")


def sent(license_key, shows):
    """What a client sends of a machine (`hardware_format` 1)."""
    values = {label: normalized(raw) for label, raw in shows.items()}
    key = canonical_key(license_key).encode()
    return {
        label: hmac.new(key, label.encode() + b"\x1f" + value.encode(), hashlib.sha256).hexdigest()
        for label, value in values.items()
        if not is_placeholder(label, value)
    }


def stated(components):
    """What a lease states of components that were sent."""
    return {label: hashlib.sha256(text.encode()).hexdigest()[:32] for label, text in components.items()}


def is_enough(components):
    strong = [label for label in components if label in STRONG]
    return list(components) == ["install"] or (len(components) >= 2 and (bool(strong) or "install" in components))


def fits(hw, threshold, own):
    """Whether a machine that shows `own` is the one that a lease states."""
    lease = {label: text for label, text in hw.items() if label in LABELS and re.fullmatch(r"[0-9a-f]{32}", text)}
    equal = [label for label in lease if own.get(label) == lease[label]]
    strong_labels = [label for label in lease if label in STRONG] or ["install"]
    strong = [label for label in equal if label in strong_labels]
    if not strong or len(equal) < min(threshold, len(lease)):
        return False
    if len(lease) > 3 and 2 * len(equal) < len(lease):
        return False
    if strong != ["machine_id"]:
        return True
    different = [label for label in lease if label in own and own[label] != lease[label]]
    return len(different) <= 1 and (len(lease) <= 3 or 2 * len(equal) > len(lease))


def counts_on(claims, own):
    present = all(claims.get(name) is not None for name in ("device", "hw", "hw_threshold"))
    return present and fits(claims["hw"], claims["hw_threshold"], own)


# ------------------------------------------------------------------------------------------------------------ air gap

MARKS = {"request": "FALCONER-REQUEST-1:", "answer": "FALCONER-ANSWER-1:", "receipt": "FALCONER-RECEIPT-1:"}
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
HYPHENS = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


def checksum(kind, content):
    return hashlib.sha256(MARKS[kind].encode() + content).digest()[:4]


def short_text(kind, content):
    """Content behind its mark: length, content and checksum in Crockford's base32."""
    data = len(content).to_bytes(2, "big") + content + checksum(kind, content)
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return MARKS[kind] + "".join(SYMBOLS[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))


def content_of(kind, text):
    """The content of a text of this kind, or None."""
    plain = HYPHENS.sub("-", text).replace("\uff1a", ":").upper()
    plain = re.sub(r"[^0-9A-Z:-]", "", plain)
    _, mark, body = plain.partition(MARKS[kind])
    body = re.sub(r"[^0-9A-Z]", "", body).translate(str.maketrans("OIL", "011"))
    values = []
    for symbol in body:
        if symbol not in SYMBOLS:
            break
        values.append(SYMBOLS.index(symbol))
    bits = "".join(f"{value:05b}" for value in values)
    data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))
    length = int.from_bytes(data[:2], "big")
    content, told = data[2 : 2 + length], data[2 + length : 6 + length]
    whole = mark and len(data) >= 6 + length and told == checksum(kind, content)
    return content if whole else None


def fields(*named):
    return b"".join(name.encode() + len(value).to_bytes(2, "big") + value for name, value in named)


def split_fields(content):
    found, at = [], 0
    while at < len(content):
        length = int.from_bytes(content[at + 1 : at + 3], "big")
        value = content[at + 3 : at + 3 + length]
        if at + 3 > len(content) or len(value) < length:
            return None
        found.append((chr(content[at]), value))
        at += 3 + length
    return found


def lease_of(content):
    """The lease and the keys of an answer's content."""
    parts = [value for name, value in split_fields(content) or [] if name == "j"]
    keys = [value for name, value in split_fields(content) or [] if name == "k"]
    lease = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return lease, json.loads(keys[0]) if keys else None


# -------------------------------------------------------------------------------------------------------------- state


class Time:
    """The two marks of docs/spec/clients.md: the floor, and how far the clock is behind the server's."""

    def __init__(self, clock):
        self.floor, self.skew, self.monotonic, self.shown = 0, 0, clock["monotonic_ms"], 0

    def told(self, at, clock):
        self.floor, self.skew = at * 1000, at * 1000 - clock["wall_ms"]
        self.monotonic = clock["monotonic_ms"]

    def local(self, clock):
        """The local moment, after a look."""
        self.look(clock)
        return self.shown

    def look(self, clock):
        """The moment that counts in milliseconds, and whether the clock is suspect."""
        self.floor += max(0, clock["monotonic_ms"] - self.monotonic)
        self.monotonic = clock["monotonic_ms"]
        wall = clock["wall_ms"]
        shown = wall + self.skew

        def is_back(moment):
            return moment < self.floor - HOUR_MS

        local = shown
        if self.skew > 0 and not is_back(wall):
            # A slow clock that is slow no longer: it was set, or it was never slow by much.
            local = wall
            if self.skew > HOUR_MS:
                self.skew = max(0, self.floor - wall)
        elif self.skew <= 0 and is_back(shown):
            local = wall
            if not is_back(wall):
                # A fast clock that was set right.
                local, self.skew = self.floor, self.floor - wall
        self.floor, self.shown = max(self.floor, local), local
        return max(local, self.floor), is_back(local)


class Client:
    """A client with its store, as the steps of a `state` vector drive it."""

    def __init__(self, given, clock):
        self.product, self.hardware, self.pinned = given["product"], given["hardware"], given["pinned"]
        self.time = Time(clock)
        self.trust = Trust(given["pinned"], self.now(clock))
        self.store = {"license_key": None, "answer": None, "failed_at": None, "marks": "kept", "file": None}
        self.kept = None
        self.build_date, self.limits_asked = given.get("build_date"), given.get("asked")

    def now(self, clock):
        return self.time.look(clock)[0] // 1000

    def held(self):
        """The stored answer, its signature verified again. It may be by a key that no longer counts."""
        if self.store["answer"] is None:
            return None
        return verified(self.store["answer"], self.product, self.trust.known)[0]

    def former_since(self):
        """Since when the key of the stored answer does not count; None where it does."""
        header = json_object(base64url(self.store["answer"].split(".")[0]).decode())
        return self.trust.since(header["kid"])

    def own(self, license_key):
        return stated(sent(license_key, self.hardware))

    def step(self, step):
        {
            "activate": self.activate,
            "refresh": self.refresh,
            "deactivate": self.deactivate,
            "request": self.request,
            "import": self.imported,
            "give_back": self.give_back,
            "look": lambda step: None,
            "restart": self.restart,
        }[step["do"]](step)
        conclusion = self.look(step["clock"])
        if self.limits_asked is not None:
            limits = (self.held() or {}).get("limits") if conclusion["unlocked"] else None
            limits = limits or {}
            conclusion["limits"] = {name: limits.get(name, absent) for name, absent in self.limits_asked.items()}
        if step.get("keep_store"):
            self.kept = (dict(self.store), self.time.floor, self.time.skew, self.trust.stored())
        return conclusion

    def asked(self, step, endpoint, license_key):
        if self.trust.is_due(self.now(step["clock"])):
            self.trust.fetched(step.get("keys"), self.now(step["clock"]))
        license_id = None if endpoint in TAKING else self.held_id()
        asked = {"endpoint": endpoint, "product": self.product, "nonce": step["nonce"], "license_id": license_id}
        _, claims = conclude(step["answer"], asked, self.trust.keys)
        if claims is None and step.get("keys"):
            self.trust.fetched(step["keys"], self.now(step["clock"]))
            _, claims = conclude(step["answer"], asked, self.trust.keys)
        return claims and self.act(step, endpoint, license_key, claims)

    def act(self, step, endpoint, license_key, claims):
        """Does what a signed answer says. Returns whether the check has succeeded."""
        held = self.held()
        is_former = held is not None and self.former_since() is not None
        # Whoever has a key that no longer counts can write any moment and any license into an answer.
        about_held = held is not None and (held["sub"] == claims["sub"] or (is_former and endpoint not in TAKING))
        if about_held and not is_former and claims["at"] < held["at"]:
            return False
        if claims["valid"]:
            if not counts_on(claims, self.own(license_key)):
                return False
            self.keep(step, license_key)
            self.store["marks"] = "kept"
            self.time.told(claims["at"], step["clock"])
            return True
        if endpoint == "deactivate" and claims["code"] in FREED:
            self.store = {"license_key": None, "answer": None, "failed_at": None, "marks": "kept", "file": None}
            return True
        self.time.told(claims["at"], step["clock"])
        if claims["code"] in LOCKING and about_held:
            self.keep(step, self.store["license_key"])
            return True
        return False

    def keep(self, step, license_key):
        answer = json_object(step["answer"]["body"])["lease"]
        self.store.update(license_key=license_key, answer=answer, failed_at=None)

    def request(self, step):
        license_key = step.get("license_key", self.store["license_key"])
        if license_key is not None:
            renews = "license_key" not in step
            self.store["file"] = {"nonce": step["nonce"], "license_key": license_key, "renews": renews}

    def imported(self, step):
        content, waits, held = content_of("answer", step["text"]), self.store["file"], self.held()
        if content is None:
            return
        lease, keys = lease_of(content)
        if keys is not None:
            told = {"status": 200, "headers": {}, "body": json.dumps(keys)}
            self.trust.fetched(told, self.now(step["clock"]))
        claims, _ = verified(lease, self.product, self.trust.keys)
        if claims is None or waits is None or claims.get("nonce") != waits["nonce"] or not claims["valid"]:
            return
        is_former = held is not None and self.former_since() is not None
        about_held = held is not None and (held["sub"] == claims["sub"] or (is_former and waits["renews"]))
        is_older = about_held and not is_former and claims["at"] < held["at"]
        if is_older or (waits["renews"] and held is not None and not about_held):
            return
        if not counts_on(claims, self.own(waits["license_key"])):
            return
        local = self.time.local(step["clock"])
        floor = max(self.time.floor, claims["at"] * 1000)
        if claims["exp"] <= floor // 1000:
            return
        if claims["at"] * 1000 > local:
            self.time.skew = claims["at"] * 1000 - step["clock"]["wall_ms"]
        self.time.floor = floor
        self.store.update(license_key=waits["license_key"], answer=lease, failed_at=None, file=None)

    def give_back(self, step):
        held = self.held()
        if held is not None and held.get("air_gap") is True:
            self.store = {"license_key": None, "answer": None, "failed_at": None, "marks": "kept", "file": None}

    def activate(self, step):
        self.asked(step, "activate-sync", step["license_key"])

    def refresh(self, step):
        if self.store["license_key"] is None:
            return
        if not self.asked(step, "verify", self.store["license_key"]):
            self.store["failed_at"] = self.time.look(step["clock"])[0] // 1000

    def deactivate(self, step):
        self.asked(step, "deactivate", self.store["license_key"])

    def held_id(self):
        held = self.held()
        return held["sub"] if held is not None and self.former_since() is None else None

    def restart(self, step):
        if step.get("store") == "kept":
            self.store, self.time.floor, self.time.skew = dict(self.kept[0]), *self.kept[1:3]
            self.trust.restore(self.kept[3])
        if step.get("store") == "time_changed":
            self.store["marks"] = "changed"
        self.hardware = step.get("hardware", self.hardware)
        self.build_date = step.get("build_date", self.build_date)
        self.time.monotonic = step["clock"]["monotonic_ms"]
        if self.store["answer"] is None:
            # Time is kept for a lease. Without one, a fast clock that was set right is forgotten.
            self.time.floor, self.time.skew = 0, 0
        self.pinned = step.get("pinned", self.pinned)
        self.trust.built_with(self.pinned, self.now(step["clock"]))

    def ended(self, claims):
        """A lease by a key that no longer counts is to be renewed at once, and ends early."""
        since = self.former_since()
        if since is None:
            return claims
        stated = (claims.get("interval") or 0) + (claims.get("grace") or 0)
        end = since + max(0, min(stated, FORMER_SECONDS))
        refresh_at = claims.get("refresh_at", claims["at"])
        return {**claims, "exp": min(claims["exp"], end), "refresh_at": min(refresh_at, since)}

    def look(self, clock):
        now_ms, is_back = self.time.look(clock)
        now, claims = now_ms // 1000, self.held()
        if claims is None:
            return verdict("NOT_ACTIVATED")
        if not claims["valid"]:
            return verdict("LOCKED", code=claims["code"])
        if not counts_on(claims, self.own(self.store["license_key"])):
            return verdict("NOT_ACTIVATED")
        until = claims.get("updates_until")
        if until is not None and self.build_date is not None and self.build_date > until:
            return verdict("LOCKED", code="UPDATES_ENDED")
        claims = self.ended(claims)
        changed = self.store["marks"] == "changed"
        if changed or is_back:
            return verdict("CLOCK_SUSPECT", claims if not changed and now < claims["exp"] else None)
        if now >= claims["exp"]:
            end = claims.get("license_expires_at")
            return verdict("LOCKED", code="EXPIRED" if end is not None and end <= now else "LEASE_EXPIRED")
        refresh_at = claims.get("refresh_at", claims["at"])
        failed_at = self.store["failed_at"]
        if now < refresh_at:
            return verdict("ACTIVE", claims)
        return verdict("GRACE" if failed_at is not None and failed_at >= refresh_at else "REFRESH_DUE", claims)


def verdict(state, claims=None, code=None):
    return {
        "state": state,
        "unlocked": claims is not None,
        "lock_code": code,
        "offline_until": claims and claims["exp"],
        "features": (claims.get("features") or []) if claims else [],
    }


# ----------------------------------------------------------------------------------------------------------- profiles


def expected_lease(given):
    return conclude(given["answer"], given["asked"], public_keys(given["keys"]))[0]


def expected_trust(given):
    trust = Trust(given["pinned"])
    for step in given["steps"]:
        if "fetched" in step:
            trust.fetched(step["fetched"])
        else:
            trust.built_with(step["pinned"])
    outcome, _ = conclude(given["answer"], given["asked"], trust.keys)
    return {"trusted": dict(sorted(trust.keys.items())), "outcome": outcome["outcome"]}


def expected_state(given):
    client = Client(given, given["steps"][0]["clock"])
    return [client.step(step) for step in given["steps"]][-1]


def expected_hardware(given):
    components = sent(given["license_key"], given["shows"])
    own = stated(components)
    expect = {"sent": components, "hw": own, "enough": is_enough(components)}
    if "lease" in given:
        expect["counts"] = fits(given["lease"]["hw"], given["lease"]["hw_threshold"], own)
    return expect


EXPECTED = {"lease": expected_lease, "trust": expected_trust, "state": expected_state, "hardware": expected_hardware}

"""License keys, the key ring and leases as Falconer's formats define them, with libraries that share no code with it."""

import base64
import hashlib
import hmac
import json
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# What int(…, 32) reads. A letter that Crockford does not have becomes one that int() refuses.
AS_DIGITS = {ord(symbol): "0123456789abcdefghijklmnopqrstuv"[value] for value, symbol in enumerate(CROCKFORD)}
AS_DIGITS |= {ord("O"): "0", ord("I"): "1", ord("L"): "1", ord("U"): "!", ord("_"): "!"}
FROM_RFC4648 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CROCKFORD.lower())
# What mail programs and word processors put in a hyphen's place.
DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, 0xFF0D], "-")

KEY = re.compile(r"([A-Z0-9]{2,8})-([A-Z0-9_]{1,16})-((?:[A-Z0-9]{5}-?){5}[A-Z0-9]{5})", re.ASCII)
MAX_KEY_BYTES = 128
# Generations a ring may have: one Crockford digit other than 0.
GENERATIONS = {str(number) for number in range(1, 32)}


class NotAuthentic(Exception):
    """The ring does not vouch for this text."""


def subkey(master, info):
    return HKDF(algorithm=SHA256(), length=32, salt=b"falconer/v1", info=info.encode()).derive(master.encode())


class Generation:
    """What verifying needs of one master."""

    def __init__(self, number, master):
        self.number = number
        self.tag_key = subkey(master, "license-key-tag")
        self.lookup_key = subkey(master, "license-lookup")
        self.signing_key = Ed25519PrivateKey.from_private_bytes(subkey(master, "lease-signing-ed25519"))
        self.headers = {valid: self.header(typ) for valid, typ in [(True, "lease+jwt"), (False, "refusal+jwt")]}

    def header(self, typ):
        return base64url(compact({"alg": "EdDSA", "typ": typ, "kid": str(self.number)}))

    def sign(self, claims):
        """A lease or a refusal: a JWS in compact form."""
        signed = self.headers[claims["valid"]] + b"." + base64url(compact(claims))
        return (signed + b"." + base64url(self.signing_key.sign(signed))).decode()


class Key:
    """A key whose tag holds."""

    def __init__(self, product, canonical, generation):
        self.product = product
        digest = hmac.digest(generation.lookup_key, canonical.encode(), hashlib.sha256)
        self.license_id = "lic_" + base64.b32encode(digest[:15]).decode().translate(FROM_RFC4648)


class KeyRing:
    """The secret, of which only generations that issue keys and sign leases are read."""

    def __init__(self, text):
        members = json.loads(text)
        apart = {members.get("legacy"), members.get("imported")}
        self.generations = {
            int(name): Generation(int(name), master)
            for name, master in members.items()
            if name in GENERATIONS - apart
        }
        self.current = self.generations[int(members["current"])]

    def authenticate(self, typed):
        """The key in `typed`, or NotAuthentic."""
        if len(typed.encode()) > MAX_KEY_BYTES:
            raise NotAuthentic
        found = KEY.fullmatch("".join(typed.split()).translate(DASHES).upper())
        if not found:
            raise NotAuthentic
        product, tier, body = found[1], found[2], found[3].replace("-", "")
        try:
            number, random, tag = (int(part.translate(AS_DIGITS), 32) for part in (body[0], body[1:17], body[17:]))
        except ValueError:
            raise NotAuthentic from None
        generation = self.generations.get(number)
        # The last of the tag's 65 bits is padding.
        if generation is None or tag & 1:
            raise NotAuthentic
        random, tag = random.to_bytes(10, "big"), (tag >> 1).to_bytes(8, "big")
        tagged = b"\0".join([b"falconer/key/v2", product.encode(), tier.encode(), bytes([number]) + random])
        if not hmac.compare_digest(hmac.digest(generation.tag_key, tagged, hashlib.sha256)[:8], tag):
            raise NotAuthentic
        return Key(product, canonical(product, tier, body), generation)


def canonical(product, tier, body):
    body = body.translate({ord("O"): "0", ord("I"): "1", ord("L"): "1"})
    return "-".join([product, tier, *(body[start : start + 5] for start in range(0, 30, 5))])


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")

"""A license server's part in the vectors: keys, answers, machines. Nothing here decides what a client concludes."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import reference

PRODUCT = "QF"
ISSUER = "https://licenses.example.com"
# Of tests/vectors/formats.json.
LICENSE_KEY = "QF-FREE-2P11X-7VJ54-Y6633-RJEHS-K1W1S-7Y9ST"
LICENSE_ID = "lic_ndgc5x34jby0cedfg16y9sz0"
OTHER_KEY = "QF-PRO-b4243599e011bd9f-1788049460"
OTHER_ID = "lic_87mnp364ghqmr92ax5t2y4yc"
FEATURES = ["basic_dashboard", "copy_trading"]
DEVICE = "dev_0123456789abcdef"

T = 1_800_000_000
HOUR, DAY, YEAR = 3_600, 86_400, 365 * 86_400
INTERVAL, GRACE = DAY, 7 * DAY
REFRESH_AT, EXP = T + INTERVAL, T + INTERVAL + GRACE

PC = {"mac": "3C:7C:3F:1A:2B:4D", "board": "PF3XK9Z7", "cpu": "GenuineIntel Intel(R) Core(TM) i7-1185G7 @ 3.00GHz"}
OTHER_PC = {"mac": "A4:BB:6D:99:00:13", "board": "5CG1234ABC", "cpu": PC["cpu"]}


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """A lease-signing key. Its seed is the hash of a sentence, so it is a secret of nobody."""

    def __init__(self, kid, sentence=None):
        seed = hashlib.sha256((sentence or f"test vectors of Falconer, generation {kid}, no secret").encode())
        self.kid, self.key = kid, Ed25519PrivateKey.from_private_bytes(seed.digest())
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.x = encoded(self.public)

    def sign(self, data):
        return encoded(self.key.sign(data))

    def endorse(self, kid, x, prefix=b"falconer/jwk/v1"):
        return self.sign(b"\0".join([prefix, kid.encode(), x.encode()]))

    def jwk(self, endorsers=(), **more):
        endorsed_by = {older.kid: older.endorse(self.kid, self.x) for older in endorsers}
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": self.kid,
            "x": self.x,
            "endorsed_by": endorsed_by,
            **more,
        }


ONE, TWO, THREE = Signer("1"), Signer("2"), Signer("3")
ROOT = Signer("root", "test vectors of Falconer, the root, no secret")
OTHER_ROOT = Signer("root", "test vectors of Falconer, another root, no secret")
STRANGER = Signer("2", "test vectors of Falconer, a stranger who calls a key 2, no secret")


def jwks(*keys):
    return {"keys": list(keys)}


PINNED = jwks(ONE.jwk())


def statement(serial, good, distrusted="", root=ROOT, head=None, **changes):
    """A key statement: the signers that are good, and the kids that nobody shall believe again."""
    stated = {
        "iss": ISSUER,
        "iat": T,
        "serial": serial,
        "keys": {signer.kid: signer.x for signer in good},
        "distrusted": list(distrusted),
        **changes,
    }
    head = {"alg": "EdDSA", "typ": "falconer-keys+jwt"} if head is None else head
    signed = f"{encoded(compact(head).encode())}.{encoded(compact(stated).encode())}"
    return f"{signed}.{root.sign(signed.encode())}"


def stating(signed, *keys):
    """The keys of /api/keys with a statement beside them."""
    return {"keys": list(keys), "statement": signed}


def rooted(*keys, signed=None, root=ROOT, former=()):
    """The keys that an application with a pinned root is built with."""
    pinned = {"root": {"kty": "OKP", "crv": "Ed25519", "x": root.x}, "keys": list(keys)}
    if former:
        pinned["former"] = [{"kty": "OKP", "crv": "Ed25519", "kid": signer.kid, "x": signer.x} for signer in former]
    return pinned if signed is None else {**pinned, "statement": signed}


def nonce(number):
    """Sixteen bytes in hexadecimal, as if they were random."""
    return hashlib.sha256(f"nonce {number}".encode()).hexdigest()[:32]


NONCE = nonce(0)


def hw(machine, license_key=LICENSE_KEY):
    return reference.stated(reference.sent(license_key, machine))


def claims(code="VALID", at=T, **changes):
    """What a server states. A change to `None` of a claim that no server states as `null` leaves the claim out."""
    stated = {
        "iss": ISSUER,
        "aud": PRODUCT,
        "sub": LICENSE_ID,
        "jti": "req-1",
        "at": at,
        "iat": at - 300,
        "nbf": at - 300,
        "exp": at + 300,
        "nonce": NONCE,
        "valid": True,
        "code": code,
        "tier": "pro",
        "features": FEATURES,
        "license_expires_at": None,
        **changes,
    }
    return {name: value for name, value in stated.items() if value is not None or name == "license_expires_at"}


def lease(machine=PC, at=T, interval=INTERVAL, grace=GRACE, ends=None, license_key=LICENSE_KEY, **changes):
    """The claims of a yes with a device: good for offline use."""
    exp = min(at + interval + grace, ends if ends is not None else at + interval + grace)
    device = {
        "exp": exp,
        "license_expires_at": ends,
        "device": DEVICE,
        "hw": hw(machine, license_key),
        "hw_threshold": 2,
        "refresh_at": min(at + interval, exp),
        "interval": interval,
        "grace": grace,
    }
    return claims(at=at, **{**device, **changes})


def refusal(code, at=T, **changes):
    return claims(code, at, **{"aud": PRODUCT + "/refusal", "valid": False, **changes})


def header(signer=ONE, typ="lease+jwt", **changes):
    members = {"alg": "EdDSA", "typ": typ, "kid": signer.kid, **changes}
    return {name: value for name, value in members.items() if value is not None}


def compact(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def jws(stated, signer=ONE, head=None):
    """Signs claims. Header and claims may be given as text, for what no library writes."""
    if head is None:
        head = header(signer, "lease+jwt" if stated["valid"] else "refusal+jwt")
    signed = f"{encoded(compact(head).encode())}.{encoded(compact(stated).encode())}"
    return f"{signed}.{signer.sign(signed.encode())}"


def answer(status=200, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "headers": {"content-type": "application/json", **named}, "body": compact(body)}


def said(stated, status=None, signer=ONE, text=None, **members):
    """The answer that carries a signed statement. `text` takes the place of the statement's own."""
    yes = stated["valid"] is True
    status = status or (200 if yes else STATUS.get(stated["code"], 401))
    body = {"valid": yes, "code": stated["code"], "licenseId": stated["sub"], **members}
    return answer(status, {**body, "lease": jws(stated, signer) if text is None else text})


# The refusals about a license that are signed, with their status (docs/errors.md).
STATUS = {
    "NOT_FOUND": 401,
    "REVOKED": 401,
    "SUSPENDED": 401,
    "PENDING": 401,
    "EXPIRED": 401,
    "NOT_ACTIVATED": 401,
    "HARDWARE_MISMATCH": 401,
    "FINGERPRINT_TOO_WEAK": 422,
    "DEVICE_NOT_BOUND": 409,
    "DEVICE_REQUIRED": 422,
    "DEVICE_OFFLINE": 409,
    "EMAIL_MISMATCH": 403,
    "SEATS_EXHAUSTED": 409,
    "VIRTUAL_MACHINE": 403,
    "TRANSFER_LIMIT_REACHED": 403,
    "TRANSFER_COOLDOWN": 403,
    "DEACTIVATED": 200,
}

PORTAL = {
    "status": 200,
    "headers": {"content-type": "text/html"},
    "body": "<!DOCTYPE html><html><title>Sign in</title><body>Welcome to the hotel's network.</body></html>",
}

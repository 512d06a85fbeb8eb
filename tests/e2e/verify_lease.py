"""Judges a lease and a key set from /api/keys with libraries that share no code with Falconer.

Reads {"lease", "jwks", "audience", "trusted"?} from standard input and prints the lease's claims. With "trusted", an
older key set, every key that is new must be endorsed by one of those, as an application with a pinned key sees it.
"""

import base64
import json
import sys

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADER = {"alg": "EdDSA", "typ": "lease+jwt"}
CLAIMS = ["iss", "aud", "sub", "jti", "at", "iat", "nbf", "exp"]
# How far `iat` and `nbf` lie before the moment itself.
SKEW_SECONDS = 300


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def by_kid(jwks):
    keys = {key["kid"]: key for key in jwks["keys"]}
    if len(keys) != len(jwks["keys"]):
        raise SystemExit("two keys have the same kid")
    for kid, key in keys.items():
        if key["kty"] != "OKP" or key["crv"] != "Ed25519":
            raise SystemExit(f"key {kid} is no Ed25519 key")
        if "d" in key:
            raise SystemExit(f"key {kid} shows its private part")
    return keys


def endorses(older, kid, x, signature):
    message = b"falconer/jwk/v1" + b"\0" + kid.encode() + b"\0" + x.encode()
    try:
        Ed25519PublicKey.from_public_bytes(decoded(older["x"])).verify(decoded(signature), message)
    except InvalidSignature:
        return False
    return True


def check_endorsements(keys):
    """Every endorsement that is given must be right, also where nobody needs it."""
    for kid, key in keys.items():
        for older, signature in key.get("endorsed_by", {}).items():
            if older not in keys or not endorses(keys[older], kid, key["x"], signature):
                raise SystemExit(f"key {kid} claims an endorsement by {older} that is not right")


def check_trust(keys, trusted):
    for kid, key in trusted.items():
        if kid in keys and keys[kid]["x"] != key["x"]:
            raise SystemExit(f"key {kid} is another one than before")
    for kid in keys.keys() - trusted.keys():
        given = keys[kid].get("endorsed_by", {})
        if not any(older in trusted and endorses(trusted[older], kid, keys[kid]["x"], signature) for older, signature in given.items()):
            raise SystemExit(f"no trusted key endorses key {kid}")


def main():
    question = json.load(sys.stdin)
    lease, keys = question["lease"], by_kid(question["jwks"])
    check_endorsements(keys)
    if "trusted" in question:
        check_trust(keys, by_kid(question["trusted"]))

    header = jwt.get_unverified_header(lease)
    for name, value in HEADER.items():
        if header.get(name) != value:
            raise SystemExit(f"the lease's {name} is {header.get(name)!r}, not {value!r}")
    if header["kid"] not in keys:
        raise SystemExit(f"/api/keys has no key {header['kid']}")
    try:
        claims = jwt.decode(
            lease,
            jwt.PyJWK(keys[header["kid"]], algorithm="EdDSA"),
            algorithms=["EdDSA"],
            audience=question["audience"],
            options={"require": CLAIMS},
        )
    except jwt.PyJWTError as error:
        raise SystemExit(f"PyJWT refuses the lease: {error!r}")
    if claims["iat"] != claims["nbf"] or claims["iat"] != claims["at"] - SKEW_SECONDS:
        raise SystemExit(f"iat, nbf and at do not fit: {claims}")
    if claims["valid"] is not True:
        raise SystemExit("a refusal has the type of a lease")
    print(json.dumps({"kid": header["kid"], "claims": claims}))


if __name__ == "__main__":
    main()

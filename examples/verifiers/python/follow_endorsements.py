import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def follow_endorsements(trusted, fetched):
    """The keys of `trusted`, and those of `fetched` (the JSON of /api/keys) that one of them endorses, in any number of steps."""
    keys = {key["kid"]: key for key in trusted["keys"]}
    grown = True
    while grown:
        listed = filter(is_ed25519, fetched["keys"])
        new = [key for key in listed if key["kid"] not in keys and is_endorsed(key, keys)]
        keys.update({key["kid"]: key for key in new})
        grown = bool(new)
    return {"keys": list(keys.values())}


def is_ed25519(key):
    """Whether a fetched key is of the kind that signs leases. The others are ignored (RFC 7517, section 5)."""
    texts = isinstance(key, dict) and all(isinstance(key.get(name), str) for name in ("kty", "crv", "kid", "x"))
    return texts and (key["kty"], key["crv"]) == ("OKP", "Ed25519")


def is_endorsed(key, keys):
    endorsed_by = key.get("endorsed_by")
    for kid, signature in endorsed_by.items() if isinstance(endorsed_by, dict) else ():
        if kid in keys:
            try:
                message = b"\0".join([b"falconer/jwk/v1", key["kid"].encode(), key["x"].encode()])
                Ed25519PublicKey.from_public_bytes(decoded(keys[kid]["x"])).verify(decoded(signature), message)
                return True
            except (InvalidSignature, TypeError, ValueError):
                pass
    return False


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

import jwt  # PyJWT with its extra "crypto"


def verify_lease(lease, jwks, product, license_id, nonce, issuer=None):
    """The claims of a yes to the request that sent `nonce`. Raises jwt.PyJWTError for anything else."""
    header = jwt.get_unverified_header(lease)
    if header.get("typ") != "lease+jwt":
        raise jwt.InvalidTokenError("a refusal, or no lease at all")
    keys = {key["kid"]: key for key in jwks["keys"] if "kid" in key}
    if header.get("kid") not in keys:
        raise jwt.InvalidKeyError("signed by a key that is not trusted here")
    claims = jwt.decode(
        lease,
        jwt.PyJWK(keys[header["kid"]]),
        algorithms=["EdDSA", "Ed25519"],
        audience=product,
        issuer=issuer,
        options={"require": ["aud", "exp", "iat", "iss", "nbf", "sub"]},
    )
    if claims.get("valid") is not True:
        raise jwt.InvalidTokenError("a refusal")
    if (claims["sub"], claims.get("nonce")) != (license_id, nonce):
        raise jwt.InvalidTokenError("another license, or the answer to another request")
    return claims

"""The profile `lease`: one answer, and what it is."""

import hashlib
import hmac

from server import *

LEASE = lease()
GOOD = jws(LEASE)
HEAD, CLAIMS, SIGNATURE = GOOD.split(".")
ORDER = 2**252 + 27742317777372353535851937790883648493
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def cases(vector):
    def case(name, about, says, reply, needs=(), clock=T, keys=PINNED, cause=None, **asked):
        question = {"endpoint": "verify", "product": PRODUCT, "nonce": NONCE, "license_id": LICENSE_ID, **asked}
        given = {"keys": keys, "asked": question, "answer": reply, "clock": {"wall_ms": clock * 1000}}
        vector(f"lease/{name}", about, given, {"outcome": says, "cause": cause}, needs)

    def lost(name, about, reply, cause="not_trusted", needs=(), **more):
        case(name, about, "nothing", reply, needs, cause=cause, **more)

    def text(jws_text):
        return said(LEASE, text=jws_text)

    yes(case)
    no(case)
    forged(lost, text)
    misfitting(lost)
    unreadable(lost, text)
    times(case, lost)
    unsigned(case, lost)


def yes(case):
    case("valid", "A lease with a device, signed by a pinned key.", "lease", said(LEASE))
    case("valid-without-device", "A yes that is bound to no device is a lease too.", "lease", said(claims()))
    case("valid-perpetual", "The license has no end: license_expires_at is null.", "lease", said(lease(ends=None)))
    case("valid-ending", "The license ends before offline use would.", "lease", said(lease(ends=T + DAY)))
    for code in ("ACTIVATED", "REFRESHED", "DRIFTED", "TRANSFERRED", "RECLAIMED", "ALREADY_BOUND"):
        endpoint = "transfer" if code in ("TRANSFERRED", "RECLAIMED", "ALREADY_BOUND") else "activate-sync"
        case(
            f"yes-{code.lower().replace('_', '-')}",
            f"The yes {code}, to a request for a seat.",
            "lease",
            said(lease(code=code)),
            endpoint=endpoint,
            license_id=None,
        )
    case(
        "yes-of-an-unknown-code",
        "A yes with a code that no document names is a yes.",
        "lease",
        said(lease(code="RENEWED_TOMORROW")),
    )
    case(
        "unknown-members",
        "Unknown members of the body and unknown claims change nothing.",
        "lease",
        said(lease(limits={"agents": 5}, x_note="later"), warning={"text": "later"}, ignored=["hostname"]),
    )
    case(
        "alg-ed25519",
        "The header names the algorithm as RFC 9864 does.",
        "lease",
        said(LEASE, text=jws(LEASE, head=header(alg="Ed25519"))),
        needs=["rfc9864"],
    )
    case(
        "header-in-another-order",
        "The members of the header are in another order, with spaces.",
        "lease",
        said(LEASE, text=jws(LEASE, head='{ "kid": "1", "typ": "lease+jwt", "alg": "EdDSA" }')),
    )
    case(
        "body-contradicts-the-lease",
        "The body says REVOKED beside a lease: only the signed word counts.",
        "lease",
        said(LEASE, valid=False, code="REVOKED"),
    )
    case(
        "html-content-type",
        "A proxy changed the content type. The body is what it was.",
        "lease",
        {**said(LEASE), "headers": {"content-type": "text/html"}},
    )
    case("issuer", "The issuer is the configured one.", "lease", said(LEASE), issuer=ISSUER)
    both = jwks(ONE.jwk(), TWO.jwk([ONE]))
    case(
        "second-pin",
        "The lease is signed by the second of two pinned keys.",
        "lease",
        said(LEASE, signer=TWO),
        keys=both,
    )


def no(case):
    for code in STATUS:
        endpoint = "deactivate" if code in ("DEACTIVATED", "DEVICE_NOT_BOUND") else "verify"
        case(
            f"refused-{code.lower().replace('_', '-')}",
            f"The signed refusal {code}.",
            "refusal",
            said(refusal(code)),
            endpoint=endpoint,
        )
    case(
        "refused-with-an-unknown-code",
        "A signed refusal with a code that no document names.",
        "refusal",
        said(refusal("TOMORROWS_CODE"), status=401),
    )
    case(
        "refused-with-403", "The request asked for refusal_status 403.", "refusal", said(refusal("REVOKED"), status=403)
    )
    case(
        "refused-with-200", "A proxy changed the status of a refusal.", "refusal", said(refusal("EXPIRED"), status=200)
    )
    case(
        "body-contradicts-the-refusal",
        "The body says valid beside a signed refusal.",
        "refusal",
        said(refusal("REVOKED"), status=200, valid=True, code="VALID"),
    )
    case(
        "refused-without-a-license",
        "NOT_FOUND states neither tier nor features.",
        "refusal",
        said(refusal("NOT_FOUND", tier=None, features=None)),
    )


def forged(lost, text):
    lost(
        "alg-none",
        "The header says alg none, and there is no signature.",
        text(f"{encoded(compact(header(alg='none')).encode())}.{CLAIMS}."),
    )
    lost(
        "alg-none-with-a-signature",
        "The header says alg none beside the old signature.",
        text(f"{encoded(compact(header(alg='none')).encode())}.{CLAIMS}.{SIGNATURE}"),
    )
    for name, secret in (("raw", ONE.public), ("text", ONE.x.encode())):
        signed = f"{encoded(compact(header(alg='HS256')).encode())}.{CLAIMS}"
        mac = encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())
        lost(
            f"hmac-with-the-public-key-{name}",
            f"The public key ({name}) is the key of an HMAC.",
            text(f"{signed}.{mac}"),
        )
    for alg in ("eddsa", "ES256", "Ed448", "RS256"):
        lost(
            f"alg-{alg.lower()}-signed" if alg != "eddsa" else "alg-in-lower-case",
            f"A good Ed25519 signature under alg {alg}.",
            text(jws(LEASE, head=header(alg=alg))),
        )
    lost("alg-absent", "The header has no alg.", text(jws(LEASE, head=header(alg=None))))
    lost("unknown-kid", "The kid is of a key that is not trusted.", text(jws(LEASE, signer=TWO)))
    lost("no-kid", "The header has no kid. No key is tried by guessing.", text(jws(LEASE, head=header(kid=None))))
    lost(
        "known-kid-other-key",
        "Another key signed under a trusted kid.",
        text(jws(LEASE, signer=STRANGER, head=header(kid="1"))),
    )
    for member, value in (
        ("jwk", {"kty": "OKP", "crv": "Ed25519", "x": STRANGER.x}),
        ("jku", "https://keys.example.net/jwks.json"),
        ("x5u", "https://keys.example.net/chain.pem"),
        ("x5c", ["MIIB"]),
    ):
        lost(
            f"embedded-{member}",
            f"A stranger signed, and the header names the stranger's key by {member}.",
            text(jws(LEASE, signer=STRANGER, head=header(kid="1", **{member: value}))),
        )
    lost(
        "crit",
        "The header has a crit that nobody here understands.",
        text(jws(LEASE, head=header(crit=["http://example.net/later"], **{"http://example.net/later": True}))),
    )
    head = compact(header(b64=False, crit=["b64"]))
    signed = f"{encoded(head.encode())}.{compact(LEASE)}"
    lost(
        "b64-false",
        "The payload is signed without being encoded (RFC 7797).",
        text(f"{encoded(head.encode())}.{CLAIMS}.{ONE.sign(signed.encode())}"),
    )
    lost(
        "tampered-claims",
        "A claim was changed after the signing.",
        text(f"{HEAD}.{encoded(compact(lease(ends=None, grace=365 * DAY)).encode())}.{SIGNATURE}"),
    )
    lost(
        "tampered-header",
        "The header was changed after the signing.",
        text(f"{encoded(compact(header(alg='Ed25519')).encode())}.{CLAIMS}.{SIGNATURE}"),
    )
    flipped = ("B" if SIGNATURE[0] != "B" else "C") + SIGNATURE[1:]
    lost("tampered-signature", "One character of the signature was changed.", text(f"{HEAD}.{CLAIMS}.{flipped}"))
    raw = bytearray(ONE.key.sign(f"{HEAD}.{CLAIMS}".encode()))
    raw[32:] = (int.from_bytes(raw[32:], "little") + ORDER).to_bytes(32, "little")
    lost(
        "malleable-signature",
        "The second half of the signature is not below the group's order.",
        text(f"{HEAD}.{CLAIMS}.{encoded(bytes(raw))}"),
    )
    lost(
        "signature-of-another-lease",
        "The signature belongs to another lease of the same key.",
        text(f"{HEAD}.{CLAIMS}.{jws(lease(at=T + 1)).split('.')[2]}"),
    )
    lost("signature-of-zeros", "The signature is 64 zero bytes.", text(f"{HEAD}.{CLAIMS}.{encoded(bytes(64))}"))


def misfitting(lost):
    def retyped(stated, typ):
        return said(stated, status=200, text=jws(stated, head=header(typ=typ)))

    for name, typ in (
        ("jwt", "JWT"),
        ("upper-case", "LEASE+JWT"),
        ("application", "application/lease+jwt"),
        ("absent", None),
    ):
        lost(f"typ-{name}", f"The typ is {typ}.", retyped(LEASE, typ))
    lost("refusal-typed-as-a-lease", "A refusal under the typ of a lease.", retyped(refusal("REVOKED"), "lease+jwt"))
    lost(
        "refusal-typed-and-addressed-as-a-lease",
        "A refusal under the typ and the aud of a lease.",
        retyped(refusal("REVOKED", aud=PRODUCT), "lease+jwt"),
    )
    lost("lease-typed-as-a-refusal", "A yes under the typ of a refusal.", retyped(LEASE, "refusal+jwt"))
    lost("valid-is-a-text", "The claim valid is a text.", retyped(lease(valid="true"), "lease+jwt"))
    lost(
        "lease-for-the-refusal-audience",
        "A yes whose aud ends with /refusal.",
        said(lease(aud=PRODUCT + "/refusal")),
        "other_product",
    )
    lost("other-product", "The lease is for another product.", said(lease(aud="ACME9")), "other_product")
    lost(
        "other-product-asked",
        "The lease is for QF, and the application is another product.",
        said(LEASE),
        "other_product",
        product="ACME9",
    )
    lost(
        "product-in-lower-case", "The product in lower case is another product.", said(lease(aud="qf")), "other_product"
    )
    lost(
        "refusal-for-another-product",
        "The refusal is for another product.",
        said(refusal("REVOKED", aud="ACME9/refusal")),
        "other_product",
    )
    lost("replayed-nonce", "A recorded answer to an earlier request.", said(lease(nonce=nonce(99))), "not_ours")
    lost("no-nonce", "A lease without a nonce answers no request.", said(lease(nonce=None)), "not_ours")
    lost("nonce-in-upper-case", "A nonce is compared as it is.", said(lease(nonce=NONCE.upper())), "not_ours")
    lost("other-license", "A lease of another license.", said(lease(sub=OTHER_ID)), "not_ours")
    lost(
        "refusal-of-another-license",
        "A refusal of another license.",
        said(refusal("REVOKED", sub=OTHER_ID)),
        "not_ours",
    )
    lost(
        "yes-to-a-deactivation", "A yes does not answer a deactivation.", said(LEASE), "not_ours", endpoint="deactivate"
    )
    lost(
        "other-issuer",
        "The issuer is not the configured one.",
        said(lease(iss="https://other.example.net")),
        needs=["issuer"],
        issuer=ISSUER,
    )


def unreadable(lost, text):
    lost("empty", "The lease is an empty text.", text(""))
    lost("truncated", "Half of the lease is missing.", text(GOOD[: len(GOOD) // 2]))
    lost("truncated-by-one", "The last character of the lease is missing.", text(GOOD[:-1]))
    lost("two-parts", "The lease has no signature.", text(f"{HEAD}.{CLAIMS}"))
    lost("four-parts", "The lease has a fourth part.", text(f"{GOOD}.{SIGNATURE}"))
    lost(
        "signature-too-long",
        "The signature has 65 bytes.",
        text(f"{HEAD}.{CLAIMS}.{encoded(ONE.key.sign(f'{HEAD}.{CLAIMS}'.encode()) + bytes(1))}"),
    )
    lost("not-json-in-the-header", "The header is not JSON.", text(f"{encoded(b'header')}.{CLAIMS}.{SIGNATURE}"))
    lost("claims-are-not-json", "The claims are not JSON, and signed.", text(jws("claims", head=header())))
    lost("claims-are-a-list", "The claims are a JSON list, and signed.", text(jws("[]", head=header())))
    strict = {"needs": ["strict"]}
    lost(
        "header-is-a-list",
        "The header is a JSON list of its values, and signed.",
        text(jws(LEASE, head='["EdDSA","lease+jwt","1"]')),
        **strict,
    )
    lost(
        "claims-are-a-list-of-values",
        "The claims are a JSON list of their values, and signed.",
        text(jws(compact(list(lease(hw=hw(PC)).values())), head=header())),
        **strict,
    )
    lost("padding", "The signature has base64 padding.", text(GOOD + "=="), **strict)
    lost(
        "standard-alphabet",
        "The signature is in the alphabet of ordinary base64.",
        text(f"{HEAD}.{CLAIMS}.{SIGNATURE.replace('-', '+').replace('_', '/')}"),
        **strict,
    )
    assert set(SIGNATURE) & {"-", "_"}, "the vector changes something"
    loose = SIGNATURE[:-1] + ALPHABET[ALPHABET.index(SIGNATURE[-1]) + 1]
    lost(
        "unused-bits",
        "The unused bits of the signature's last character are set.",
        text(f"{HEAD}.{CLAIMS}.{loose}"),
        **strict,
    )
    lost(
        "line-break",
        "A line break is in the signature.",
        text(f"{HEAD}.{CLAIMS}.{SIGNATURE[:40]}\n{SIGNATURE[40:]}"),
        **strict,
    )
    lost("space-before", "A space is before the lease.", text(" " + GOOD), **strict)

    doubled = compact(refusal("REVOKED", aud=PRODUCT))[:-1] + ',"valid":true}'
    lost("claim-twice", "The claim valid is there twice, false and true.", text(jws(doubled, head=header())), **strict)
    lost(
        "claim-twice-the-last-is-no",
        "The claim valid is there twice, true and false.",
        text(jws(compact(LEASE)[:-1] + ',"valid":false}', head=header())),
    )
    lost(
        "kid-twice",
        "The header has a kid twice, the last one unknown.",
        text(jws(LEASE, head='{"alg":"EdDSA","typ":"lease+jwt","kid":"1","kid":"7"}')),
    )
    lost(
        "alg-twice",
        "The header has an alg twice, the last one none.",
        text(jws(LEASE, head='{"alg":"EdDSA","typ":"lease+jwt","kid":"1","alg":"none"}')),
    )
    twice = compact(said(LEASE)["body"])[:-1] + ',"lease":"x"}'
    lost("lease-twice", "The body has a lease twice, the last one spoiled.", answer(200, twice), cause="not_the_server")


def times(case, lost):
    for name, seconds in (("slow", -300), ("fast", 299)):
        case(
            f"clock-5-minutes-{name}",
            f"The local clock is {abs(seconds)} seconds {name}.",
            "lease",
            said(LEASE),
            clock=T + seconds,
        )
        case(
            f"clock-5-minutes-{name}-short-lease",
            f"The local clock is {abs(seconds)} seconds {name}, the lease has no device.",
            "lease",
            said(claims()),
            clock=T + seconds,
        )
        case(
            f"clock-5-minutes-{name}-refusal",
            f"The local clock is {abs(seconds)} seconds {name}, the answer is a refusal.",
            "refusal",
            said(refusal("REVOKED")),
            clock=T + seconds,
        )
    receipt = {"needs": ["receipt"]}
    case(
        "clock-300-seconds-fast-short-lease",
        "The short lease has just ended on the local clock. The nonce is fresh.",
        "lease",
        said(claims()),
        clock=T + 300,
        **receipt,
    )
    case(
        "clock-301-seconds-slow",
        "The lease begins in a second by the local clock. The nonce is fresh.",
        "lease",
        said(LEASE),
        clock=T - 301,
        **receipt,
    )
    case("clock-of-1970", "The local clock is at 1970. The nonce is fresh.", "lease", said(LEASE), clock=0, **receipt)
    case(
        "expired-by-the-local-clock",
        "The local clock is ten years fast. The nonce is fresh.",
        "lease",
        said(LEASE),
        clock=T + 10 * YEAR,
        **receipt,
    )
    case(
        "exp-in-the-year-10000",
        "Offline use ends after the year 9999.",
        "lease",
        said(lease(exp=253_402_300_800, refresh_at=253_402_300_800)),
    )
    case(
        "exp-2-to-the-53",
        "The end is the largest integer that every JSON reader keeps.",
        "lease",
        said(lease(exp=2**53 - 1)),
    )
    case("exp-64-bits", "The end is the largest integer of 64 bits.", "lease", said(lease(exp=2**63 - 1)))
    strict = {"needs": ["strict"]}

    def spelled(name, about, member, value):
        stated = compact(lease(**{member: 0})).replace(f'"{member}":0', f'"{member}":{value}', 1)
        lost(name, about, said(LEASE, text=jws(stated, head=header())), **strict)

    spelled("exp-beyond-64-bits", "The end has more than 64 bits.", "exp", "9223372036854775808")
    spelled("exp-infinite", "The end is a number that overflows.", "exp", "1e400")
    spelled("exp-with-a-fraction", "The end has a fraction.", "exp", "1800691200.5")
    spelled("exp-is-a-text", "The end is a text.", "exp", '"1800691200"')
    spelled("at-is-huge", "The moment of the decision has more than 64 bits.", "at", "1" + "0" * 30)
    without = {name: value for name, value in LEASE.items() if name != "at"}
    lost(
        "at-absent",
        "The claim at is absent, as in leases of version 0.1.0.",
        said(LEASE, text=jws(without, head=header())),
        **strict,
    )
    lost(
        "sub-absent",
        "The claim sub is absent.",
        said(LEASE, text=jws({k: v for k, v in LEASE.items() if k != "sub"}, head=header())),
    )
    lost(
        "aud-is-a-list",
        "The claim aud is a list.",
        said(LEASE, text=jws(lease(aud=[PRODUCT]), head=header())),
        **strict,
    )


def unsigned(case, lost):
    about_the_request = {
        "INVALID_SIGNATURE": 401,
        "INVALID_FIELD": 400,
        "MISSING_LICENSE": 400,
        "FINGERPRINT_TOO_WEAK": 422,
    }
    for code, status in about_the_request.items():
        case(
            f"unsigned-{code.lower().replace('_', '-')}",
            f"{code}, which carries no lease.",
            "unsigned",
            answer(status, {"valid": False, "code": code}),
        )
    case(
        "unsigned-concurrent-update",
        "CONCURRENT_UPDATE decides nothing and carries no lease.",
        "unsigned",
        answer(409, {"code": "CONCURRENT_UPDATE"}, retry_after="1"),
    )
    case(
        "unsigned-revoked", "Nobody signed this REVOKED.", "unsigned", answer(401, {"valid": False, "code": "REVOKED"})
    )
    case(
        "unsigned-null-lease",
        "The lease is null beside a code.",
        "unsigned",
        answer(401, {"code": "EXPIRED", "lease": None}),
    )

    def other(name, about, reply, cause="not_the_server"):
        lost(name, about, reply, cause)

    other(
        "unsigned-yes", "Nobody signed this yes.", answer(200, {"valid": True, "code": "VALID", "features": FEATURES})
    )
    other("portal", "A captive portal answers with its page.", PORTAL)
    other("portal-with-401", "A proxy answers 401 with a page.", {**PORTAL, "status": 401})
    other("redirect", "A captive portal redirects to its page.", answer(302, "", location="http://login.example.net/"))
    other("redirect-with-a-lease", "A redirect is no answer, whatever is in it.", said(LEASE, status=307))
    other("empty-body", "The body is empty.", answer(200, ""))
    other("body-is-a-list", "The body is a JSON list.", answer(200, "[]"))
    lost(
        "body-is-a-list-of-values",
        "The body is a JSON list of a lease and what else a body has.",
        answer(200, [GOOD, "VALID", None, None]),
        cause="not_the_server",
        needs=["strict"],
    )
    other("body-is-null", "The body is null.", answer(200, "null"))
    other("body-is-cut", "The connection ended in the middle of the body.", answer(200, said(LEASE)["body"][:200]))
    other("lease-is-a-number", "The lease is a number.", answer(200, {"code": "VALID", "lease": 5}))
    other("gateway-without-a-code", "The gateway does not know the path.", answer(404, {"message": "Not Found"}))
    other("code-is-a-number", "The code is a number, and there is no lease.", answer(401, {"code": 401}))
    for status in (408, 425, 429, 500, 502, 503, 504):
        other(f"busy-{status}", f"The status is {status}.", answer(status, {"message": "Service Unavailable"}), "busy")
    other(
        "portal-511",
        "A portal wants somebody to sign in (RFC 6585).",
        answer(511, "<html>Sign in to use this network</html>"),
    )
    other(
        "busy-retry-after",
        "The server asks for 30 seconds.",
        answer(503, {"code": "UNAVAILABLE"}, retry_after="30"),
        "busy",
    )
    other(
        "busy-retry-after-date",
        "Retry-After is a date, which no client has to read.",
        answer(429, {"code": "RATE_LIMITED"}, retry_after="Fri, 15 Jan 2027 08:00:00 GMT"),
        "busy",
    )
    other(
        "busy-with-a-lease",
        "A status of 500 and above is no answer, whatever is in it.",
        said(LEASE, status=503),
        "busy",
    )
    other("unreachable", "Nobody answers.", None, "unreachable")

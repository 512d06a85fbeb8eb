"""The profile `trust`: whose signatures count after /api/keys was fetched."""

from server import *

RING_TWO = jwks(ONE.jwk(), TWO.jwk([ONE]))
RING_THREE = jwks(ONE.jwk(), TWO.jwk([ONE]), THREE.jwk([ONE, TWO]))


def fetched(keys, status=200):
    return {"fetched": answer(status, keys)}


def cases(vector):
    def case(name, about, says, signer, steps, kids, pinned=PINNED, needs=()):
        question = {"endpoint": "verify", "product": PRODUCT, "nonce": NONCE, "license_id": LICENSE_ID}
        given = {"pinned": pinned, "steps": steps, "asked": question, "answer": said(lease(), signer=signer)}
        vector(f"trust/{name}", about, given, {"outcome": says, "kids": kids}, needs)

    followed(case)
    never(case)
    kept(case)
    releases(case)
    statements(case)


def followed(case):
    case("nothing-fetched", "The pinned key signed, and nothing was fetched.", "lease", ONE, [], "1")
    case("nothing-new", "The fetched keys are the pinned ones.", "lease", ONE, [fetched(PINNED)], "1")
    case("one-rotation", "The pinned key endorses the signer.", "lease", TWO, [fetched(RING_TWO)], "12")
    case(
        "two-rotations",
        "The server rotated twice. The pinned key endorses both.",
        "lease",
        THREE,
        [fetched(RING_THREE)],
        "123",
    )
    chain = jwks(ONE.jwk(), TWO.jwk([ONE]), THREE.jwk([TWO]))
    case("chain", "The pinned key endorses 2, and only 2 endorses the signer.", "lease", THREE, [fetched(chain)], "123")
    backwards = jwks(*reversed(chain["keys"]))
    case("chain-in-reverse", "The same chain, listed from its end.", "lease", THREE, [fetched(backwards)], "123")
    case(
        "without-the-pinned-key",
        "The server no longer lists the pinned key, which still endorses.",
        "lease",
        TWO,
        [fetched(jwks(TWO.jwk([ONE])))],
        "12",
    )
    skipped = jwks(THREE.jwk([ONE, TWO]))
    case(
        "middle-key-absent",
        "The pinned key endorses the signer. The key between them is gone.",
        "lease",
        THREE,
        [fetched(skipped)],
        "13",
    )
    case(
        "newer-name-of-the-algorithm",
        "The fetched key names alg as RFC 9864 does.",
        "lease",
        TWO,
        [fetched(jwks(TWO.jwk([ONE], alg="Ed25519")))],
        "12",
        needs=["rfc9864"],
    )
    case(
        "unknown-members",
        "The fetched keys have members that no document names.",
        "lease",
        TWO,
        [fetched({**jwks(TWO.jwk([ONE], x_since=T)), "next": None})],
        "12",
    )
    rsa = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "rsa-1", "n": "AQAB", "e": "AQAB"}
    case(
        "key-of-another-kind",
        "An RSA key among the fetched ones is passed over, and the others count (RFC 7517).",
        "lease",
        TWO,
        [fetched(jwks(rsa, TWO.jwk([ONE])))],
        "12",
        needs=["other-kinds"],
    )
    for name, other in (
        ("empty", {}),
        ("null", None),
        ("number", 7),
        ("text", "key"),
        ("kid-is-a-number", TWO.jwk([ONE], kid=2)),
        ("without-x", {name: value for name, value in THREE.jwk([ONE]).items() if name != "x"}),
        ("endorsed-by-is-null", THREE.jwk([ONE], endorsed_by=None)),
    ):
        case(
            f"unreadable-key-{name}",
            "A key that cannot be read is passed over, and the others count.",
            "lease",
            TWO,
            [fetched(jwks(other, TWO.jwk([ONE])))],
            "12",
            needs=["other-kinds"],
        )
    good, bad = TWO.jwk([ONE]), {**TWO.jwk(), "endorsed_by": {"1": "AA", "9": "AA"}}
    case(
        "one-good-endorsement-among-bad",
        "One endorsement holds, others do not.",
        "lease",
        THREE,
        [fetched(jwks({**THREE.jwk([ONE]), "endorsed_by": {"2": "AA", "9": "A", **THREE.jwk([ONE])["endorsed_by"]}}))],
        "13",
    )
    for name, keys in (("first", [good, bad]), ("last", [bad, good])):
        case(
            f"listed-twice-good-{name}",
            "A key is listed twice, once with an endorsement that does not hold.",
            "lease",
            TWO,
            [fetched(jwks(*keys))],
            "12",
        )


def never(case):
    def lost(name, about, keys, signer=TWO, kids="1", **more):
        case(name, about, "nothing", signer, [keys if "fetched" in keys else fetched(keys)], kids, **more)

    lost("not-endorsed", "Nobody endorses the signer.", jwks(ONE.jwk(), TWO.jwk()))
    lost(
        "no-longer-endorsed",
        "The server distrusts the pinned key: it is not listed and endorses nothing.",
        jwks(TWO.jwk(), THREE.jwk([TWO])),
        THREE,
    )
    lost("link-absent", "Only 2 endorses the signer, and 2 is not listed.", jwks(ONE.jwk(), THREE.jwk([TWO])), THREE)
    lost("endorses-itself", "The signer endorses itself.", jwks(ONE.jwk(), TWO.jwk([TWO])))
    forged = TWO.jwk([ONE])
    forged["endorsed_by"] = {
        "1": ("B" if forged["endorsed_by"]["1"][0] != "B" else "C") + forged["endorsed_by"]["1"][1:]
    }
    lost("endorsement-tampered", "One character of the endorsement was changed.", jwks(ONE.jwk(), forged))
    stolen = {**STRANGER.jwk(), "endorsed_by": TWO.jwk([ONE])["endorsed_by"]}
    lost(
        "endorsement-of-another-key",
        "A stranger's key carries the endorsement of the genuine 2.",
        jwks(ONE.jwk(), stolen),
        STRANGER,
    )
    renamed = {**THREE.jwk(), "endorsed_by": {"1": ONE.endorse("2", THREE.x)}}
    lost(
        "endorsement-of-another-kid",
        "The endorsement is over this key under another kid.",
        jwks(ONE.jwk(), renamed),
        THREE,
    )
    other_prefix = {**TWO.jwk(), "endorsed_by": {"1": ONE.endorse("2", TWO.x, b"falconer/jwk/v2")}}
    lost("endorsement-of-another-form", "The endorsement is over another first line.", jwks(ONE.jwk(), other_prefix))
    credited = {**TWO.jwk(), "endorsed_by": {"1": STRANGER.endorse("2", TWO.x)}}
    lost("endorsement-by-another-key", "A stranger signed the endorsement in the name of 1.", jwks(ONE.jwk(), credited))
    circle = [
        {**STRANGER.jwk(), "endorsed_by": {"3": THREE.endorse("2", STRANGER.x)}},
        {**THREE.jwk(), "endorsed_by": {"2": STRANGER.endorse("3", THREE.x)}},
    ]
    lost(
        "endorsed-in-a-circle",
        "Two keys endorse each other, and no trusted key endorses either.",
        jwks(ONE.jwk(), *circle),
        THREE,
    )
    impostor = {**STRANGER.jwk(), "kid": "1"}
    case(
        "pinned-kid-with-another-key",
        "A fetched key under the pinned kid does not take its place.",
        "lease",
        ONE,
        [fetched(jwks(impostor))],
        "1",
    )
    for name, change in (("curve", {"crv": "X25519"}), ("type", {"kty": "EC"})):
        lost(f"another-{name}", f"The endorsed key is of another {name}.", jwks({**TWO.jwk([ONE]), **change}))
    for name, x in (("short", encoded(TWO.public[:31])), ("padded", TWO.x + "="), ("empty", "")):
        endorsed = {**TWO.jwk(), "x": x, "endorsed_by": {"1": ONE.endorse("2", x)}}
        lost(
            f"endorsed-x-{name}",
            f"The endorsed x is {name}.",
            jwks(endorsed),
            needs=["strict"] if name == "padded" else [],
        )
    lost(
        "endorsement-padded",
        "The endorsement has base64 padding.",
        jwks({**TWO.jwk(), "endorsed_by": {"1": ONE.endorse("2", TWO.x) + "=="}}),
        needs=["strict"],
    )
    lost("portal", "A captive portal answers in place of /api/keys.", {"fetched": PORTAL})
    lost("not-found", "The server does not know the path.", {"fetched": answer(404, {"message": "Not Found"})})
    lost("unreachable", "Nobody answers /api/keys.", {"fetched": None})
    strict = {"needs": ["strict"]}
    lost("jwks-is-a-list", "The answer is a JSON list of the list of keys.", fetched([RING_TWO["keys"]]), **strict)
    listed = list(TWO.jwk([ONE]).values())
    lost("key-is-a-list", "The key is a JSON list of its values.", jwks(listed), **strict)
    lost("keys-are-no-list", "The member keys is a text.", {"fetched": answer(200, {"keys": "none"})})


def kept(case):
    learned = fetched(RING_TWO)
    case(
        "kept-when-no-longer-listed",
        "A key was learned, and the server lists it no longer.",
        "lease",
        TWO,
        [learned, fetched(jwks(THREE.jwk([TWO])))],
        "123",
    )
    case(
        "kept-key-endorses",
        "Only a key that was learned earlier endorses the signer.",
        "lease",
        THREE,
        [learned, fetched(jwks(THREE.jwk([TWO])))],
        "123",
    )
    case(
        "kept-through-a-forged-list",
        "A later list has the learned key without an endorsement.",
        "lease",
        TWO,
        [learned, fetched(jwks(ONE.jwk(), TWO.jwk()))],
        "12",
    )
    case(
        "kept-against-a-stranger",
        "A later list has a stranger's key under the learned kid.",
        "lease",
        TWO,
        [learned, fetched(jwks(ONE.jwk(), STRANGER.jwk([ONE])))],
        "12",
    )
    case(
        "stranger-after-the-genuine",
        "The stranger's key under the learned kid signs, and is not trusted.",
        "nothing",
        STRANGER,
        [learned, fetched(jwks(ONE.jwk(), STRANGER.jwk([ONE])))],
        "12",
    )
    case(
        "kept-through-a-portal", "A portal answers the second time.", "lease", TWO, [learned, {"fetched": PORTAL}], "12"
    )
    case("kept-offline", "Nobody answers the second time.", "lease", TWO, [learned, {"fetched": None}], "12")


def releases(case):
    """A release of the application is built with other keys. What was learned is judged again from them."""
    ring, without_one = fetched(RING_THREE), {"pinned": jwks(TWO.jwk())}
    case(
        "release-drops-a-pin",
        "A release no longer pins 1. A lease that 1 signs is none.",
        "nothing",
        ONE,
        [{"pinned": jwks(TWO.jwk())}],
        "2",
        pinned=RING_TWO,
    )
    case(
        "release-drops-what-it-endorsed",
        "A release no longer pins 1, and 3 was endorsed by 1 alone.",
        "nothing",
        THREE,
        [fetched(jwks(THREE.jwk([ONE]))), without_one],
        "2",
        pinned=RING_TWO,
    )
    case(
        "release-keeps-what-others-endorse",
        "A release no longer pins 1, and 2 endorses 3 as well.",
        "lease",
        THREE,
        [ring, without_one],
        "23",
        pinned=RING_TWO,
    )
    case(
        "endorsement-added-later",
        "The endorsement by 2 came with a later list, before the release.",
        "lease",
        THREE,
        [fetched(jwks(THREE.jwk([ONE]))), fetched(jwks(THREE.jwk([TWO]))), without_one],
        "23",
        pinned=RING_TWO,
        needs=["every-endorsement"],
    )
    case(
        "release-pins-the-new-key",
        "A release pins the key that was learned.",
        "lease",
        TWO,
        [fetched(RING_TWO), {"pinned": jwks(TWO.jwk())}],
        "2",
    )
    case(
        "learned-after-a-release",
        "Keys are learned from the release's own pin.",
        "lease",
        THREE,
        [{"pinned": jwks(TWO.jwk())}, fetched(jwks(TWO.jwk(), THREE.jwk([TWO])))],
        "23",
    )


def statements(case):
    """A root says which keys count. All of these need the ability `root`."""
    pinned = rooted(ONE.jwk(), TWO.jwk([ONE]))
    first, leaked = statement(10, [ONE, TWO]), statement(20, [TWO], "1")

    def with_root(name, about, says, signer, steps, kids, pinned=pinned):
        case(f"root-{name}", about, says, signer, steps, kids, pinned=pinned, needs=["root"])

    told = fetched(stating(leaked, TWO.jwk(), THREE.jwk([TWO])))
    with_root("without-a-statement", "No statement is known yet: the pinned keys count.", "lease", ONE, [], "12")
    with_root("names-the-pinned-keys", "The statement names both pinned keys.", "lease", ONE, [fetched(stating(first, *pinned["keys"]))], "12")
    with_root("distrusts", "The statement distrusts the pinned key that signed.", "nothing", ONE, [told], "23")
    with_root("names-a-good-key", "The statement names the pinned key that signed.", "lease", TWO, [told], "23")
    with_root("good-key-endorses", "A key of the statement endorses the signer.", "lease", THREE, [told], "23")
    with_root(
        "names-an-unknown-key",
        "The statement names a key that nobody endorses.",
        "lease",
        THREE,
        [fetched(stating(statement(20, [THREE]), THREE.jwk()))],
        "3",
    )
    with_root(
        "pinned-key-not-named",
        "The statement neither names nor distrusts the pinned key that signed.",
        "nothing",
        ONE,
        [fetched(stating(statement(20, [TWO]), TWO.jwk()))],
        "2",
    )
    rogue = Signer("9")
    with_root(
        "distrusted-key-endorses",
        "The distrusted key endorses a rogue one, before and after the statement.",
        "nothing",
        rogue,
        [fetched(jwks(ONE.jwk(), rogue.jwk([ONE]))), told, fetched(jwks(ONE.jwk(), rogue.jwk([ONE])))],
        "23",
    )
    with_root(
        "endorsed-although-distrusted",
        "A good key endorses the distrusted one. The statement is stronger.",
        "nothing",
        TWO,
        [fetched(stating(statement(20, [ONE], "2"), ONE.jwk(), TWO.jwk([ONE])))],
        "1",
    )
    with_root(
        "listed-although-distrusted",
        "A later list without a statement has the distrusted key again.",
        "nothing",
        ONE,
        [told, fetched(jwks(ONE.jwk(), TWO.jwk([ONE])))],
        "23",
    )
    replayed = fetched(stating(first, ONE.jwk(), TWO.jwk([ONE])))
    with_root("replayed", "An old statement is replayed after a newer one.", "nothing", ONE, [told, replayed], "23")
    with_root(
        "same-serial",
        "Another statement has the serial of the first one, which stays.",
        "nothing",
        ONE,
        [told, fetched(stating(statement(20, [ONE, TWO]), ONE.jwk(), TWO.jwk([ONE])))],
        "23",
    )
    with_root(
        "newer",
        "A newer statement takes the place of the older one.",
        "nothing",
        TWO,
        [told, fetched(stating(statement(21, [THREE], "12"), THREE.jwk()))],
        "3",
    )
    with_root(
        "withheld",
        "The server withholds the statement after it was seen.",
        "nothing",
        ONE,
        [told, fetched(pinned)],
        "23",
    )
    with_root("portal", "A portal answers after the statement was seen.", "lease", TWO, [told, {"fetched": PORTAL}], "23")
    for name, about, offered in (
        ("of-another-root", "The statement is signed by another root.", statement(20, [TWO], "1", root=OTHER_ROOT)),
        ("by-a-generation", "A generation has signed the statement.", statement(20, [TWO], "1", root=ONE)),
        ("tampered", "One character of the statement was changed.", leaked[:-10] + ("B" if leaked[-10] != "B" else "C") + leaked[-9:]),
        ("wrong-typ", "The typ is a lease's.", statement(20, [TWO], "1", head={"alg": "EdDSA", "typ": "lease+jwt"})),
        ("without-typ", "The typ is absent.", statement(20, [TWO], "1", head={"alg": "EdDSA"})),
        ("alg-none", "The algorithm is none.", statement(20, [TWO], "1", head={"alg": "none", "typ": "falconer-keys+jwt"})),
        ("with-a-kid", "The header has a kid.", statement(20, [TWO], "1", head={"alg": "EdDSA", "typ": "falconer-keys+jwt", "kid": "1"})),
        ("good-and-distrusted", "A key is good and distrusted at once.", statement(20, [ONE, TWO], "1")),
        ("bad-key", "A key of the statement is none.", statement(20, [TWO], "1", keys={"2": "AAAA"})),
        ("serial-is-a-text", "The serial is a text.", statement("20", [TWO], "1")),
        ("is-a-number", "The statement is a number.", 7),
        ("is-empty", "The statement is an empty text.", ""),
    ):
        with_root(f"statement-{name}", about, "lease", ONE, [fetched(stating(offered, ONE.jwk(), TWO.jwk([ONE])))], "12")
    with_root(
        "newer-name-of-the-algorithm",
        "The statement's alg is Ed25519 (RFC 9864).",
        "nothing",
        ONE,
        [fetched(stating(statement(20, [TWO], "1", head={"alg": "Ed25519", "typ": "falconer-keys+jwt"}), TWO.jwk()))],
        "2",
    )
    with_root(
        "unknown-claims",
        "The statement has a claim that no document names.",
        "nothing",
        ONE,
        [fetched(stating(statement(20, [TWO], "1", next=None), TWO.jwk()))],
        "2",
    )
    with_root(
        "of-another-issuer",
        "The root has signed for another issuer, after a statement of this one.",
        "lease",
        TWO,
        [told, fetched(stating(statement(30, [THREE], "2", iss="https://other.example.com"), THREE.jwk()))],
        "23",
    )
    built = rooted(ONE.jwk(), TWO.jwk([ONE]), signed=leaked)
    with_root("of-the-build", "The build has a statement, and nothing was fetched.", "nothing", ONE, [], "2", pinned=built)
    with_root(
        "below-the-build",
        "An older statement than the build's is fetched first.",
        "nothing",
        ONE,
        [replayed],
        "2",
        pinned=built,
    )
    with_root(
        "other-issuer-than-the-build",
        "The fetched statement is of another issuer than the build's.",
        "lease",
        TWO,
        [fetched(stating(statement(30, [THREE], "2", iss="https://other.example.com"), THREE.jwk()))],
        "2",
        pinned=built,
    )
    with_root(
        "release-brings-a-newer-statement",
        "A release has a newer statement than the one that was fetched.",
        "nothing",
        ONE,
        [replayed, {"pinned": built}],
        "2",
    )
    with_root(
        "release-brings-an-older-statement",
        "A release has an older statement than the one that was fetched.",
        "nothing",
        ONE,
        [told, {"pinned": rooted(ONE.jwk(), TWO.jwk([ONE]), signed=first)}],
        "23",
    )
    with_root(
        "pinned-key-is-endorsed",
        "The statement names 1 alone, and the build's own list has the endorsement of 2.",
        "lease",
        TWO,
        [],
        "12",
        pinned=rooted(ONE.jwk(), TWO.jwk([ONE]), signed=statement(20, [ONE])),
    )
    other = rooted(ONE.jwk(), TWO.jwk([ONE]), root=OTHER_ROOT)
    with_root(
        "release-with-another-root",
        "A release pins another root. The statement of the first counts no more.",
        "lease",
        ONE,
        [fetched(stating(leaked, TWO.jwk())), {"pinned": other}],
        "12",
    )
    case(
        "statement-without-a-root",
        "No root is pinned, so a statement says nothing.",
        "lease",
        ONE,
        [fetched(stating(leaked, TWO.jwk([ONE])))],
        "12",
    )

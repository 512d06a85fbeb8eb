"""The profile `hardware`: what a client sends of a machine, and whether a lease counts on it."""

import unicodedata

from server import *

VALUES = {
    "machine_id": "4c4c45440043301080528b4c04f56423",
    "mac": "3C:7C:3F:1A:2B:4D",
    "board": "PF3XK9Z7",
    "disk": "S4EWNX0R512345",
    "install": "9f86d081884c7d659a2feaa0c55ad015",
    "cpu": "GenuineIntel Intel(R) Core(TM) i7",
    "hostname": "workstation-12",
}
# The same parts of another machine.
OTHERS = {
    "machine_id": "0b3389a7aa5ad32bc055ee620af0cdfc",
    "mac": "A4:BB:6D:99:00:13",
    "board": "5CG1234ABC",
    "disk": "WD-WX41A1234567",
    "install": "60303ae22b998861bce3b28f33eec1be",
    "cpu": "AuthenticAMD AMD Ryzen 7 5800X",
    "hostname": "workstation-13",
}


def machine(*labels, other=()):
    """A machine with these parts, some of them another machine's."""
    return {label: (OTHERS if label in other else VALUES)[label] for label in labels}


def cases(vector):
    keyed(vector)
    spellings(vector)
    absent(vector)
    binding(vector)
    rule(vector)
    copies(vector)
    claims_of_a_lease(vector)


def keyed(vector):
    def case(name, about, labels, shows=None, license_key=LICENSE_KEY):
        given = {"license_key": license_key, "shows": shows or machine(*labels)}
        vector(f"hardware/{name}", about, given, {"sent": sorted(labels)})

    case("keyed-all", "Every label is keyed by the license key.", list(VALUES))
    case(
        "keyed-other-license",
        "Another license makes other components of the same machine.",
        list(VALUES),
        license_key=OTHER_KEY,
    )
    case("keyed-example", "The example of docs/own-client.md.", ["mac"], {"mac": "00:1A:2B:3C:4D:5E"})
    case(
        "keyed-imported-license",
        "A key of another system is keyed by its letters and digits, without hyphens.",
        ["mac", "board"],
        license_key="ABC-123-XYZ",
    )
    case(
        "keyed-label-counts",
        "One text under two labels makes two components.",
        ["machine_id", "board"],
        {"machine_id": "PF3XK9Z7", "board": "PF3XK9Z7"},
    )
    case("keyed-nothing", "A machine that shows nothing sends nothing.", [], {})


def spellings(vector):
    """`equal` compares with the machine's own spelling: a lease states that one, and the machine shows the other."""

    def case(name, about, label, raw, shown, equal):
        given = {
            "license_key": LICENSE_KEY,
            "shows": {label: shown},
            "lease": {"hw": hw({label: raw}), "hw_threshold": 1},
        }
        vector(f"hardware/{name}", about, given, {"sent": [label], "counts": equal})

    case("case", "Letters are put into lower case.", "mac", "3C:7C:3F:1A:2B:4D", "3c:7c:3f:1a:2b:4d", True)
    case("spaces-around", "White space around a value is dropped.", "board", "PF3XK9Z7", " \tPF3XK9Z7\r\n", True)
    case("spaces-inside", "White space inside becomes one space.", "disk", "SAMSUNG MZ 512", "SAMSUNG  MZ\t512", True)
    case(
        "spaces-of-unicode",
        "Unicode's other spaces are white space.",
        "disk",
        "SAMSUNG MZ 512",
        "SAMSUNG\u00a0MZ\u3000512\u2003",
        True,
    )
    case(
        "separators",
        "Separators stay in the keyed form: another separator is another component.",
        "mac",
        "3C:7C:3F:1A:2B:4D",
        "3C-7C-3F-1A-2B-4D",
        False,
    )
    composed = "B\u00fcro-Rechner"
    case(
        "composition",
        "The keyed form is not composed: NFD is another component than NFC.",
        "board",
        composed,
        unicodedata.normalize("NFD", composed),
        False,
    )
    case(
        "case-beyond-ascii",
        "Lower case is Unicode's.",
        "board",
        "\u00dcBER-\u0394\u00d8-1",
        "\u00fcber-\u03b4\u00f8-1",
        True,
    )
    case("zero-width", "A character without width is not white space.", "board", "PF3XK9Z7", "PF3X\u200bK9Z7", False)


def absent(vector):
    def case(name, about, shows):
        given = {"license_key": LICENSE_KEY, "shows": shows}
        vector(f"hardware/absent-{name}", about, given, {"sent": []})

    case("empty", "Nothing, or nothing but spaces.", {"board": "", "disk": "  \t "})
    case(
        "firmware",
        "Texts that firmware has where nobody filled it in.",
        {
            "board": "To be filled by O.E.M.",
            "disk": "Default string",
            "machine_id": "Not Specified",
            "cpu": "None",
            "hostname": "unknown",
        },
    )
    case(
        "firmware-spacing",
        "The same with other spaces and letters.",
        {"board": " TO BE FILLED  BY O.E.M. ", "disk": "System Serial\tNumber"},
    )
    case(
        "zeros",
        "Zeros, with separators or without.",
        {"mac": "00:00:00:00:00:00", "machine_id": "00000000-0000-0000-0000-000000000000", "board": "0"},
    )
    case(
        "effs",
        "F again and again.",
        {"mac": "FF-FF-FF-FF-FF-FF", "machine_id": "ffffffffffffffffffffffffffffffff", "board": "FFFFFFFF"},
    )
    case(
        "one-character",
        "Any one character again and again.",
        {"board": "XXXXXXXXXX", "disk": "........", "hostname": "-"},
    )
    case("counting", "Digits that count.", {"board": "0123456789", "disk": "123456789", "machine_id": "1234-5678"})
    case(
        "one-byte",
        "One byte again and again.",
        {"machine_id": "01010101-0101-0101-0101-010101010101", "board": "fefefefefefefefefefefefefefefefe"},
    )
    case("short-serial", "A serial number of fewer than four characters.", {"board": "A12", "disk": "7B"})
    case("uninitialized", "The machine id of an image that was never started.", {"machine_id": "uninitialized"})
    case(
        "missing-value",
        "What programs write for a missing value.",
        {
            "board": "undefined",
            "disk": "[object Object]",
            "cpu": "N/A",
            "hostname": "null",
            "machine_id": "unavailable",
        },
    )
    case("inventory", "Serial numbers that inventories refuse.", {"board": "MB-1234567890", "disk": "SYS-1234567890"})
    case("shared-uuid", "A board's UUID that many boards have.", {"machine_id": "03000200-0400-0500-0006-000700080009"})
    for name, address in (
        ("vmware", "00:50:56:C0:00:08"),
        ("virtualbox", "0A-00-27-00-00-0F"),
        ("docker", "02:42:AC:11:00:02"),
        ("parallels", "001C42000008"),
        ("group", "01:00:5E:7F:FF:FA"),
        ("miniport", "20:41:53:59:4E:FF"),
    ):
        case(f"address-{name}", f"An address that is nobody's own ({name}).", {"mac": address})
    near = {
        "board": "12345679",
        "disk": "Unknown-17",
        "cpu": "nonesuch",
        "hostname": "undefined-host",
        "mac": "00:50:56:C1:00:08",
    }
    vector(
        "hardware/absent-neighbours",
        "Values that only look like these are sent.",
        {"license_key": LICENSE_KEY, "shows": near},
        {"sent": sorted(near)},
    )


def binding(vector):
    def case(name, about, labels, enough):
        given = {"license_key": LICENSE_KEY, "shows": machine(*labels)}
        vector(f"hardware/bind-{name}", about, given, {"enough": enough})

    case("strong-and-weak", "A strong part and a weak one bind.", ["mac", "cpu"], True)
    case("two-strong", "Two strong parts bind.", ["machine_id", "board"], True)
    case("one-strong", "One part is too little.", ["machine_id"], False)
    case("two-weak", "Two weak parts are too little.", ["cpu", "hostname"], False)
    case(
        "install-and-weak", "An install id stands for a strong part where there is none.", ["install", "hostname"], True
    )
    case("install-alone", "An install id alone is too little.", ["install"], False)
    case("install-and-strong", "A strong part and an install id are two parts.", ["mac", "install"], True)
    given = {
        "license_key": LICENSE_KEY,
        "shows": {"mac": "00:00:00:00:00:00", "cpu": VALUES["cpu"], "hostname": "pc-12"},
    }
    vector("hardware/bind-placeholder", "A placeholder is no strong part.", given, {"enough": False})


def leased(vector, name, about, states, shows, counts, threshold=2, more=None):
    given = {
        "license_key": LICENSE_KEY,
        "shows": shows,
        "lease": {"hw": {**hw(machine(*states)), **(more or {})}, "hw_threshold": threshold},
    }
    vector(f"hardware/{name}", about, given, {"counts": counts})


def rule(vector):
    def case(name, about, states, shows, counts, threshold=2):
        leased(vector, f"match-{name}", about, states, shows, counts, threshold)

    three, four = ["mac", "board", "cpu"], ["mac", "board", "disk", "cpu"]
    case("all", "Everything is equal.", three, machine(*three), True)
    case("one-drifted", "One of three has changed.", three, machine(*three, other=["board"]), True)
    case("two-drifted", "Two of three have changed.", three, machine(*three, other=["board", "cpu"]), False)
    case("one-absent", "One of three is no longer shown.", three, machine("mac", "cpu"), True)
    case("more-shown", "The machine shows a part that the lease does not state.", ["mac", "cpu"], machine(*four), True)
    case(
        "weak-alone",
        "Only weak parts are equal.",
        ["mac", "cpu", "hostname"],
        machine("mac", "cpu", "hostname", other=["mac"]),
        False,
    )
    case(
        "weak-alone-stated",
        "The lease states weak parts alone.",
        ["cpu", "hostname"],
        machine("cpu", "hostname"),
        False,
    )
    case("nothing-shown", "The machine shows nothing.", three, {}, False)
    case("nothing-stated", "The lease states nothing. Absent never equals absent.", [], {}, False)
    case("nothing-stated-threshold-0", "The lease states nothing and wants nothing.", [], machine(*three), False, 0)
    case(
        "fewer-than-the-threshold",
        "One part is stated, and two are wanted: one is enough.",
        ["mac"],
        machine("mac", "cpu"),
        True,
    )
    case("threshold-1", "One equal part is enough.", three, machine(*three, other=["board", "cpu"]), True, 1)
    case("threshold-3", "Three are wanted, and two are equal.", three, machine(*three, other=["board"]), False, 3)
    case(
        "threshold-0", "No part is wanted. A strong one has to be equal all the same.", three, machine("cpu"), False, 0
    )
    case("threshold-huge", "More are wanted than stated: all of them.", three, machine(*three), True, 2**32 - 1)
    case(
        "threshold-huge-one-drifted",
        "All are wanted, and one has changed.",
        three,
        machine(*three, other=["cpu"]),
        False,
        2**32 - 1,
    )
    case("half-of-four", "Two of four are equal: half is enough.", four, machine(*four, other=["disk", "cpu"]), True)
    five = [*four, "hostname"]
    case(
        "less-than-half-of-five",
        "Two of five are equal: less than half.",
        five,
        machine(*five, other=["disk", "cpu", "hostname"]),
        False,
    )
    case("more-than-half-of-five", "Three of five are equal.", five, machine(*five, other=["disk", "hostname"]), True)
    six = ["mac", "board", "disk", "install", "cpu", "hostname"]
    case("half-of-six", "Three of six are equal: half is enough.", six, machine("mac", "cpu", "hostname"), True)
    case("less-than-half-of-six", "Two of six are equal.", six, machine("mac", "cpu"), False)
    seven = list(VALUES)
    case(
        "less-than-half-of-seven",
        "Three of seven are equal: less than half.",
        seven,
        machine("mac", "board", "disk"),
        False,
    )
    case(
        "half-with-threshold-1",
        "One of four is equal. The threshold is kept, the half is not.",
        four,
        machine("mac"),
        False,
        1,
    )
    case(
        "swapped",
        "The texts are under each other's labels.",
        ["machine_id", "board"],
        {"machine_id": VALUES["board"], "board": VALUES["machine_id"]},
        False,
    )
    case(
        "install-alone-strong",
        "Only an install id is strong, and it is equal.",
        ["install", "hostname", "cpu"],
        machine("install", "cpu"),
        True,
    )
    case(
        "install-beside-strong",
        "The lease states a strong part, so an equal install id is weak.",
        ["mac", "install", "cpu"],
        machine("install", "cpu"),
        False,
    )


def copies(vector):
    """A copied image carries its machine id."""

    def case(name, about, states, shows, counts, threshold=2):
        leased(vector, f"copy-{name}", about, states, shows, counts, threshold)

    four = ["machine_id", "mac", "cpu", "hostname"]
    case(
        "card-and-name",
        "Machine id and processor are equal, card and name are new: another machine.",
        four,
        machine(*four, other=["mac", "hostname"]),
        False,
    )
    case("card", "Only the card is new: the same machine.", four, machine(*four, other=["mac"]), True)
    case(
        "name",
        "Only the name is new: the same machine.",
        ["machine_id", "cpu", "hostname", "install"],
        machine("machine_id", "cpu", "hostname", "install", other=["hostname"]),
        True,
    )
    case(
        "half-absent",
        "Two of four are equal and two are not shown: half is too little.",
        four,
        machine("machine_id", "cpu"),
        False,
    )
    case(
        "one-absent", "Three of four are equal, one is not shown.", four, machine("machine_id", "cpu", "hostname"), True
    )
    six = ["machine_id", "mac", "board", "install", "cpu", "hostname"]
    case(
        "two-of-six-differ",
        "Four of six are equal and two differ: another machine.",
        six,
        machine(*six, other=["mac", "board"]),
        False,
    )
    case(
        "one-of-six-differs",
        "Four of six are equal, one differs, one is not shown.",
        six,
        machine("machine_id", "mac", "install", "cpu", "hostname", other=["mac"]),
        True,
    )
    case(
        "half-of-six",
        "Three of six are equal: half is too little.",
        six,
        machine("machine_id", "cpu", "hostname"),
        False,
    )
    case(
        "with-a-second-strong",
        "The board is equal too: half is enough.",
        ["machine_id", "mac", "board", "cpu"],
        machine("machine_id", "mac", "board", "cpu", other=["mac", "cpu"]),
        True,
    )
    three = ["machine_id", "mac", "cpu"]
    case("three-stated", "Of three, machine id and processor are equal.", three, machine(*three, other=["mac"]), True)
    case(
        "three-stated-two-differ",
        "Of three, the machine id is equal and two differ.",
        three,
        machine(*three, other=["mac", "cpu"]),
        False,
        1,
    )
    case(
        "three-stated-two-absent",
        "Of three, the machine id is equal and two are not shown.",
        three,
        machine("machine_id"),
        True,
        1,
    )
    case(
        "two-stated",
        "Machine id and processor are stated and equal.",
        ["machine_id", "cpu"],
        machine("machine_id", "cpu"),
        True,
    )


def claims_of_a_lease(vector):
    three = ["mac", "board", "cpu"]
    strange = {"tpm": "00112233445566778899aabbccddeeff"}
    leased(
        vector,
        "claim-unknown-label",
        "A label of a newer server counts as not stated.",
        ["mac"],
        machine("mac"),
        True,
        more=strange,
    )
    leased(
        vector,
        "claim-unknown-label-half",
        "An unknown label does not count for the half.",
        three,
        machine("mac", "cpu"),
        True,
        more={**strange, "gpu": strange["tpm"]},
    )
    leased(
        vector,
        "claim-no-hash",
        "A text that is no hash counts as not stated.",
        ["mac"],
        machine("mac"),
        True,
        more={"board": "PF3XK9Z7"},
    )
    own = hw(machine(*three))
    leased(
        vector,
        "claim-upper-case",
        "A hash in upper case counts as not stated.",
        [],
        machine(*three),
        False,
        more={label: text.upper() for label, text in own.items()},
    )
    leased(
        vector,
        "claim-truncated",
        "A hash that is cut counts as not stated.",
        [],
        machine(*three),
        False,
        more={label: text[:16] for label, text in own.items()},
    )
    leased(
        vector,
        "claim-other-license",
        "The lease states the machine under another license key.",
        [],
        machine(*three),
        False,
        more=hw(machine(*three), OTHER_KEY),
    )

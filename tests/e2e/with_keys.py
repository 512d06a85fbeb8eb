"""The OpenAPI document with genuine license keys among the values that a request may have.

    with_keys.py DOCUMENT OUTPUT

Made-up keys are all answered INVALID_SIGNATURE, which leaves what comes after the tag untried.
"""

import os
import sys

import yaml


def main():
    source, output = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    keys = [os.environ["FALCONER_DEMO_KEY"], os.environ["FALCONER_LEGACY_DEMO_KEY"]]
    changed = 0
    for schema in document["components"]["schemas"].values():
        if "license" in schema.get("properties", {}):
            schema["properties"]["license"] = {"enum": keys}
            changed += 1
    if changed != 4:
        raise SystemExit(f"{changed} requests have a license, not 4")
    with open(output, "w", encoding="utf-8") as file:
        yaml.safe_dump(document, file)


if __name__ == "__main__":
    main()

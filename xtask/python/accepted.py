"""Holds what checkov found against what is accepted.

    accepted.py REPORT.json ACCEPTED.yaml
"""

import json
import sys

from samcli.yamlhelper import yaml_parse


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        accepted = yaml_parse(file.read())
    if report["summary"]["passed"] == 0 or report["summary"]["parsing_errors"] > 0:
        raise SystemExit(f"checkov has not looked at the template: {report['summary']}")

    found = {}
    for check in report["results"]["failed_checks"]:
        found.setdefault(check["check_id"], {})[check["resource"].split(".")[-1]] = check["check_name"]
    complaints = []
    for check, resources in found.items():
        for resource, name in resources.items():
            if resource not in accepted.get(check, {}).get("resources", []):
                complaints.append(f"{check} on {resource}: {name}")
    for check, entry in accepted.items():
        if not entry.get("why"):
            complaints.append(f"{check} is accepted without a reason")
        for resource in entry["resources"]:
            if resource not in found.get(check, {}):
                complaints.append(f"{check} is accepted on {resource}, where it is not found any more")
    if complaints:
        raise SystemExit("\n".join(sorted(complaints)))
    print(f"{report['summary']['passed']} checks passed; {len(accepted)} others are accepted, each for a reason")


if __name__ == "__main__":
    main()

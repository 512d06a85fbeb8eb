"""Expands template.yaml as CloudFormation would, and refuses what only the expansion shows.

    transform.py TEMPLATE OUTPUT.json

No AWS account is asked: a policy that SAM knows by name alone would need one, and this template uses none.
"""

import json
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """Stands where the translator would list the account's managed policies."""

    def load(self):
        raise SystemExit("template.yaml names a managed policy, which tends to grant more than it says; write it out")


def packaged(template):
    """`sam package` uploads the code and writes its address; the translator insists on seeing one."""
    address = "s3://bucket/key"
    template["Globals"]["Function"]["CodeUri"] = address
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = address
    return template


def parameters(template):
    """Defaults as CloudFormation hands them to SAM: a list parameter is a list. The translator alone keeps the text."""
    values = {"AWS::Region": "us-east-1"}
    for name, parameter in template["Parameters"].items():
        default = parameter["Default"]
        is_list = parameter["Type"] == "CommaDelimitedList"
        values[name] = [part.strip() for part in default.split(",")] if is_list else default
    return values


# Who may write a license, and how: a put inside a transaction. Nobody else writes one, and nobody deletes or scans.
WRITERS = {"ActivateSyncRole", "TransferRole", "DeactivateRole"}
READ, WRITE = "dynamodb:GetItem", "dynamodb:PutItem"


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(role):
    for policy in role["Properties"].get("Policies", []):
        yield from as_list(policy["PolicyDocument"]["Statement"])


def complaints(resources):
    """What a role may not hold. `cfn-lint` does not see it before the expansion."""
    for name, resource in resources.items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        for managed in resource["Properties"].get("ManagedPolicyArns", []):
            yield f"{name} takes the managed policy {managed}; write out what it needs"
        for statement in statements(resource):
            if "NotAction" in statement or "NotResource" in statement:
                yield f"{name} grants everything except a list; list what it needs"
            for action in as_list(statement.get("Action", [])):
                if "*" in action:
                    yield f"{name} allows the actions {action}; name each"
            for target in as_list(statement.get("Resource", [])):
                if "*" in json.dumps(target):
                    yield f"{name} reaches {json.dumps(target)}; name the one resource"
                if "LicensesTable" in json.dumps(target):
                    allowed = {READ, WRITE} if name in WRITERS else {READ}
                    for action in set(as_list(statement["Action"])) - allowed:
                        yield f"{name} may {action} on licenses; only {', '.join(sorted(WRITERS))} may write, and only {WRITE}"


def main():
    source, output = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        template = packaged(yaml_parse(file.read()))
    try:
        expanded = transform(template, parameters(template), NoManagedPolicies())
    except InvalidDocumentException as error:
        raise SystemExit("template.yaml does not expand: " + "; ".join(cause.message for cause in error.causes))
    with open(output, "w", encoding="utf-8") as file:
        json.dump(expanded, file, indent=1)
    found = sorted(complaints(expanded["Resources"]))
    if found:
        raise SystemExit("\n".join(found))
    print(f"{len(expanded['Resources'])} resources after expansion, no wildcard in any role")


if __name__ == "__main__":
    main()

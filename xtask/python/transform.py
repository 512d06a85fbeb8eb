"""Expands template.yaml as CloudFormation would.

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
    print(f"{len(expanded['Resources'])} resources after expansion")


if __name__ == "__main__":
    main()

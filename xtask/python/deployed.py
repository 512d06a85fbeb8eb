"""A stack as it is deployed, in JSON.

    deployed.py stack NAME TEMPLATE              status, outputs, versions of the functions, differences from TEMPLATE
    deployed.py kept LICENSES VERIFICATIONS RING digests of all rows and of the ring, and whether the tables are protected
"""

import hashlib
import json
import sys

import boto3
from samcli.yamlhelper import yaml_parse

ALIAS = "live"


def text(value):
    """A value as text, the same text for the same value."""
    return json.dumps(value, sort_keys=True, default=repr)


def digest(value):
    return hashlib.sha256(text(value).encode()).hexdigest()


def without_code(template):
    """The template without what `sam deploy` writes into it: the address of each package, and each resource's own name."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"].pop("CodeUri")
        metadata = resource.pop("Metadata", {})
        metadata.pop("SamResourceId", None)
        if metadata:
            resource["Metadata"] = metadata
    return json.loads(json.dumps(template, default=str))


def differences(deployed, written):
    """The places where two templates differ."""
    if isinstance(deployed, dict) and isinstance(written, dict):
        for key in sorted(deployed.keys() | written.keys()):
            for place in differences(deployed.get(key), written.get(key)):
                yield f"{key}.{place}" if place else key
    elif deployed != written:
        yield ""


def stack(name, template):
    cloudformation = boto3.client("cloudformation")
    (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    body = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
    body = without_code(yaml_parse(body) if isinstance(body, str) else body)
    with open(template, encoding="utf-8") as file:
        written = without_code(yaml_parse(file.read()))
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
    names = [value for key, value in outputs.items() if key.endswith("Function")]
    return {
        "status": found["StackStatus"],
        "outputs": outputs,
        "differences": list(differences(body, written)),
        "functions": {function: bound(function) for function in names},
    }


def bound(function):
    """The version behind a function's alias, and the digest of its code."""
    aws_lambda = boto3.client("lambda")
    version = aws_lambda.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"]
    configuration = aws_lambda.get_function_configuration(FunctionName=function, Qualifier=version)
    return {"version": version, "code": configuration["CodeSha256"]}


def rows(table):
    pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return sorted((item for page in pages for item in page["Items"]), key=text)


def kept(licenses, verifications, ring):
    described = [boto3.client("dynamodb").describe_table(TableName=name)["Table"] for name in (licenses, verifications)]
    return {
        "licenses": digest(rows(licenses)),
        "rows": len(rows(licenses)),
        "verifications": len(rows(verifications)),
        "ring": digest(boto3.client("secretsmanager").get_secret_value(SecretId=ring)["SecretString"]),
        "protected": all(table.get("DeletionProtectionEnabled") for table in described),
    }


def main():
    command, *arguments = sys.argv[1:]
    print(json.dumps({"stack": stack, "kept": kept}[command](*arguments)))


if __name__ == "__main__":
    main()

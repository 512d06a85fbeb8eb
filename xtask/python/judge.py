"""Judges the expanded template: who may do what, and which version of a function is asked.

    judge.py EXPANDED.json ROLES.yaml

Only the expansion shows it: SAM adds roles, permissions, versions and aliases of its own.
"""

import json
import re
import sys

from samcli.yamlhelper import yaml_parse

# Who may write a license, and how: a put inside a transaction. Nobody else writes one, and nobody deletes or scans.
WRITERS = {"ActivateSyncRole", "TransferRole", "DeactivateRole"}
READ, WRITE = "dynamodb:GetItem", "dynamodb:PutItem"
# The partition keys of licenses, which are those of their audit rows.
LICENSES = "lic_*"
# How ROLES.yaml narrows a table to some of its items.
KEYS = " with keys "
# Of the function, not of a version.
NOT_VERSIONED = {"ReservedConcurrency"}
# A description shows its parameters to everybody who lists versions. For a secret it names a number that changes with it.
REVISED_BY = {"OriginVerifySecret": "OriginVerifyRevision"}


def as_list(value):
    return value if isinstance(value, list) else [value]


def named(value):
    """A reference as ROLES.yaml writes it."""
    match value:
        case {"Ref": name} | {"Fn::Sub": name}:
            return name
        case {"Fn::GetAtt": path}:
            return ".".join(path)
    return value if isinstance(value, str) else json.dumps(value)


def policies(role):
    """The managed policies a role takes, with the condition on which it does."""
    found = role["Properties"].get("ManagedPolicyArns", [])
    match found:
        case {"Fn::If": [condition, taken, {"Ref": "AWS::NoValue"}]}:
            return [f"{named(policy)} if {condition}" for policy in taken]
    return [named(policy) for policy in found]


def documents(resource):
    if resource["Type"] == "AWS::IAM::ManagedPolicy":
        return [resource["Properties"]["PolicyDocument"]]
    return [policy["PolicyDocument"] for policy in resource["Properties"].get("Policies", [])]


def narrowed(statement):
    """The partition keys that a statement is narrowed to, as ROLES.yaml writes them; nothing if it has no condition."""
    match statement.get("Condition"):
        case None:
            return ""
        # A request that shows IAM no key passes, so that the condition can cause no outage.
        case {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}:
            return KEYS + ", ".join(keys)
    raise SystemExit(f"a condition that is not looked at here: {json.dumps(statement)}")


def grants(resource):
    """Resource to the actions allowed on it, of all statements together."""
    found = {}
    for document in documents(resource):
        for statement in as_list(document["Statement"]):
            if set(statement) - {"Condition"} != {"Effect", "Action", "Resource"} or statement["Effect"] != "Allow":
                raise SystemExit(f"a statement that is not a plain list of actions and resources: {json.dumps(statement)}")
            for target in as_list(statement["Resource"]):
                found.setdefault(named(target) + narrowed(statement), set()).update(as_list(statement["Action"]))
    return {target: sorted(actions) for target, actions in found.items()}


def described(resource):
    """A role or a managed policy in the form of ROLES.yaml."""
    entry = {"may": grants(resource)}
    if "Condition" in resource:
        entry["condition"] = resource["Condition"]
    if resource["Type"] == "AWS::IAM::Role":
        (statement,) = resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        entry["assumed_by"] = named(statement["Principal"]["Service"])
        entry["policies"] = policies(resource)
    return entry


def sorted_actions(entry):
    return {**entry, "may": {target: sorted(actions) for target, actions in entry["may"].items()}}


def of_type(resources, kind):
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def roles(resources, expected):
    kinds = {**of_type(resources, "AWS::IAM::Role"), **of_type(resources, "AWS::IAM::ManagedPolicy")}
    others = [name for name, resource in resources.items() if resource["Type"].startswith("AWS::IAM::")]
    for name in set(others) - set(kinds):
        yield f"{name} grants something in a way that is not looked at here"
    found = {name: described(resource) for name, resource in kinds.items()}
    for name in sorted(found.keys() | expected.keys()):
        here, wanted = found.get(name), expected.get(name)
        if here is None or wanted is None or here != sorted_actions(wanted):
            here, wanted = (json.dumps(entry, sort_keys=True) for entry in (here, wanted))
            yield f"{name} is {here}, where roles.yaml has {wanted}"
    for name, entry in found.items():
        if "assumed_by" not in entry:
            continue
        for target, actions in entry["may"].items():
            if "*" in target.split(KEYS)[0] or any("*" in action for action in actions):
                yield f"{name} may {actions} on {target}: name each action and each resource"
            allowed = {READ, WRITE} if name in WRITERS else {READ}
            if target.startswith("LicensesTable") and not set(actions) <= allowed:
                yield f"{name} may {actions} on licenses: only {sorted(WRITERS)} may write, and only by {WRITE}"
            if WRITE in actions and not target.endswith(KEYS + LICENSES):
                yield f"{name} may {WRITE} on {target}: catalogs and an operator's rows lie there too"


def functions(resources):
    """Each has a role of its own, and is asked through its alias and by the gateway alone."""
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        role = named(function["Properties"]["Role"])
        if role != name.removesuffix("Function") + "Role.Arn":
            yield f"{name} has the role {role}"
        if f"{name}Aliaslive" not in resources:
            yield f"{name} has no alias"
    for name, permission in of_type(resources, "AWS::Lambda::Permission").items():
        properties = permission["Properties"]
        if not named(properties["FunctionName"]).endswith("Aliaslive"):
            yield f"{name} lets a function be asked past its alias"
        if properties["Principal"] != "apigateway.amazonaws.com" or "SourceArn" not in properties:
            yield f"{name} lets others than this gateway ask"
    for name, api in of_type(resources, "AWS::ApiGatewayV2::Api").items():
        for path, methods in api["Properties"]["Body"]["paths"].items():
            for method, route in methods.items():
                target = named(route["x-amazon-apigateway-integration"]["uri"])
                if not re.search(r"\$\{\w+Aliaslive\}", target):
                    yield f"{method} {path} goes past the alias: {target}"


def parameters_in(value, template):
    """The parameters that a value depends on, by its conditions too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref" and inner in template["Parameters"]:
                yield inner
            elif key == "Fn::Sub":
                text = inner[0] if isinstance(inner, list) else inner
                yield from (name for name in re.findall(r"\$\{(\w+)\}", text) if name in template["Parameters"])
            elif key == "Fn::If":
                yield from parameters_in(template["Conditions"][inner[0]], template)
            yield from parameters_in(inner, template)
    elif isinstance(value, list):
        for inner in value:
            yield from parameters_in(inner, template)


def versions(template):
    """A changed parameter reaches the alias only through the description of the version."""
    resources = template["Resources"]
    for name, version in of_type(resources, "AWS::Lambda::Version").items():
        function = named(version["Properties"]["FunctionName"])
        depends = set(parameters_in(resources[function]["Properties"], template)) - NOT_VERSIONED
        depends = {REVISED_BY.get(parameter, parameter) for parameter in depends}
        says = set(parameters_in({"d": version["Properties"].get("Description")}, template))
        if depends != says:
            yield f"{function} depends on {sorted(depends)}, and its VersionDescription names {sorted(says)}"
    for name, group in of_type(resources, "AWS::CodeDeploy::DeploymentGroup").items():
        alarms = group["Properties"].get("AlarmConfiguration")
        match alarms:
            # With every one of them ringing, the deployment of the remedy still begins.
            case {"Fn::If": ["WithDeploymentAlarms", {"Alarms": [_, *_]}, {"Alarms": [{"Name": {"Ref": "QuietAlarm"}}]}]}:
                pass
            case _:
                yield f"{name} has the alarms {json.dumps(alarms)}: a list that a parameter takes away"


def secrets(template):
    """Each secret parameter is hidden, and has the number by which a version takes a new one."""
    for name, parameter in template["Parameters"].items():
        if name.endswith("Secret") != bool(parameter.get("NoEcho")):
            yield f"{name} is shown to everybody who describes the stack, or hidden without need"
        if parameter.get("NoEcho") and REVISED_BY.get(name) not in template["Parameters"]:
            yield f"{name} has no number that changes with it"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        template = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        expected = yaml_parse(file.read())
    resources = template["Resources"]
    found = [*roles(resources, expected), *functions(resources), *versions(template), *secrets(template)]
    if found:
        raise SystemExit("\n".join(found))
    print(f"{len(expected)} roles and policies, each as roles.yaml has it; every route goes to an alias")


if __name__ == "__main__":
    main()

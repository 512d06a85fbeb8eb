"""An emulated AWS account: ministack, and a bridge over each thing that it lacks.

    account.py            starts it; the environment has GATEWAY_PORT and the rest
    account.py --list     prints the bridges, a line each

Every bridge is a function of this file whose first line says what it does. The template is deployed as it is: what
the emulator lacks is added here, in the open, and never taken out of the template.
"""

import contextvars
import copy
import dataclasses
import itertools
import json
import sys

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam
from ministack.services.cloudformation import changesets, engine, handlers, provisioners

BRIDGES = []


def bridge(function):
    """Registers a bridge, which is laid when the account starts."""
    BRIDGES.append(function)
    return function


@bridge
def parameters_of_the_transform():
    """SAM's expansion gets the stack's parameters, lists as lists: ministack expands with none."""
    from samtranslator.translator.transform import transform

    plain = engine._apply_transforms

    def value(parameter, text):
        is_list = parameter.get("Type") == "CommaDelimitedList"
        return [part.strip() for part in text.split(",")] if is_list else text

    def apply(template, provided_params=None, previous_params=None):
        if engine._SAM_TRANSFORM not in engine.declared_transforms(template):
            return plain(template, provided_params, previous_params)
        texts = engine._transform_parameters(template, provided_params, previous_params)
        declared = template.get("Parameters", {})
        values = {name: value(declared[name], text) for name, text in texts.items()}
        values["AWS::Region"] = engine.get_region()
        return transform(copy.deepcopy(template), values, engine._NO_IAM_POLICY_LOADER)

    for module in (engine, changesets, handlers):
        if hasattr(module, "_apply_transforms"):
            module._apply_transforms = apply


@bridge
def code_deploy():
    """CodeDeploy's application and deployment groups exist and do nothing: an alias moves at once."""

    def create(logical_id, properties, stack_name):
        return f"{stack_name}-{logical_id}", {}

    def update(physical_id, old, new, stack_name):
        return physical_id, {}

    def delete(physical_id, properties):
        pass

    for kind in ("Application", "DeploymentGroup"):
        provisioners._RESOURCE_HANDLERS[f"AWS::CodeDeploy::{kind}"] = {
            "create": create, "update": update, "delete": delete,
        }


@bridge
def metric_math():
    """An alarm over several metrics is kept with its first one: ministack refuses metric math."""
    plain = provisioners._cw_metric_alarm_record

    def record(name, properties):
        metrics = properties.get("Metrics")
        if metrics:
            stat = next(metric["MetricStat"] for metric in metrics if "MetricStat" in metric)
            properties = {
                **{key: value for key, value in properties.items() if key != "Metrics"},
                "MetricName": stat["Metric"]["MetricName"],
                "Namespace": stat["Metric"]["Namespace"],
                "Dimensions": stat["Metric"].get("Dimensions", []),
                "Period": stat["Period"],
                "Statistic": stat["Stat"],
            }
        return plain(name, properties)

    provisioners._cw_metric_alarm_record = record


def routes_of(body):
    """Method, path, and the integration of each route in an OpenAPI document."""
    for path, methods in body.get("paths", {}).items():
        for method, route in methods.items():
            yield f"{method.upper()} {path}", route["x-amazon-apigateway-integration"]


@bridge
def routes_of_a_body():
    """Routes, integrations and CORS of an HTTP API come from its Body: ministack looks at none."""
    handlers_of_api = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]
    create, update = handlers_of_api["create"], handlers_of_api["update"]
    gateway = provisioners._apigw_v2

    def read(api_id, properties):
        body = properties["Body"]
        gateway._routes[api_id], gateway._integrations[api_id] = {}, {}
        for number, (route_key, integration) in enumerate(routes_of(body)):
            uri = integration["uri"].split("/functions/", 1)[-1].removesuffix("/invocations")
            gateway._integrations[api_id][f"i{number}"] = {
                "integrationId": f"i{number}",
                **provisioners._apigw_v2_integration_props({
                    "IntegrationUri": uri,
                    "PayloadFormatVersion": integration["payloadFormatVersion"],
                }),
            }
            gateway._routes[api_id][f"r{number}"] = {
                "routeId": f"r{number}",
                **provisioners._apigw_v2_route_props({"RouteKey": route_key, "Target": f"integrations/i{number}"}),
            }
        cors = body.get("x-amazon-apigateway-cors")
        if cors:
            gateway._apis[api_id]["corsConfiguration"] = cors

    def created(logical_id, properties, stack_name):
        api_id, attributes = create(logical_id, properties, stack_name)
        read(api_id, properties)
        return api_id, attributes

    def updated(physical_id, old, new, stack_name, logical_id=None):
        api_id, attributes = update(physical_id, old, new, stack_name, logical_id)
        read(api_id, new)
        return api_id, attributes

    handlers_of_api.update(create=created, update=updated)


@bridge
def options_of_a_table():
    """Point-in-time recovery and the time to live of a table are switched on as declared: ministack drops both."""
    handlers_of_table = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create = handlers_of_table["create"]
    dynamodb = provisioners._dynamodb

    def created(logical_id, properties, stack_name):
        name, attributes = create(logical_id, properties, stack_name)
        recovery = properties.get("PointInTimeRecoverySpecification")
        if recovery:
            dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": recovery})
        time_to_live = properties.get("TimeToLiveSpecification")
        if time_to_live:
            dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": time_to_live})
        return name, attributes

    handlers_of_table["create"] = created


@bridge
def secret_by_its_arn():
    """Ref of a secret is its ARN, as AWS documents, and one can be imported by it: ministack has its name, and no import."""
    handlers_of_secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = (handlers_of_secret[name] for name in ("create", "update", "delete"))
    secrets = provisioners._sm._secrets

    def name_of(arn):
        return next((name for name, secret in secrets.items() if secret["ARN"] == arn), None)

    def created(logical_id, properties, stack_name):
        _, attributes = create(logical_id, properties, stack_name)
        return attributes["Id"], attributes

    def updated(physical_id, old, new, stack_name, logical_id=None):
        name = name_of(physical_id)
        # No name is declared, so the one that the secret was made with stays.
        _, attributes = update(name, {**old, "Name": name}, {**new, "Name": name}, stack_name, logical_id)
        return physical_id, attributes

    def deleted(physical_id, properties):
        delete(name_of(physical_id), properties)

    def imported(identifier):
        return identifier["Id"], {"Id": identifier["Id"], "Arn": identifier["Id"]}

    def problem(arn):
        return None if name_of(arn) else f"Secrets Manager can't find the specified secret: {arn}"

    handlers_of_secret.update({"create": created, "update": updated, "delete": deleted, "import": imported})
    changesets._IMPORT_LOOKUPS["AWS::SecretsManager::Secret"] = (("Id",), problem)


@bridge
def leading_keys():
    """A request to DynamoDB has dynamodb:LeadingKeys for the roles' conditions: ministack leaves it out."""
    plain = iam_actions.dynamodb_service_context
    partition_keys = {"license_id", "bucket"}

    def keys(call):
        item = call.get("Key") or call.get("Item") or {}
        return [next(iter(value.values())) for name, value in item.items() if name in partition_keys]

    def context(body):
        found = plain(body)
        request = json.loads(body or b"{}")
        calls = [request]
        for item in request.get("TransactItems", []):
            calls.extend(item.values())
        leading = [key for call in calls for key in keys(call)]
        return {**found, "dynamodb:LeadingKeys": leading} if leading else found

    iam_actions.dynamodb_service_context = context


@bridge
def context_of_a_simulation():
    """IAM's simulator looks at the context entries it is given: ministack evaluates without them."""
    plain_parameters, plain_evaluate = iam._extract_simulate_params, iam_evaluator.evaluate
    given = contextvars.ContextVar("given", default=None)

    def parameters(request):
        entries = {}
        for number in itertools.count(1):
            entry = f"ContextEntries.member.{number}"
            name = iam._p(request, f"{entry}.ContextKeyName")
            if not name:
                break
            entries[name.lower()] = [iam._p(request, f"{entry}.ContextKeyValues.member.1")]
        given.set(entries)
        return plain_parameters(request)

    def evaluate(context, *policies):
        entries = given.get()
        if entries:
            context = dataclasses.replace(context, service_context={**context.service_context, **entries})
        return plain_evaluate(context, *policies)

    iam._extract_simulate_params, iam_evaluator.evaluate = parameters, evaluate


def main():
    if "--list" in sys.argv:
        for lay in BRIDGES:
            print(lay.__doc__.splitlines()[0])
        return
    for lay in BRIDGES:
        lay()
    from ministack.app import main as start

    sys.argv[1:] = []
    start()


if __name__ == "__main__":
    main()

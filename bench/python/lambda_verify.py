"""`POST /api/verify` as a Lambda function in Python: what our function does, one call after the other.

    python -m awslambdaric lambda_verify.handler

It knows keys of the current form only, and no hardware: a request that brings some is told so.
"""

import base64
import json
import os
import time

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from catalog import BUILT_IN, features, policy
from formats import KeyRing, NotAuthentic, compact

LICENSES = os.environ["LICENSES_TABLE"]
VERIFICATIONS = os.environ["VERIFICATIONS_TABLE"]
RATE_LIMITS = os.environ["RATE_LIMITS_TABLE"]
SECRET = os.environ["MASTER_KEY_SECRET_ID"]
ISSUER = os.environ["LEASE_ISSUER"]
LIMIT = int(os.environ.get("RATE_LIMIT_PER_MINUTE") or 10)
AUDIT = os.environ.get("VERIFY_AUDIT") or "all"
RETENTION_DAYS = int(os.environ.get("VERIFICATION_RETENTION_DAYS") or 400)

WINDOW_SECONDS = 60
RING_SECONDS = 300
CATALOG_SECONDS = 60
SHORT_LIFE_SECONDS = 300
CLOCK_SKEW_SECONDS = 300
LATEST_END_MILLIS = 253_370_764_800_000
MAX_BODY_BYTES = 8 * 1024

TEXTS = {
    "NOT_FOUND": "License not found",
    "REVOKED": "License revoked",
    "SUSPENDED": "License suspended",
    "PENDING": "License not active yet",
    "EXPIRED": "License expired",
    "NOT_ACTIVATED": "This device is not activated",
}
REFUSED_STATUSES = {"revoked": "REVOKED", "suspended": "SUSPENDED", "pending": "PENDING"}

config = Config(connect_timeout=0.3, read_timeout=0.4, retries={"mode": "standard", "total_max_attempts": 3})
dynamodb = boto3.client("dynamodb", config=config)
secrets = boto3.client("secretsmanager", config=config)
deserializer = TypeDeserializer()


class Problem(Exception):
    """A request that is not decided."""

    def __init__(self, status, code, text, headers=None):
        super().__init__(code)
        self.status, self.code, self.text, self.headers = status, code, text, headers or {}


class Cached:
    """What `read` gave, for `seconds`."""

    def __init__(self, seconds, read):
        self.seconds, self.read, self.values = seconds, read, {}

    def get(self, *key):
        found = self.values.get(key)
        if found is None or time.monotonic() - found[0] > self.seconds:
            found = self.values[key] = (time.monotonic(), self.read(*key))
        return found[1]


def read_ring():
    return KeyRing(secrets.get_secret_value(SecretId=SECRET)["SecretString"])


def read_item(license_id):
    answer = dynamodb.get_item(TableName=LICENSES, Key={"license_id": {"S": license_id}}, ConsistentRead=True)
    item = answer.get("Item")
    return item and {name: deserializer.deserialize(value) for name, value in item.items()}


def read_catalog(product):
    return read_item(f"catalog#{product}") or BUILT_IN.get(product)


rings = Cached(RING_SECONDS, read_ring)
catalogs = Cached(CATALOG_SECONDS, read_catalog)
rings.get()


def handler(event, context):
    started = time.perf_counter()
    request_id = event["requestContext"]["requestId"]
    license_id = None
    try:
        code, license_id, answer = verify(event, request_id)
    except Problem as problem:
        code, answer = problem.code, told(problem, request_id)
    except (BotoCoreError, ClientError) as error:
        print(compact({"level": "ERROR", "message": "a service failed a request", "error": str(error)}).decode())
        problem = Problem(503, "UNAVAILABLE", "Service temporarily unavailable", {"retry-after": "2"})
        code, answer = problem.code, told(problem, request_id)
    log(request_id, code, license_id, time.perf_counter() - started)
    return answer


def verify(event, request_id):
    now = time.time_ns() // 1_000_000
    body = read_body(event)
    ring = rings.get()
    try:
        key = ring.authenticate(body["license"])
    except NotAuthentic:
        refusal = {"valid": False, "error": "Invalid license signature", "code": "INVALID_SIGNATURE"}
        return "INVALID_SIGNATURE", None, response(401, refusal | {"requestId": request_id}, request_id)
    address = event["requestContext"]["http"]["sourceIp"]
    count(address, now)
    license = read_item(key.license_id)
    code = decide(license, now)
    product = license["product"] if license else key.product
    at = now // 1000
    claims = {
        "iss": ISSUER,
        "aud": product if code == "VALID" else f"{product}/refusal",
        "sub": key.license_id,
        "jti": request_id,
        "at": at,
        "iat": at - CLOCK_SKEW_SECONDS,
        "nbf": at - CLOCK_SKEW_SECONDS,
        "exp": at + SHORT_LIFE_SECONDS,
        "nonce": body.get("nonce"),
        "valid": code == "VALID",
        "code": code,
    }
    claims |= terms(license) if license else {"license_expires_at": None}
    if claims["nonce"] is None:
        del claims["nonce"]
    lease = ring.current.sign(claims)
    if code == "VALID":
        status, answer = 200, yes(license, claims, now, lease)
    else:
        status = 401
        answer = {"valid": False, "error": TEXTS[code], "code": code, "requestId": request_id, "lease": lease}
    record(key.license_id, code, now, request_id, body.get("origin"), address)
    return code, key.license_id, response(status, answer, request_id)


def read_body(event):
    text = event.get("body") or ""
    text = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode()
    if len(text) > MAX_BODY_BYTES:
        raise Problem(413, "BODY_TOO_LARGE", "Body too large")
    try:
        body = json.loads(text)
    except ValueError:
        raise Problem(400, "MALFORMED_JSON", "Body is not valid JSON") from None
    if not isinstance(body, dict) or body.get("license") is None:
        raise Problem(400, "MISSING_LICENSE", "Missing license key")
    for name, shortest, longest in [("license", 0, MAX_BODY_BYTES), ("nonce", 16, 128), ("origin", 0, 255)]:
        value = body.get(name)
        if value is not None and not (isinstance(value, str) and shortest <= len(value) <= longest):
            raise Problem(400, "INVALID_FIELD", f"{name} is not valid")
    if any(name.startswith(("hardware", "hw")) for name in body):
        raise Problem(501, "NOT_IMPLEMENTED", "This function knows no hardware")
    return body


def count(address, now):
    """One more request of this address in this minute, while there is room."""
    if LIMIT == 0:
        return
    seconds = now // 1000
    try:
        dynamodb.update_item(
            TableName=RATE_LIMITS,
            Key={"bucket": {"S": f"verify#{address}#{seconds // WINDOW_SECONDS}"}},
            UpdateExpression="ADD n :one SET #ttl = if_not_exists(#ttl, :ttl)",
            ConditionExpression="attribute_not_exists(n) OR n < :limit",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={
                ":one": {"N": "1"},
                ":limit": {"N": str(LIMIT)},
                ":ttl": {"N": str(seconds + WINDOW_SECONDS + 300)},
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        left = WINDOW_SECONDS - seconds % WINDOW_SECONDS
        raise Problem(429, "RATE_LIMITED", "Too many requests", {"retry-after": str(left)}) from None


def decide(license, now):
    """The first reason to refuse, or VALID."""
    if license is None:
        return "NOT_FOUND"
    if refused := REFUSED_STATUSES.get(license["status"]):
        return refused
    if "expires_at" in license and license["expires_at"] <= now:
        return "EXPIRED"
    if policy(catalog_of(license), license)["hardware_required"]:
        return "NOT_ACTIVATED"
    return "VALID"


def catalog_of(license):
    catalog = catalogs.get(license["product"])
    # Never silently the smallest tier.
    if catalog is None or license["tier"] not in catalog["tiers"]:
        raise Problem(503, "UNAVAILABLE", "Service temporarily unavailable", {"retry-after": "2"})
    return catalog


def terms(license):
    """What the license grants, as a lease states it."""
    ends = min(int(license["expires_at"]), LATEST_END_MILLIS) // 1000 if "expires_at" in license else None
    return {
        "tier": license["tier"],
        "features": features(catalog_of(license), license),
        "license_expires_at": ends,
    }


def yes(license, claims, now, lease):
    return {
        "valid": True,
        "code": "VALID",
        "tier": license["tier"],
        "expiresAt": min(int(license.get("expires_at", LATEST_END_MILLIS)), LATEST_END_MILLIS),
        "perpetual": "expires_at" not in license,
        "userId": license.get("user_id"),
        "features": claims["features"],
        "licenseId": license["license_id"],
        "device": None,
        "checkedAt": now,
        "lease": lease,
    }


def record(license_id, code, now, request_id, origin, address):
    """The audit row. Lambda freezes a function in Python once it has returned, so it comes before the answer."""
    if AUDIT == "refusals" and code == "VALID":
        return
    item = {
        "license_id": {"S": license_id},
        "at": {"S": f"{now:013}#{request_id}"},
        "schema": {"N": "1"},
        "action": {"S": "verify"},
        "code": {"S": code},
        "request_id": {"S": request_id},
        "address": {"S": address},
        "ttl": {"N": str(now // 1000 + RETENTION_DAYS * 86_400)},
    }
    if origin is not None:
        item["origin"] = {"S": origin}
    try:
        dynamodb.put_item(TableName=VERIFICATIONS, Item=item, ConditionExpression="attribute_not_exists(license_id)")
    except dynamodb.exceptions.ConditionalCheckFailedException:
        pass  # Our own row, from an attempt whose reply was lost.
    except (BotoCoreError, ClientError) as error:
        print(compact({"level": "WARN", "message": "audit row dropped", "error": str(error)}).decode())


def told(problem, request_id):
    body = {
        "type": f"urn:falconer:problem:{problem.code.lower()}",
        "title": problem.text,
        "status": problem.status,
        "detail": problem.text + ".",
        "valid": False,
        "error": problem.text,
        "code": problem.code,
        "requestId": request_id,
    }
    headers = {"content-type": "application/problem+json"} | problem.headers
    return response(problem.status, body, request_id, headers)


def response(status, body, request_id, headers=None):
    always = {"content-type": "application/json", "cache-control": "no-store", "x-request-id": request_id}
    return {
        "statusCode": status,
        "headers": always | (headers or {}),
        "body": compact(body).decode(),
        "isBase64Encoded": False,
    }


def log(request_id, code, license_id, elapsed):
    """One line, log and metrics in one (CloudWatch's embedded metric format)."""
    metrics = [{"Name": code}, {"Name": "Latency", "Unit": "Milliseconds"}]
    line = {
        code: 1,
        "Latency": round(elapsed * 1000, 3),
        "_aws": {
            "Timestamp": time.time_ns() // 1_000_000,
            "CloudWatchMetrics": [{"Namespace": "Falconer", "Dimensions": [[]], "Metrics": metrics}],
        },
        "level": "INFO",
        "message": "request",
        "function": "verify",
        "request.id": request_id,
        "outcome.code": code,
        "license.id": license_id,
    }
    print(compact(line).decode())

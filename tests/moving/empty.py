"""Deletes every license of the local stack, so that the next import finds none there.

    empty.py DYNAMODB-URL TABLE
"""

import json
import sys
import urllib.request

# What DynamoDB deletes in one request.
AT_ONCE = 25


def main():
    url, table = sys.argv[1:]
    start = {}
    while True:
        scan = {"TableName": table, "ProjectionExpression": "license_id", "ConsistentRead": True}
        page = asked(url, "Scan", scan | start)
        keys = [item["license_id"] for item in page["Items"]]
        for first in range(0, len(keys), AT_ONCE):
            deletions = [{"DeleteRequest": {"Key": {"license_id": key}}} for key in keys[first : first + AT_ONCE]]
            left = asked(url, "BatchWriteItem", {"RequestItems": {table: deletions}})["UnprocessedItems"]
            if left:
                sys.exit(f"{len(left)} items of {table} were not deleted")
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def asked(url, action, body):
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": f"DynamoDB_20120810.{action}",
        # A stand-in wants to see that it is there, and does not look at it.
        "x-amz-date": "20250101T000000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=local/20250101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, "
        "Signature=0",
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    # A proxy of the developer's has no business between programs of one machine.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()

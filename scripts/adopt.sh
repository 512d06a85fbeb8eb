#!/usr/bin/env bash
# Puts the tables and the secret that a deleted stack has left into a new stack, by CloudFormation's resource import. The
# next `sam deploy` of that stack adds the rest, and every license key goes on working.
#
#     scripts/adopt.sh NEW-STACK
#
# It takes LICENSES_TABLE, VERIFICATIONS_TABLE and MASTER_KEY_SECRET_ID (the ARN), the outputs of the old stack, from the
# environment, and needs `aws`. The template of the import is cut from template.yaml, so the block that once generated
# the ring is the same byte for byte, and CloudFormation generates nothing.
set -euo pipefail

stack=${1:?the name of the new stack}
: "${LICENSES_TABLE:?the old output of that name}" "${VERIFICATIONS_TABLE:?the old output of that name}"
: "${MASTER_KEY_SECRET_ID:?the old output MasterKeySecret, an ARN}"
template=$(dirname "$0")/../template.yaml

if [[ $MASTER_KEY_SECRET_ID != arn:* ]]; then
  echo "MASTER_KEY_SECRET_ID is not an ARN: aws secretsmanager describe-secret --secret-id $MASTER_KEY_SECRET_ID" >&2
  exit 2
fi
# An import of a stack that is there would add to it.
if aws cloudformation describe-stacks --stack-name "$stack" >/dev/null 2>&1; then
  echo "the stack $stack is there already: choose a name that no stack has" >&2
  exit 2
fi
for table in "$LICENSES_TABLE" "$VERIFICATIONS_TABLE"; do
  aws dynamodb describe-table --table-name "$table" --query Table.TableStatus --output text >/dev/null
done
aws secretsmanager describe-secret --secret-id "$MASTER_KEY_SECRET_ID" --query Name --output text >/dev/null

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The three resources as they are written, and nothing else: an import adds what it imports alone.
awk '
  BEGIN { print "AWSTemplateFormatVersion: \"2010-09-09\""; print "Resources:" }
  /^[A-Za-z]/ { section = $1 }
  section == "Resources:" && /^  [A-Za-z]/ { kept = $1 ~ /^(LicensesTable|VerificationsTable|MasterKeySecret):$/ }
  section == "Resources:" && kept && !/^ *#/ && !/^Resources:/ { print }
' "$template" >"$folder/import.yaml"

cat >"$folder/resources.json" <<JSON
[
  {"ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": "LicensesTable",
   "ResourceIdentifier": {"TableName": "$LICENSES_TABLE"}},
  {"ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": "VerificationsTable",
   "ResourceIdentifier": {"TableName": "$VERIFICATIONS_TABLE"}},
  {"ResourceType": "AWS::SecretsManager::Secret", "LogicalResourceId": "MasterKeySecret",
   "ResourceIdentifier": {"Id": "$MASTER_KEY_SECRET_ID"}}
]
JSON

aws cloudformation create-change-set --stack-name "$stack" --change-set-name adopt --change-set-type IMPORT \
  --template-body "file://$folder/import.yaml" --resources-to-import "file://$folder/resources.json" >/dev/null
aws cloudformation wait change-set-create-complete --stack-name "$stack" --change-set-name adopt
aws cloudformation execute-change-set --stack-name "$stack" --change-set-name adopt
aws cloudformation wait stack-import-complete --stack-name "$stack"

echo "$stack has $LICENSES_TABLE, $VERIFICATIONS_TABLE and the secret now"
echo "next: sam deploy --stack-name $stack"

#!/usr/bin/env bash
# Looks at a deployed stack: every endpoint, a license from its making to its end, whether callers wait for the audit, and,
# with the stack's name, whatever no emulator shows. It makes one license that ends tomorrow and removes it with all its
# rows, also when it fails half-way.
#
#     scripts/smoke-aws.sh [STACK]
#
# With the name of a stack it takes the rest from its outputs; otherwise it takes API_URL, LICENSES_TABLE,
# VERIFICATIONS_TABLE and MASTER_KEY_SECRET_ID from the environment, and looks at the requests alone. It needs `falconer`,
# `aws` and `curl`. Run it from an address whose limit of ten requests a minute nobody else uses.
#
#     ALLOWED_ORIGIN=https://…   looks whether pages of that origin may call
#     METRICS_SECONDS=240        how long it waits for metrics; 0 does not look
#     FLOOD=1                    sends 180 requests a second for ten seconds, to see the gateway's throttle. Customers may
#                                get 429 meanwhile
#
# A line begins with "ok" for what is as it must be, "FAILED" for what is not, "see" for what a person has to judge, and
# "--" for what was not looked at.
set -euo pipefail

stack=${1-${STACK-}}
output() {
  aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}
if [ -n "$stack" ]; then
  API_URL=${API_URL-$(output ApiUrl)}
  export LICENSES_TABLE=${LICENSES_TABLE-$(output LicensesTable)}
  export VERIFICATIONS_TABLE=${VERIFICATIONS_TABLE-$(output VerificationsTable)}
  export MASTER_KEY_SECRET_ID=${MASTER_KEY_SECRET_ID-$(output MasterKeySecret)}
fi
: "${API_URL:?the output ApiUrl}" "${LICENSES_TABLE:?the output of that name}"
: "${VERIFICATIONS_TABLE:?the output of that name}" "${MASTER_KEY_SECRET_ID:?the output MasterKeySecret}"
FALCONER=${FALCONER:-falconer}
# Each endpoint counts ten a minute from one address. This stays below it.
ROUNDS=6

passed=0
license_id=
folder=$(mktemp -d)

remove_everything() {
  if [ -n "$license_id" ]; then
    # Rows of verdicts are written after their answers.
    sleep 2
    local value="{\":id\":{\"S\":\"$license_id\"}}"
    aws dynamodb query --table-name "$VERIFICATIONS_TABLE" --consistent-read --key-condition-expression 'license_id = :id' \
      --expression-attribute-values "$value" --query 'Items[].at.S' --output text | tr '\t' '\n' |
      while read -r at; do
        [ -n "$at" ] && aws dynamodb delete-item --table-name "$VERIFICATIONS_TABLE" \
          --key "{\"license_id\":{\"S\":\"$license_id\"},\"at\":{\"S\":\"$at\"}}"
      done
    aws dynamodb delete-item --table-name "$LICENSES_TABLE" --key "{\"license_id\":{\"S\":\"$license_id\"}}"
    echo "removed $license_id and its audit rows"
  fi
  rm -rf "$folder"
}
trap remove_everything EXIT

# ask METHOD PATH [BODY]: sets status, answer and seconds.
ask() {
  local method=$1 path=$2 body=${3-} said
  if [ -n "$body" ]; then
    # By standard input: arguments are there for every user of this machine to read.
    said=$(printf %s "$body" | curl -sS -X "$method" "$API_URL$path" -H 'content-type: application/json' --data-binary @- \
      -o "$folder/answer" -w '%{http_code} %{time_starttransfer}')
  else
    said=$(curl -sS -X "$method" "$API_URL$path" -o "$folder/answer" -w '%{http_code} %{time_starttransfer}')
  fi
  status=${said% *} seconds=${said#* } answer=$(cat "$folder/answer")
}

# expect NAME STATUS TEXT: what was asked last must have this status, and this text in its body.
expect() {
  local name=$1 wanted=$2 text=$3
  if [ "$status" != "$wanted" ] || [[ $answer != *"$text"* ]]; then
    echo "FAILED  $name: answered $status, wanted $wanted and $text" >&2
    exit 1
  fi
  passed=$((passed + 1))
  echo "ok      $name"
}

# look NAME WANTED FOUND: two texts must be the same.
look() {
  local name=$1 wanted=$2 found=$3
  if [ "$found" != "$wanted" ]; then
    echo "FAILED  $name: found $found, wanted $wanted" >&2
    exit 1
  fi
  passed=$((passed + 1))
  echo "ok      $name"
}

median() { sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }

ask GET /api/health
expect "health" 200 '"status":"ok"'
ask GET /api/health/ready
expect "ready: the key ring and DynamoDB answer" 200 '"status":"ok"'
ask GET /api/keys
expect "the public keys" 200 '"crv":"Ed25519"'
head=$(curl -sS --head -o /dev/null -w '%{http_code}' "$API_URL/api/health")
status=$head answer=
expect "health, asked with HEAD as monitors do" 200 ''
if [ -n "${ALLOWED_ORIGIN-}" ]; then
  # A page of this origin may call, if the browser is told so before.
  answer=$(curl -sS -X OPTIONS "$API_URL/api/verify" -H "origin: $ALLOWED_ORIGIN" -H 'access-control-request-method: POST' \
    -H 'access-control-request-headers: content-type' -o /dev/null -D -)
  status=$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' <<<"$answer")
  answer=${answer,,}
  expect "pages of $ALLOWED_ORIGIN may call" 204 'access-control-allow-origin:'
else
  echo "--      pages: set ALLOWED_ORIGIN to an origin that AllowedOrigins lists, to see whether its pages may call"
fi
ask GET /api/verify
expect "no route for another method" 404 ''
ask POST /api/verify 'no json'
expect "a body that is no JSON" 400 '"code":"MALFORMED_JSON"'
ask POST /api/verify '{"license":"QF-PRO-00000-00000-00000-00000-00000-00000"}'
expect "a key that nobody issued" 401 '"code":"INVALID_SIGNATURE"'

issued=$("$FALCONER" issue --json --tier pro --days 1 --user smoke-test)
key=$(sed -n 's/.*"licenseKey": *"\([^"]*\)".*/\1/p' <<<"$issued")
license_id=$(sed -n 's/.*"licenseId": *"\([^"]*\)".*/\1/p' <<<"$issued")
if [ -z "$key" ] || [ -z "$license_id" ]; then
  echo "FAILED  issue printed no licenseKey or no licenseId" >&2
  exit 1
fi
passed=$((passed + 1))
echo "ok      a license is issued: $license_id"

here="{\"license\":\"$key\",\"hardware\":{\"mac\":\"smoke-test-mac-1\",\"board\":\"smoke-test-board-1\"}}"
there="{\"license\":\"$key\",\"hardware\":{\"mac\":\"smoke-test-mac-2\",\"board\":\"smoke-test-board-2\"}}"
ask POST /api/verify "{\"license\":\"$key\"}"
expect "its key is valid, with a lease" 200 '"lease":"eyJ'
ask POST /api/activate-sync "$here"
expect "a device is bound" 200 '"code":"ACTIVATED"'
ask POST /api/verify "$there"
expect "another one is not" 401 '"code":"HARDWARE_MISMATCH"'

# Both read the license, count the caller and sign. Only verify has an audit row written, after its answer.
for _ in $(seq "$ROUNDS"); do
  ask POST /api/verify "$here"
  echo "$seconds" >>"$folder/verify"
  ask POST /api/activate-sync "$here"
  echo "$seconds" >>"$folder/refresh"
done
expect "the device stays bound" 200 '"code":"REFRESHED"'
echo "see     seconds to the first byte, median of $ROUNDS: verify with an audit row $(median <"$folder/verify"),"
echo "        refresh without one $(median <"$folder/refresh"). If verify takes longer by a write, read docs/adr/0004."

ask POST /api/transfer "$there"
expect "the seat moves" 200 '"code":"TRANSFERRED"'
ask POST /api/deactivate "$there"
expect "the seat is freed" 200 '"code":"DEACTIVATED"'
"$FALCONER" revoke "$license_id" --yes --reason smoke-test >/dev/null
ask POST /api/verify "{\"license\":\"$key\"}"
expect "a revoked license is refused" 401 '"code":"REVOKED"'

# ------------------------------------------------------------------ what the account itself says

looks_at_tables() {
  local table
  for table in "$LICENSES_TABLE" "$VERIFICATIONS_TABLE"; do
    look "nobody deletes $table by mistake" True \
      "$(aws dynamodb describe-table --table-name "$table" --query Table.DeletionProtectionEnabled --output text)"
    look "$table can be restored to any second of 35 days" ENABLED "$(aws dynamodb describe-continuous-backups \
      --table-name "$table" --output text \
      --query ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus)"
  done
  look "audit rows of verdicts end by themselves" ENABLED "$(aws dynamodb describe-time-to-live \
    --table-name "$VERIFICATIONS_TABLE" --query TimeToLiveDescription.TimeToLiveStatus --output text)"
}

# may FUNCTION-OUTPUT ACTION TABLE KEY: IAM's own answer.
may() {
  local role table
  role=$(aws lambda get-function-configuration --function-name "$(output "$1")" --query Role --output text)
  table=$(aws dynamodb describe-table --table-name "$3" --query Table.TableArn --output text)
  aws iam simulate-principal-policy --policy-source-arn "$role" --action-names "dynamodb:$2" --resource-arns "$table" \
    --context-entries "ContextKeyName=dynamodb:LeadingKeys,ContextKeyValues=$4,ContextKeyType=stringList" \
    --query 'EvaluationResults[0].EvalDecision' --output text
}

looks_at_roles() {
  look "activate-sync may put a license" allowed "$(may ActivateSyncFunction PutItem "$LICENSES_TABLE" "$license_id")"
  look "and no catalog" implicitDeny "$(may ActivateSyncFunction PutItem "$LICENSES_TABLE" 'catalog#QF')"
  look "verify may put no license" implicitDeny "$(may VerifyFunction PutItem "$LICENSES_TABLE" "$license_id")"
  look "verify may put an audit row of a license" allowed "$(may VerifyFunction PutItem "$VERIFICATIONS_TABLE" "$license_id")"
  look "and none of a catalog" implicitDeny "$(may VerifyFunction PutItem "$VERIFICATIONS_TABLE" 'catalog#QF')"
  look "health may read no license" implicitDeny "$(may HealthFunction GetItem "$LICENSES_TABLE" "$license_id")"
}

looks_at_logs() {
  local group line
  group=$(aws lambda get-function-configuration --function-name "$(output VerifyFunction)" \
    --query LoggingConfig.LogGroup --output text)
  # Lines are there seconds after their requests.
  for _ in $(seq 10); do
    line=$(aws logs filter-log-events --log-group-name "$group" --filter-pattern "\"$license_id\"" \
      --query 'events[0].message' --output text)
    [[ $line == *"$license_id"* ]] && break
    sleep 3
  done
  status=200 answer=$line
  expect "verify's log has the line of a request" 200 '"outcome.code":"'
  if [[ $line == *'"timestamp":'* ]]; then
    echo "see     Lambda has added a timestamp to the line: docs/costs.md counts it"
  else
    echo "see     Lambda has added no timestamp to the line: docs/costs.md has the difference"
  fi
}

looks_at_metrics() {
  local begun=$SECONDS
  if [ "${METRICS_SECONDS:=240}" = 0 ]; then
    echo "--      metrics: METRICS_SECONDS is 0"
    return
  fi
  # Another stack of the account has metrics of the same names.
  until aws cloudwatch list-metrics --namespace Falconer --dimensions "Name=Stack,Value=$stack" \
    --query 'Metrics[].MetricName' --output text | grep -qw VALID; do
    if ((SECONDS - begun > METRICS_SECONDS)); then
      echo "FAILED  CloudWatch makes no metrics of the log lines: no alarm of theirs can ring" >&2
      exit 1
    fi
    sleep 10
  done
  passed=$((passed + 1))
  echo "ok      CloudWatch makes metrics of the log lines"
}

looks_at_versions() {
  local function current versions before
  function=$(output VerifyFunction)
  current=$(aws lambda get-alias --function-name "$function" --name live --query FunctionVersion --output text)
  versions=$(aws lambda list-versions-by-function --function-name "$function" --query 'Versions[].Version' --output text)
  before=$(tr '\t' '\n' <<<"$versions" | grep -vFx -e "\$LATEST" -e "$current" | tail -n 1) || true
  echo "see     verify answers as version $current. Of the versions before, ${before:-none} is there: that is the way back by"
  echo "        alias. Look again after two deployments that change parameters alone."
}

looks_at_alarms() {
  look "no alarm of the stack rings" '[]' \
    "$(aws cloudwatch describe-alarms --alarm-name-prefix "$stack-" --state-value ALARM --query 'MetricAlarms[].AlarmName' --output json)"
}

looks_at_the_throttle() {
  local second refused
  if [ -z "${FLOOD-}" ]; then
    echo "--      the gateway's throttle: set FLOOD=1, and customers may get 429 for some seconds"
    return
  fi
  for second in $(seq 10); do
    # Without a key: each is answered 400 and touches no license.
    curl --no-progress-meter --max-time 10 --parallel --parallel-max 180 -d '{}' -H 'content-type: application/json' \
      -w '%{http_code}\n' -o /dev/null "$API_URL/api/verify?[1-90]" -o /dev/null "$API_URL/api/transfer?[1-90]" \
      >"$folder/flood.$second" 2>"$folder/flood.errors" &
    sleep 1
  done
  wait
  refused=$(cat "$folder"/flood.[0-9]* | grep -c 429) || true
  echo "see     of 1800 requests to two routes, 90 a second each, $refused got 429. Some 600 mean one bucket of 100 a second for"
  echo "        all routes; none means a bucket for each, and the higher bound in docs/costs.md."
}

if [ -n "$stack" ]; then
  looks_at_tables
  looks_at_roles
  looks_at_logs
  looks_at_metrics
  looks_at_versions
  looks_at_alarms
  looks_at_the_throttle
else
  echo "--      tables, roles, logs, metrics, versions, alarms and the throttle: name the stack"
fi

echo "$passed passed, 0 failed"

#!/usr/bin/env bash
# Some fifteen looks at a deployed stack: every endpoint, a license from its making to its end, and whether callers wait
# for the audit. It makes one license that ends tomorrow and removes it with all its rows, also when it fails half-way.
#
#     scripts/smoke-aws.sh
#
# It takes API_URL, LICENSES_TABLE, VERIFICATIONS_TABLE and MASTER_KEY_SECRET_ID, the stack's outputs, from the environment,
# and needs `falconer`, `aws` and `curl`. With ALLOWED_ORIGIN it also looks whether pages of that origin may call. Run it from an address whose limit of ten requests a minute nobody else uses.
set -euo pipefail

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
echo "        seconds to the first byte, median of $ROUNDS: verify with an audit row $(median <"$folder/verify"),"
echo "        refresh without one $(median <"$folder/refresh"). If verify takes longer by a write, read docs/adr/0004."

ask POST /api/transfer "$there"
expect "the seat moves" 200 '"code":"TRANSFERRED"'
ask POST /api/deactivate "$there"
expect "the seat is freed" 200 '"code":"DEACTIVATED"'
"$FALCONER" revoke "$license_id" --yes --reason smoke-test >/dev/null
ask POST /api/verify "{\"license\":\"$key\"}"
expect "a revoked license is refused" 401 '"code":"REVOKED"'

echo "$passed passed, 0 failed"

#!/bin/sh
# A license without a network, by three kinds of file: request, answer, receipt.
#
#   LICENSE_KEY  key of a license whose policy has air_gap_days
#   KEYS         public keys that the application is built with (answer of /api/keys) [default: falconer-keys.json]
#   FALCONER     the operator's program with its flags [default: falconer --local]
#
# The working folder is the USB stick.
set -eu
: "${LICENSE_KEY:?set LICENSE_KEY to a license key}"
KEYS=${KEYS:-falconer-keys.json}
FALCONER=${FALCONER:-falconer --local}

# The machine without a network. An application calls the library instead; the address is never asked.
machine() {
    headless --product QF --server https://licenses.example.com --keys "$KEYS" --store machine.db \
        --device-name "Press 4" --allow-machine-id-override "$@"
}

# The vendor's office.
operator() {
    $FALCONER --yes "$@"
}

state() {
    machine status | grep -o '"state":"[A-Za-z]*"'
}

echo "1. The machine asks."
machine request-file "$LICENSE_KEY" --out falconer-request.txt >/dev/null
echo "2. The vendor answers."
operator activate-offline falconer-request.txt --out falconer-answer.txt
echo "3. The machine works."
machine import-file falconer-answer.txt >/dev/null
state

echo "4. A year later it asks for a later end, and gets one."
machine request-file --out falconer-request.txt >/dev/null
operator activate-offline falconer-request.txt --out falconer-answer.txt
machine import-file falconer-answer.txt >/dev/null
state

echo "5. The machine gives its seat back, and the vendor takes the receipt."
machine receipt-file --out falconer-receipt.txt >/dev/null
state
operator accept-receipt falconer-receipt.txt --trust-receipt

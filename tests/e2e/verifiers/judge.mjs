// Asks the verifiers of examples/verifiers/typescript, which are compiled beside this file. See judge.py.

import { readFileSync } from "node:fs";
import { followEndorsements } from "./follow-endorsements.js";
import { verifyLease } from "./verify-lease.js";

async function judged(given) {
  try {
    const keys = given.pinned ? await followEndorsements(given.pinned, given.keys) : given.keys;
    await verifyLease(given.lease, keys, given.product, given.license_id, given.nonce, given.issuer);
  } catch (why) {
    return `${why.code ?? why.name}: ${why.message}`;
  }
  return "yes";
}

const told = {};
for (const given of JSON.parse(readFileSync(0, "utf8"))) told[given.name] = await judged(given);
console.log(JSON.stringify(told));

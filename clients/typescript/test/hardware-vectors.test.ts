import { describe, expect, test } from "vitest";
import { canBind, componentsOf, keyed, matches, stated } from "../src/node/hardware/components.js";
import { readKey } from "../src/node/key.js";
import { claimed } from "./vectors/vectors.js";

describe("profile hardware", () => {
  test.each(claimed("hardware"))("$id", ({ given, expect: expected }) => {
    const sent = keyed(readKey(given.license_key)?.canonical ?? "", componentsOf(given.shows));
    const hw = stated(sent);
    const seen: Record<string, unknown> = { sent, hw, enough: canBind(sent) };
    if (given.lease) seen["counts"] = matches(given.lease.hw, given.lease.hw_threshold, hw);
    expect(seen).toEqual(expected);
  });
});

import { describe, expect, test } from "vitest";
import { concludeState } from "./vectors/installation.js";
import { claimed } from "./vectors/vectors.js";

describe("profile state", () => {
  test.each(claimed("state"))("$id", async ({ given, expect: expected }) => {
    expect(await concludeState(given)).toEqual(withDate(expected));
  });
});

/** A `Date` ends in the year 275760, and a later moment is shown as that one. */
function withDate(expected: any): unknown {
  const { offline_until } = expected;
  return { ...expected, offline_until: offline_until && Math.min(offline_until, 8.64e12) };
}

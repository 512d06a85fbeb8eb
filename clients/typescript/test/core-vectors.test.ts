import { describe, expect, test } from "vitest";
import { concludeLease, concludeTrust } from "./vectors/core.js";
import { claimed } from "./vectors/vectors.js";

describe("profile lease", () => {
  test.each(claimed("lease"))("$id", async ({ given, expect: expected }) => {
    expect(await concludeLease(given)).toEqual(expected);
  });
});

describe("profile trust", () => {
  test.each(claimed("trust"))("$id", async ({ given, expect: expected }) => {
    expect(await concludeTrust(given)).toEqual(expected);
  });
});

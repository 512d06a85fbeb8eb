/** The same vectors in a page on plain `http`, which has no `crypto.subtle`: the bundled verifier judges them. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { concludeLease, concludeTrust } from "./vectors/core.js";
import { claimed } from "./vectors/vectors.js";

beforeAll(() => {
  const { getRandomValues } = crypto;
  vi.stubGlobal("crypto", { getRandomValues: getRandomValues.bind(crypto) });
});
afterAll(() => void vi.unstubAllGlobals());

describe("without Ed25519 of the platform", () => {
  test.each(claimed("lease"))("$id", async ({ given, expect: expected }) => {
    expect(await concludeLease(given)).toEqual(expected);
  });
  test.each(claimed("trust"))("$id", async ({ given, expect: expected }) => {
    expect(await concludeTrust(given)).toEqual(expected);
  });
});

import { describe, expect, test } from "vitest";
import { concludeHardware } from "./vectors/hardware.js";
import { claimed } from "./vectors/vectors.js";

describe("profile hardware", () => {
  test.each(claimed("hardware"))("$id", ({ given, expect: expected }) => {
    expect(concludeHardware(given)).toEqual(expected);
  });
});

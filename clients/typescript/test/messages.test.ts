import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MESSAGES } from "../src/core/messages.js";
import { DEVICE_MESSAGES } from "../src/node/messages.js";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("messages are those of docs/messages.md", () => {
  const page = read("docs/messages.md");
  const rows = (text: string) => [...text.matchAll(/^\| `([a-z_]+)` \| (.*?) \| (.*?) \|$/gm)];
  const documented = Object.fromEntries(
    rows(page).map(([, id, sentence, next]) => [id!, [sentence, next].map((text) => text!.replaceAll("`", ""))]),
  );
  const own: Record<string, unknown> = { ...MESSAGES, ...DEVICE_MESSAGES };
  const known = Object.keys(own).filter((id) => id in documented);
  expect(known.length).toBeGreaterThanOrEqual(57);
  for (const id of known) expect(own[id], id).toEqual(documented[id]);
});

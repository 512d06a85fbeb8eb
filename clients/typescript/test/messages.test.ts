import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MESSAGES } from "../src/core/messages.js";
import { NUMBERS, TEXTS } from "../src/node/hardware/placeholder-table.js";
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

test("values that prove nothing are those of the domain", () => {
  const table = read("shared/falconer-domain/src/placeholders/mod.rs");
  const values = (name: string) => {
    const groups = new RegExp(`const ${name}: &\\[Group\\] = &\\[(.*?)\\n\\];`, "s").exec(table)?.[1] ?? "";
    return [...groups.matchAll(/values: &\[(.*?)\],\s*\}/gs)].flatMap(([, list]) =>
      [...list!.replace(/\/\/.*/g, "").matchAll(/"([^"]*)"/g)].map(([, value]) => value!),
    );
  };
  expect([...TEXTS].sort()).toEqual(values("TEXTS").sort());
  expect([...NUMBERS].sort()).toEqual(values("NUMBERS").sort());
});

/** A master has leaked: the vendor acts, and applications with a root believe it no more, without a release. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFalconer } from "../../src/index.js";
import { newStore, open } from "./control.js";
import { PORTS } from "./ports.js";
import { Stack } from "./stack.js";

const HOUR = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), "falconer-root-"));
const inFolder = (name: string) => join(folder, name);
const ROOT_KEY = ["--key", inFolder("root.key")];
const PASSPHRASE = ["--passphrase-file", inFolder("passphrase.txt")];
let stack: Stack;

beforeAll(async () => {
  stack = await Stack.start(PORTS.drill);
  writeFileSync(inFolder("passphrase.txt"), "six words that nobody would guess", { mode: 0o600 });
  stack.operator("root", "init", "--out", inFolder("root.key"), ...PASSPHRASE);
  stack.operator("root", "sign", ...ROOT_KEY, ...PASSPHRASE);
  stack.operator("root", "pin", ...ROOT_KEY, "--out", inFolder("falconer-keys.json"));
  await stack.restart();
});
afterAll(() => stack.stop());

test("a leak is survived by a device and by a server", async () => {
  const keys = readFileSync(inFolder("falconer-keys.json"), "utf8");
  const settings = { product: "QF", url: stack.url, keys };
  const { licenseKey } = stack.issue("--tier", "pro", "--days", "30");
  const store = newStore();
  let later = 0;
  const clock = () => ({ wallMs: Date.now() + later, monotonicMs: performance.now() + later });
  const device = await open(store, "laptop", settings, { clock });
  expect(await device.activate(licenseKey)).toEqual({ ok: true, state: "ACTIVE" });
  const falconer = createFalconer(settings);
  const before = await falconer.verify(licenseKey);
  if (!before.ok) throw new Error(before.adviceId);
  expect(await falconer.verifyLease(before.lease)).toMatchObject({ tier: "pro" });

  stack.operator("keyring", "add");
  stack.operator("keyring", "promote", "--now");
  stack.operator("keyring", "distrust", "1");
  stack.operator("root", "sign", ...ROOT_KEY, ...PASSPHRASE);
  await stack.restart();

  // The device and the server hear of it with their next look, and go on by the good key.
  later = 21 * HOUR;
  expect(await device.refresh()).toEqual({ ok: true, state: "ACTIVE" });
  expect(JSON.parse(JSON.parse(readFileSync(store, "utf8")).licenses[0].fields.trusted_keys)).toMatchObject({
    former: { 1: expect.any(Number) },
  });
  await device.close();
  expect((await open(store, "laptop", settings, { clock })).status()).toBe("ACTIVE");
  const fresh = createFalconer(settings);
  const after = await fresh.verify(licenseKey);
  expect(after).toMatchObject({ ok: true, license: { tier: "pro" } });
  await expect(fresh.verifyLease(before.lease)).rejects.toMatchObject({ reason: "not_trusted" });
  // Whoever pins no root believes the leaked key until a release.
  const { root, statement, ...without } = JSON.parse(keys);
  expect([root, statement]).toEqual([expect.any(Object), expect.any(String)]);
  expect(await createFalconer({ ...settings, keys: without }).verifyLease(before.lease)).toMatchObject({ tier: "pro" });
});

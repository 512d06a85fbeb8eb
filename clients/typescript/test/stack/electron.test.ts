/** The Electron example's main-process part, in Node against the real functions. Electron's IPC copies by structured clone. */
import { expect, test } from "vitest";
import { openLicense } from "../../examples/electron/license.js";
import type { Outcome, Snapshot, TextOutcome } from "../../src/node.js";
import { issue, newStore, stack } from "./control.js";

test("windows activate, and see a snapshot without the key", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const handlers = new Map<string, (event: unknown, ...words: never[]) => unknown>();
  const invoke = async <T>(channel: string, ...words: unknown[]) =>
    structuredClone(await handlers.get(channel)!(null, ...(words as never[]))) as T;
  const seen: Snapshot[] = [];
  const windows = [
    { webContents: { send: (_channel: string, snapshot: Snapshot) => void seen.push(structuredClone(snapshot)) } },
  ];
  const settings = { url: stack.url, keys: JSON.parse(stack.keys), appId: "com.example.app", store: newStore() };
  const licensing = await openLicense(
    settings,
    { handle: (channel, listener) => void handlers.set(channel, listener) },
    { fetch },
    () => windows,
  );
  expect((await invoke<Snapshot>("license:snapshot")).state).toBe("NOT_ACTIVATED");
  expect(await invoke<Outcome>("license:activate", licenseKey, "Anna Example", "anna@example.com")).toEqual({
    ok: true,
    state: "ACTIVE",
  });
  expect(seen.at(-1)).toMatchObject({
    state: "ACTIVE",
    unlocked: true,
    license: { tier: "pro", expiresAt: expect.any(Date) },
  });
  expect(JSON.stringify(seen)).not.toContain(licenseKey);
  expect(await invoke<Outcome>("license:deactivate")).toMatchObject({ ok: true });
  // The same window has no network.
  const request = await invoke<TextOutcome>("license:request", licenseKey, "Anna Example", "");
  expect(request).toMatchObject({ ok: true, text: { fileName: "falconer-request.txt" } });
  expect(seen.at(-1)).toMatchObject({ state: "NOT_ACTIVATED", pending: { name: "answer" } });
  expect(await invoke<Outcome>("license:import", "a text")).toMatchObject({ ok: false, adviceId: "not_an_answer" });
  expect(await invoke<Outcome>("license:receipt")).toMatchObject({ ok: false, adviceId: "missing_key" });
  await licensing.close();
});

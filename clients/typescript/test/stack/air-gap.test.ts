/** A device without a network, and the operator's answers to its files. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Licensing, TextOutcome } from "../../src/node.js";
import { issue, newStore, open, operator } from "./control.js";

const stick = mkdtempSync(join(tmpdir(), "falconer-stick-"));

/** A device whose every question to a network fails the test. */
function openOffline(store: string, name: string): Promise<Licensing> {
  return open(store, name, { fetch: (url) => Promise.reject(new Error(`${url} was asked`)) });
}

/** Saves a file of the device, and returns its path. */
async function saved(made: Promise<TextOutcome>): Promise<string> {
  const outcome = await made;
  if (!outcome.ok) throw new Error(outcome.adviceId);
  const path = join(stick, outcome.text.fileName);
  writeFileSync(path, outcome.text.file);
  return path;
}

/** The operator's answer to a request. */
async function answered(request: string, ...words: string[]): Promise<string> {
  const answer = join(stick, "falconer-answer.txt");
  await operator("activate-offline", request, "--out", answer, ...words);
  return readFileSync(answer, "utf8");
}

test("a device lives by files alone", async () => {
  const { licenseKey, licenseId } = await issue("--tier", "pro", "--days", "400");
  await operator("set-policy", licenseId, "air_gap_days=90");
  const store = newStore();
  const first = await openOffline(store, "press");
  const answer = await answered(await saved(first.activationRequest(licenseKey, { name: "Anna Example" })));
  expect(await first.importResponse(answer)).toEqual({ ok: true, state: "ACTIVE" });
  await first.close();
  const second = await openOffline(store, "press");
  const { license } = second.snapshot();
  expect(license).toMatchObject({ airGap: true, id: licenseId, tier: "pro" });
  expect(license?.offlineUntil?.getTime()).toBeCloseTo(Date.now() + 90 * 86_400_000, -5);
  expect(second.hasFeature("copy_trading")).toBe(true);
  // The request for a renewal names the license by its id, since the device knows it now.
  const renewal = readFileSync(await saved(second.renewalRequest()), "utf8");
  expect(renewal).toContain(`License: ${licenseId}`);
  expect(await second.importResponse(await answered(join(stick, "falconer-request.txt")))).toMatchObject({ ok: true });
  expect(await second.importResponse(answer)).toMatchObject({ ok: false, adviceId: "no_request" });
  // Another device has to wait for the seat, and gets it by the receipt.
  const other = await openOffline(newStore(), "another");
  const request = await saved(other.activationRequest(licenseKey));
  await expect(answered(request)).rejects.toThrow("SEATS_EXHAUSTED");
  const receipt = await saved(second.deactivateByReceipt());
  expect(second.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", pending: { name: "receipt" } });
  await operator("accept-receipt", receipt, "--trust-receipt");
  const late = await answered(request, "--transfer");
  expect(await (await openOffline(store, "press")).importResponse(late)).toMatchObject({ adviceId: "no_request" });
  expect(await other.importResponse(late)).toEqual({ ok: true, state: "ACTIVE" });
});

test("an answer for one device does nothing on another", async () => {
  const { licenseKey, licenseId } = await issue("--tier", "pro", "--days", "30");
  await operator("set-policy", licenseId, "air_gap_days=90");
  const store = newStore();
  const request = await saved((await openOffline(store, "press")).activationRequest(licenseKey));
  const answer = await answered(request);
  // The file with the waiting request was copied to another machine.
  const copy = newStore();
  writeFileSync(copy, readFileSync(store, "utf8"));
  const thief = await openOffline(copy, "thief");
  expect(await thief.importResponse(answer)).toMatchObject({ ok: false });
  expect(thief.isUnlocked()).toBe(false);
  expect(await (await openOffline(store, "press")).importResponse(answer)).toEqual({ ok: true, state: "ACTIVE" });
});

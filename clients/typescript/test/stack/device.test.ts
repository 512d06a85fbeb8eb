/** An application on a device, against the real functions. */
import { fork } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readThisMachine } from "../../src/node.js";
import { duringOutage, issue, newStore, open, operator, stack } from "./control.js";

test("activates, restarts, goes offline and refreshes", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const store = newStore();
  const first = await open(store, "laptop");
  expect(first.status()).toBe("NOT_ACTIVATED");
  expect(await first.activate(licenseKey, { name: "Anna Example", email: "anna@example.com" })).toEqual({
    ok: true,
    state: "ACTIVE",
  });
  await first.close();
  const second = await duringOutage(async () => {
    const opened = await open(store, "laptop");
    expect(opened.isUnlocked()).toBe(true);
    expect(await opened.refresh()).toMatchObject({ ok: false, kind: "offline", adviceId: "connect" });
    expect(opened.isUnlocked()).toBe(true);
    return opened;
  });
  expect(await second.refresh()).toEqual({ ok: true, state: "ACTIVE" });
  expect(second.hasFeature("copy_trading")).toBe(true);
  expect(second.hasFeature("white_label")).toBe(false);
  const snapshot = second.snapshot();
  expect(snapshot.license).toMatchObject({ tier: "pro", maskedKey: expect.stringMatching(/^QF-PRO-…-.{5}$/) });
  expect(JSON.stringify(snapshot)).not.toContain(licenseKey);
  await second.close();
});

test("an activation without a server waits, and a refresh sends it", async () => {
  const { licenseKey } = await issue("--tier", "free", "--days", "30");
  const store = newStore();
  const waiting = await duringOutage(async () => {
    const opened = await open(store, "desktop");
    expect(await opened.activate(licenseKey)).toMatchObject({ ok: false, waits: true, kind: "offline" });
    expect(opened.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", pending: { name: "activate" } });
    await opened.close();
    return open(store, "desktop");
  });
  expect(await waiting.refresh()).toEqual({ ok: true, state: "ACTIVE" });
  expect(waiting.snapshot().pending).toBeNull();
});

test("a signed refusal locks, also after a restart, until the license is good again", async () => {
  const { licenseKey, licenseId } = await issue("--tier", "pro", "--days", "30");
  const store = newStore();
  const licensing = await open(store, "laptop");
  await licensing.activate(licenseKey);
  await operator("suspend", licenseId);
  expect(await licensing.refresh()).toEqual({ ok: true, state: "LOCKED" });
  await licensing.close();
  const locked = await open(store, "laptop");
  expect(locked.snapshot()).toMatchObject({
    state: "LOCKED",
    unlocked: false,
    lockCode: "SUSPENDED",
    features: [],
    message: { id: "suspended" },
  });
  await operator("reinstate", licenseId);
  expect(await locked.refresh()).toEqual({ ok: true, state: "ACTIVE" });
});

test("a seat moves to another device, and the first one locks", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30", "--email", "anna@example.com");
  const [laptop, desktop] = [await open(newStore(), "laptop"), await open(newStore(), "desktop")];
  await laptop.activate(licenseKey);
  const refused = await desktop.activate(licenseKey, { email: "anna@example.com" });
  expect(refused).toMatchObject({
    ok: false,
    kind: "refused",
    code: "SEATS_EXHAUSTED",
    waits: false,
    holders: [{ name: expect.stringContaining("computer") }],
  });
  expect(desktop.isUnlocked()).toBe(false);
  expect(await desktop.transfer(licenseKey, { email: "anna@example.com" })).toEqual({ ok: true, state: "ACTIVE" });
  await laptop.refresh();
  expect(laptop.snapshot()).toMatchObject({ state: "LOCKED", lockCode: "HARDWARE_MISMATCH" });
});

test("a deactivation frees the seat, and an outage makes it wait", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const [laptop, desktop] = [await open(newStore(), "laptop"), await open(newStore(), "desktop")];
  await laptop.activate(licenseKey);
  await duringOutage(async () => {
    expect(await laptop.deactivate()).toMatchObject({ ok: false, waits: true });
    expect(laptop.isUnlocked()).toBe(true);
  });
  await laptop.refresh();
  expect(laptop.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", license: null });
  expect(await desktop.activate(licenseKey)).toEqual({ ok: true, state: "ACTIVE" });
});

test("a refused key replaces nothing", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const { licenseKey: other, licenseId } = await issue("--tier", "elite", "--days", "30");
  await operator("revoke", "--reason", "test", licenseId);
  const licensing = await open(newStore(), "laptop");
  await licensing.activate(licenseKey);
  expect(await licensing.activate(other)).toMatchObject({ ok: false, code: "REVOKED" });
  expect(await licensing.activate(licenseKey.replace(/.$/, (last) => (last === "0" ? "1" : "0")))).toMatchObject({
    code: "INVALID_SIGNATURE",
  });
  expect(await licensing.activate("?")).toMatchObject({ kind: "input", adviceId: "invalid_key" });
  expect(licensing.snapshot()).toMatchObject({ state: "ACTIVE", license: { tier: "pro" } });
});

test("one license of a product is not another's", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const licensing = await open(newStore(), "laptop", { product: "XY" });
  expect(await licensing.activate(licenseKey)).toMatchObject({ ok: false, adviceId: "other_product", waits: false });
  expect(licensing.isUnlocked()).toBe(false);
});

test("this machine can be bound", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const licensing = await open(newStore(), "", { hardware: readThisMachine });
  expect(await licensing.activate(licenseKey)).toEqual({ ok: true, state: "ACTIVE" });
});

test("the refresher checks when it is due, and ends when it is stopped", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  let asked = 0;
  const counted = (url: string, init: RequestInit) => ((asked += 1), fetch(url, init));
  let passed = 0;
  const clock = () => ({ wallMs: Date.now() + passed, monotonicMs: performance.now() + passed });
  const licensing = await open(newStore(), "laptop", { fetch: counted }, { clock });
  await licensing.activate(licenseKey);
  const refresher = licensing.startRefresher();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([asked, licensing.status()]).toEqual([1, "ACTIVE"]);
  await refresher.stop();
  passed = 25 * 3_600_000;
  expect(licensing.status()).toBe("REFRESH_DUE");
  const again = await open(newStore(), "laptop", { fetch: counted }, { clock });
  await again.activate(licenseKey);
  passed = 50 * 3_600_000;
  const late = again.startRefresher();
  await expect.poll(() => again.status(), { timeout: 10_000 }).toBe("ACTIVE");
  await late.stop();
  await licensing.close();
});

test("a cancelled activation gives its seat back", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const cancel = new AbortController();
  // The request arrives, and its answer does not.
  const lossy = async (url: string, init: RequestInit) => {
    const answer = await fetch(url, init);
    if (url.endsWith("/api/activate-sync")) cancel.abort();
    return answer;
  };
  const laptop = await open(newStore(), "laptop", { fetch: lossy });
  const outcome = await laptop.activate(licenseKey, {}, { signal: cancel.signal });
  expect(outcome).toMatchObject({ ok: false, waits: false, adviceId: "cancelled" });
  expect(laptop.snapshot().pending?.name).toBe("release_seat");
  const desktop = await open(newStore(), "desktop");
  expect(await desktop.activate(licenseKey)).toMatchObject({ code: "SEATS_EXHAUSTED" });
  expect(await laptop.refresh()).toMatchObject({ ok: true });
  expect(laptop.snapshot().pending).toBeNull();
  expect(await desktop.activate(licenseKey)).toEqual({ ok: true, state: "ACTIVE" });
});

test("a copied file counts on no other machine", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const [store, copy] = [newStore(), newStore()];
  const licensing = await open(store, "laptop");
  await licensing.activate(licenseKey);
  writeFileSync(copy, readFileSync(store));
  const thief = await open(copy, "thief");
  expect(thief.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", unlocked: false, features: [] });
});

test("a hundred calls at once count in their order", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const licensing = await open(newStore(), "laptop");
  await licensing.activate(licenseKey);
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => licensing.refresh()));
  expect(outcomes.filter((outcome) => !outcome.ok)).toEqual([]);
});

test("two programs share one license", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const store = newStore();
  const programs = await Promise.all([open(store, "laptop"), open(store, "laptop")]);
  await programs[0]!.activate(licenseKey);
  const outcomes = await Promise.all(Array.from({ length: 40 }, (_, number) => programs[number % 2]!.refresh()));
  // An answer that the other program's later one overtook does nothing.
  const failures = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.adviceId]));
  expect(failures.filter((id) => id !== "not_for_this_request")).toEqual([]);
  expect(programs.map((program) => program.status())).toEqual(["ACTIVE", "ACTIVE"]);
  expect(JSON.parse(readFileSync(store, "utf8")).licenses).toHaveLength(1);
});

test("a program killed while it writes loses no license", { timeout: 120_000 }, async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const store = newStore();
  await (await open(store, "laptop")).activate(licenseKey);
  let kills = 0;
  for (let delay = 0; delay < 40; delay += 4) {
    await killed(store, delay);
    kills += 1;
    const opened = await open(store, "laptop");
    expect(opened.snapshot(), `after kill ${kills}`).toMatchObject({ state: "ACTIVE", notice: null });
    expect(await opened.refresh(), `after kill ${kills}`).toEqual({ ok: true, state: "ACTIVE" });
  }
  expect(existsSync(`${store}.damaged-1`)).toBe(false);
});

/** Starts a program that writes the license again and again, and kills it some milliseconds after its first write. */
async function killed(store: string, delay: number): Promise<void> {
  const child = fork(new URL("writer.js", import.meta.url), [store, stack.url], {
    env: { ...process.env, KEYS: stack.keys },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await new Promise((resolve) => child.once("message", resolve));
  await new Promise((resolve) => setTimeout(resolve, delay));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
}

/** The license of a page: reload, outage, refusal, storage that lies. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createFalconer } from "../src/index.js";
import { type LicenseSession, createSession } from "../src/page/session.js";
import { Liar, type Signer, claims, endorse, newSigner, no, signed, yes } from "./liar.js";

let [liar, signer] = [null as unknown as Liar, null as unknown as Signer];
let stored: Map<string, string>;

beforeEach(async () => {
  [liar, signer, stored] = [await Liar.start(), newSigner("1"), new Map()];
});
afterEach(() => {
  vi.useRealTimers();
  liar.stop();
});

const storage = {
  getItem: (name: string) => stored.get(name) ?? null,
  setItem: (name: string, text: string) => void stored.set(name, text),
  removeItem: (name: string) => void stored.delete(name),
};

/** A visit of the page: everything in memory is new. */
async function visit(options: object = {}): Promise<LicenseSession> {
  const falconer = createFalconer({ product: "QF", url: liar.url, keys: { keys: [signer.jwk] }, timeoutMs: 300 });
  const session = createSession(falconer, { storage, ...options });
  expect(session.snapshot()).toMatchObject({ state: "CHECKING", unlocked: false });
  await session.start();
  return session;
}

const saysYes = () => (liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce) }));
const saysNo = (code: string) => (liar.answer = (_, { nonce }) => ({ status: 401, body: no(signer, nonce, code) }));
const saysNothing = () => (liar.answer = () => null);

test("activates, and a reload in an outage goes on", async () => {
  saysYes();
  const first = await visit();
  expect(first.snapshot().state).toBe("NOT_ACTIVATED");
  await first.activate("K");
  expect(first.snapshot()).toMatchObject({ state: "ACTIVE", unlocked: true, license: { tier: "pro" }, advice: null });
  saysNothing();
  const second = await visit();
  expect(second.snapshot()).toMatchObject({ state: "GRACE", unlocked: true, advice: { id: "unreachable" } });
});

test("nothing but time and a signed refusal ends it", async () => {
  saysYes();
  const session = await visit({ graceSeconds: 600 });
  await session.activate("K");
  liar.answer = () => ({ status: 401, body: { valid: false, code: "REVOKED" } });
  await session.refresh();
  expect(session.snapshot()).toMatchObject({ state: "GRACE", unlocked: true });
  saysNo("NOT_FOUND");
  await session.refresh();
  expect(session.snapshot()).toMatchObject({ unlocked: true, advice: { id: "not_found" } });
  saysNothing();
  vi.useFakeTimers({ now: Date.now() + 599_000, toFake: ["Date"] });
  expect((await visit({ graceSeconds: 600 })).snapshot()).toMatchObject({ state: "GRACE", unlocked: true });
  vi.setSystemTime(Date.now() + 2_000);
  expect((await visit({ graceSeconds: 600 })).snapshot()).toMatchObject({
    state: "LOCKED",
    unlocked: false,
    lockCode: "LEASE_EXPIRED",
  });
});

test("a signed refusal locks, and a reload in an outage stays locked", async () => {
  saysYes();
  const first = await visit();
  await first.activate("K");
  saysNo("REVOKED");
  await first.refresh();
  expect(first.snapshot()).toMatchObject({
    state: "LOCKED",
    unlocked: false,
    lockCode: "REVOKED",
    license: null,
    advice: { id: "revoked" },
  });
  saysNothing();
  expect((await visit()).snapshot()).toMatchObject({ state: "LOCKED", lockCode: "REVOKED" });
  saysYes();
  expect((await visit()).snapshot()).toMatchObject({ state: "ACTIVE", unlocked: true });
});

test("a refused key replaces nothing", async () => {
  saysYes();
  const session = await visit();
  await session.activate("K");
  liar.answer = (_, { nonce }) => ({ status: 401, body: no(signer, nonce, "REVOKED", { sub: "lic_other" }) });
  expect(await session.activate("another")).toMatchObject({ ok: false, code: "REVOKED" });
  expect(session.snapshot()).toMatchObject({ unlocked: true, advice: { id: "revoked" } });
});

test("a late answer does not replace a later one", async () => {
  const at = Math.floor(Date.now() / 1_000);
  liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce, { tier: "elite" }) });
  const session = await visit();
  await session.activate("K");
  liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce, { at: at - 100 }) });
  await session.activate("K");
  expect(session.snapshot().license?.tier).toBe("elite");
});

test("a storage that somebody wrote into unlocks nothing", async () => {
  saysNothing();
  const forged = signed(newSigner("1"), claims("n", { exp: 9_999_999_999 }));
  for (const text of ["no JSON", JSON.stringify({ key: "K", answer: forged, answeredAt: Date.now() })]) {
    stored.set("falconer/QF", text);
    expect((await visit()).snapshot()).toMatchObject({ state: "NOT_ACTIVATED", unlocked: false });
  }
});

test("a page without storage works for the visit", async () => {
  saysYes();
  const blocked = {
    getItem: () => {
      throw new Error("blocked");
    },
    setItem: () => {
      throw new Error("blocked");
    },
    removeItem: () => {
      throw new Error("blocked");
    },
  };
  for (const place of [blocked, null]) {
    const session = await visit({ storage: place });
    await session.activate("K");
    expect(session.snapshot().unlocked).toBe(true);
    session.forget();
    expect(session.snapshot().unlocked).toBe(false);
  }
});

test("an answer under an endorsed key counts after a reload", async () => {
  const next = newSigner("2");
  endorse(signer, next);
  liar.answer = (path, body) =>
    path === "/api/keys" ? { body: { keys: [signer.jwk, next.jwk] } } : { body: yes(next, body.nonce) };
  await (await visit()).activate("K");
  saysNothing();
  expect((await visit()).snapshot()).toMatchObject({ unlocked: true });
});

test("forgetting leaves nothing behind", async () => {
  saysYes();
  const session = await visit();
  await session.activate("K");
  session.forget();
  expect([...stored]).toEqual([]);
});

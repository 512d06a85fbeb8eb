/** Trust by the statements of a root, which ends the trust in a leaked key without a release. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { sealedPart } from "../src/core/stored-trust.js";
import { SettingError, createFalconer } from "../src/index.js";
import { Licensing, MemoryStore, type Store, StoreError, type World } from "../src/node.js";
import { type Components, componentsOf, stated as statedHardware } from "../src/node/hardware/components.js";
import { createSession } from "../src/page/session.js";
import { Liar, type Signer, claims, endorse, newSigner, signed, stated, yes } from "./liar.js";

let [liar, root, leaked, good] = [null as unknown as Liar, newSigner("root"), newSigner("1"), newSigner("2")];
/** Answer of `/api/keys`. */
let list: object;
/** Signer of leases. */
let signer: Signer;

beforeEach(async () => {
  [liar, root, leaked, good] = [await Liar.start(), newSigner("root"), newSigner("1"), newSigner("2")];
  [signer, list] = [leaked, { keys: [leaked.jwk], statement: stated(root, 1, [leaked]) }];
  liar.answer = (path, body) => (path === "/api/keys" ? { body: list } : { body: yes(signer, body.nonce) });
});
afterEach(() => {
  vi.useRealTimers();
  liar.stop();
});

/** The vendor promotes the next key, distrusts the leaked one, and signs. */
function distrust(): void {
  [signer, list] = [good, { keys: [good.jwk], statement: stated(root, 2, [good], ["1"]) }];
}

const pinned = (more: object = {}) => ({
  keys: [leaked.jwk],
  root: { kty: "OKP", crv: "Ed25519", x: root.jwk.x },
  ...more,
});
const client = (keys: any = pinned()) => createFalconer({ product: "QF", url: liar.url, keys, timeoutMs: 500 });
const paths = () => liar.asked.map(({ path }) => path);

describe("the core", () => {
  test("looks before its question, once for all questions of a day", async () => {
    const falconer = client();
    await Promise.all(Array.from({ length: 100 }, (_, number) => falconer.verify(`K${number}`)));
    await falconer.verify("K");
    expect(paths().filter((path) => path === "/api/keys")).toHaveLength(1);
    expect(paths()[0]).toBe("/api/keys");
    vi.useFakeTimers({ now: Date.now() + 21 * 3_600_000, toFake: ["Date"] });
    distrust();
    liar.asked.length = 0;
    expect(await falconer.verify("K")).toMatchObject({ ok: true });
    expect(paths()).toEqual(["/api/keys", "/api/verify"]);
  });

  test("believes a leaked key no more once it has heard", async () => {
    const falconer = client();
    expect(await falconer.verify("K")).toMatchObject({ ok: true });
    const [lease, rogue] = [signed(leaked, claims("n")), newSigner("9")];
    expect(await falconer.verifyLease(lease)).toMatchObject({ id: "lic_1" });
    distrust();
    endorse(leaked, rogue);
    await falconer.importKeys(JSON.stringify(list));
    await falconer.importKeys(JSON.stringify({ keys: [leaked.jwk, rogue.jwk], statement: stated(root, 1, [leaked]) }));
    for (const jws of [lease, signed(rogue, claims("n"))])
      await expect(falconer.verifyLease(jws)).rejects.toMatchObject({ reason: "not_trusted" });
    signer = leaked;
    expect(await falconer.verify("K")).toMatchObject({ kind: "unanswered", adviceId: "untrusted_signature" });
    // A later run that is handed what this one knew, and a build that has the statement.
    for (const restarted of [client(), client(pinned({ statement: stated(root, 2, [good], ["1"]) }))]) {
      await restarted.importKeys((await falconer.exportKeys())!);
      await expect(restarted.verifyLease(lease)).rejects.toMatchObject({ reason: "not_trusted" });
    }
  });

  test("gives a leaked key no more time with what a later run has heard", async () => {
    const runs = [client(), client()];
    distrust();
    await runs[0]!.verify("K");
    const begun = Math.floor(Date.now() / 1_000);
    vi.useFakeTimers({ now: Date.now() + 3_600_000, toFake: ["Date"] });
    await runs[1]!.verify("K");
    const [first, second] = await Promise.all(runs.map((run) => run.exportKeys()));
    for (const [run, other] of [
      [runs[0], second],
      [runs[1], first],
    ] as const) {
      await run!.importKeys(other!);
      expect(JSON.parse((await run!.exportKeys())!).former[1]).toBeLessThanOrEqual(begun);
    }
  });

  test("asks on without a statement, and nothing is refused for it", async () => {
    for (const told of [{ body: { keys: [leaked.jwk] } }, { status: 503 }, null]) {
      liar.answer = (path, body) => (path === "/api/keys" ? told : { body: yes(signer, body.nonce) });
      const falconer = client();
      expect(await falconer.verify("K")).toMatchObject({ ok: true });
      liar.asked.length = 0;
      expect(await falconer.verify("K")).toMatchObject({ ok: true });
      expect(paths()).toEqual(["/api/keys", "/api/verify"]);
    }
  });

  test("names a root and a statement that are wrong", async () => {
    for (const wrong of ["text", [], { kty: "OKP", crv: "Ed25519", x: "AAAA" }, { kty: "EC", crv: "P-256" }])
      expect(() => client(pinned({ root: wrong }))).toThrow(expect.objectContaining({ setting: "keys" }));
    const falconer = client(pinned({ statement: stated(newSigner("other"), 1, [leaked]) }));
    await expect(falconer.verify("K")).rejects.toThrow(SettingError);
    await expect(falconer.verifyLease("a.b.c")).rejects.toThrow(SettingError);
    expect(liar.asked).toEqual([]);
  });
});

describe("a page", () => {
  const stored = new Map<string, string>();
  beforeEach(() => stored.clear());
  const storage = {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, text: string) => void stored.set(name, text),
    removeItem: (name: string) => void stored.delete(name),
  };
  const visit = async () => {
    const session = createSession(client(), { storage, graceSeconds: 600 });
    await session.start();
    return session;
  };

  test("works on with a stored answer of a leaked key, and not for ever", async () => {
    // A forged answer claims to be of a day to come.
    const at = Math.floor(Date.now() / 1_000) + 9_000_000;
    const answer = signed(leaked, claims("n", { at, exp: at + 300 }));
    stored.set("falconer/QF", JSON.stringify({ key: "K", answer, answeredAt: Date.now(), keys: null }));
    // The list arrives, and the server's answer does not.
    distrust();
    liar.answer = (path) => (path === "/api/keys" ? { body: list } : null);
    vi.useFakeTimers({ now: Date.now() + 500_000, toFake: ["Date"] });
    const session = await visit();
    expect(session.snapshot()).toMatchObject({ state: "GRACE", unlocked: true });
    liar.answer = (path, body) => (path === "/api/keys" ? { body: list } : { body: yes(good, body.nonce) });
    expect(await session.refresh()).toMatchObject({ ok: true });
    expect(session.snapshot()).toMatchObject({ state: "ACTIVE" });
  });

  test("believes no answer of a leaked key that somebody stores later", async () => {
    distrust();
    await (await visit()).activate("K");
    const keys = JSON.parse(stored.get("falconer/QF")!).keys;
    liar.answer = () => null;
    const at = Math.floor(Date.now() / 1_000) + 9_000_000;
    const answer = signed(leaked, claims("n", { at, exp: at + 300 }));
    stored.set("falconer/QF", JSON.stringify({ key: "K", answer, answeredAt: Date.now() + 700_000, keys }));
    vi.useFakeTimers({ now: Date.now() + 700_000, toFake: ["Date"] });
    expect((await visit()).snapshot()).toMatchObject({ state: "LOCKED", lockCode: "LEASE_EXPIRED", unlocked: false });
  });
});

describe("a device", () => {
  const HOUR = 3_600_000;
  let later = 0;
  beforeEach(() => {
    later = 0;
    liar.answer = (path, body) => {
      if (path === "/api/keys") return { body: list };
      const at = Math.floor((Date.now() + later) / 1_000);
      const term = {
        at,
        device: "dev_1",
        hw: statedHardware(body.hardware as Components),
        hw_threshold: 2,
        interval: 86_400,
        grace: 86_400,
      };
      return { body: yes(signer, body.nonce, { ...term, exp: at + 40 * 86_400, refresh_at: at + 30 * 86_400 }) };
    };
  });

  const newStore = () => join(mkdtempSync(join(tmpdir(), "falconer-root-")), "license.json");
  const open = (store: string | Store, keys: object = pinned()) => {
    const components = componentsOf({ board: "a-board", mac: "54:e1:ad:44:55:66" });
    const hardware = async () => ({ components, platform: "physical", isVirtualMachine: false, guest: null }) as const;
    const world: Partial<World> = {
      clock: () => ({ wallMs: Date.now() + later, monotonicMs: performance.now() + later }),
      pause: async () => {},
    };
    return Licensing.open({ product: "QF", url: liar.url, keys: keys as any, store, hardware }, world);
  };

  test("looks by itself where no check is due for a month", async () => {
    const store = newStore();
    const licensing = await open(store);
    expect(await licensing.activate("QF-PRO-KEY-123456")).toMatchObject({ state: "ACTIVE" });
    distrust();
    liar.asked.length = 0;
    later = 24 * HOUR;
    const early = licensing.startRefresher();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await early.stop();
    expect(paths()).toEqual([]);
    await licensing.close();
    later = 26 * HOUR;
    const again = await open(store);
    again.startRefresher();
    // What it hears makes a check due at once.
    await vi.waitFor(() => expect(paths()).toEqual(["/api/keys", "/api/verify"]), { timeout: 5_000 });
    await again.close();
    expect(again.status()).toBe("ACTIVE");
    expect(readFileSync(store, "utf8")).toContain(stated(root, 2, [good], ["1"]).split(".")[0]);
  });

  test("a statement that could not be stored is not unseen", async () => {
    const store = newStore();
    const licensing = await open(store);
    await licensing.activate("QF-PRO-KEY-123456");
    const before = readFileSync(store, "utf8");
    later = 21 * HOUR;
    distrust();
    mkdirSync(`${store}.busy`);
    liar.answer = (path) => (path === "/api/keys" ? { body: list } : null);
    await licensing.refresh();
    expect(licensing.snapshot()).toMatchObject({ unlocked: true, notice: { id: "store_unavailable" } });
    expect(readFileSync(store, "utf8")).toBe(before);
    // The leaked key's answer is not believed, and the disk hears of the statement with the next write.
    rmSync(`${store}.busy`, { recursive: true });
    signer = leaked;
    liar.answer = (path, body) => (path === "/api/keys" ? { body: list } : { body: yes(leaked, body.nonce) });
    expect(await licensing.refresh()).toMatchObject({ ok: false, adviceId: "untrusted_signature" });
    await licensing.close();
    const kept = JSON.parse(readFileSync(store, "utf8")).licenses[0].fields;
    expect(JSON.parse(kept.trusted_keys)).toMatchObject({ former: { 1: expect.any(Number) } });
    expect((await open(store)).isUnlocked()).toBe(true);
  });

  test.each(["before", "during"])(
    "an answer that another program stores %s a call hides no statement",
    async (moment) => {
      const shared = new MemoryStore();
      let isFull = false;
      const flaky: Store = {
        read: () => shared.read(),
        update: (change) => (isFull ? Promise.reject(new StoreError("store_full")) : shared.update(change)),
        log: async () => {},
      };
      const licensing = await open(flaky);
      await licensing.activate("QF-PRO-KEY-123456");
      [later, isFull] = [21 * HOUR, true];
      distrust();
      const answered = liar.answer;
      liar.answer = (path) => (path === "/api/keys" ? { body: list } : null);
      await licensing.refresh();
      // The other program is kept from the statement, and gets a newer lease of the leaked key.
      [signer, list, liar.answer] = [leaked, { keys: [leaked.jwk] }, answered];
      const old = await shared.read();
      expect(await (await open(shared)).refresh()).toMatchObject({ ok: true });
      isFull = false;
      if (moment === "during") {
        const newer = await shared.read();
        await shared.update(async () => old);
        liar.answer = (path, body) => (void shared.update(async () => newer), answered(path, body));
      }
      expect(await licensing.refresh()).toMatchObject({ ok: false, adviceId: "untrusted_signature" });
      expect(licensing.status()).not.toBe("ACTIVE");
      expect(JSON.stringify(await shared.read())).toContain(stated(root, 2, [good], ["1"]).split(".")[1]!.slice(0, 40));
      expect((await open(shared)).status()).not.toBe("ACTIVE");
    },
  );

  test("an older statement in the file breaks its seal", async () => {
    const store = newStore();
    await (await open(store)).activate("QF-PRO-KEY-123456");
    const old = JSON.parse(readFileSync(store, "utf8"));
    distrust();
    later = 21 * HOUR;
    const licensing = await open(store);
    await licensing.refresh();
    await licensing.close();
    const { licenses } = JSON.parse(readFileSync(store, "utf8"));
    const text = JSON.parse(licenses[0].fields.trusted_keys);
    for (const changed of [
      { ...text, statement: JSON.parse(old.licenses[0].fields.trusted_keys).statement },
      { ...text, former: { 1: 9e9 } },
    ]) {
      const fields = { ...licenses[0].fields, trusted_keys: JSON.stringify(changed) };
      const file = { format: "falconer-licenses", version: 1, licenses: [{ ...licenses[0], fields }] };
      writeFileSync(store, JSON.stringify(file));
      expect((await open(store)).isUnlocked()).toBe(false);
    }
  });

  test("a build whose statement is another root's does not open", async () => {
    const keys = pinned({ statement: stated(newSigner("other"), 1, [leaked]) });
    await expect(open(newStore(), keys)).rejects.toThrow(SettingError);
  });
});

test("the sealed part has the names in the order of their bytes", () => {
  const text = JSON.stringify({ keys: [], statement: "a.b.c", former: { 2: 6, 10: 5, "\u{1f511}": 8, "\uff21": 7 } });
  expect(sealedPart(text)).toBe('["a.b.c",{"10":5,"2":6,"\uff21":7,"\u{1f511}":8}]');
  expect(sealedPart('{"keys":[]}')).toBe(null);
});

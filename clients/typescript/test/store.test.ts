/** The file with the license: what the Rust library wrote, damage, folders that cannot be written, other programs. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Licensing, MemoryStore, type Store, StoreError } from "../src/node.js";
import { componentsOf } from "../src/node/hardware/components.js";
import { EMPTY, fromFields, toFields } from "../src/node/record.js";
import { PlainFile } from "../src/node/store/plain-file.js";

const FIXTURES = new URL("../../../tests/fixtures/0.2/client-stores/", import.meta.url);
const fixture = (name: string) => readFileSync(new URL(name, FIXTURES), "utf8");
const expected = JSON.parse(fixture("expected.json"));

const folder = () => mkdtempSync(join(tmpdir(), "falconer-store-"));
const LICENSE = { product: "QF", server: "h", machine: "m", fields: { license_key: "K" } };

/** Opens a store as the application of the fixtures does, a minute after its last answer. Nobody answers. */
function open(store: string | Store, hardware = expected.hardware): Promise<Licensing> {
  const settings = { product: "QF", url: "https://licenses.example.com", keys: fixture("keys.json"), store };
  const machine = async () =>
    ({ components: componentsOf(hardware), platform: "physical", isVirtualMachine: false, guest: null }) as const;
  const fetch = async () => Promise.reject(new TypeError("fetch failed"));
  return Licensing.open(
    { ...settings, hardware: machine, fetch },
    { clock: () => ({ wallMs: expected.at_millis, monotonicMs: 0 }), pause: async () => {} },
  );
}

describe("stores of the Rust library", () => {
  test.each(["active", "revoked", "waiting"])("%s means the same here", async (name) => {
    const path = join(folder(), "license.json");
    writeFileSync(path, fixture(`${name}.json`));
    const licensing = await open(path);
    const { state, lockCode, license, pending } = licensing.snapshot();
    const spelled: Record<string, string> = {
      ACTIVE: "Active",
      NOT_ACTIVATED: "NotActivated",
      LOCKED: "Locked { code: Revoked }",
    };
    const { key, offline_until, feature } = expected[name];
    expect(spelled[state]).toBe(expected[name].state);
    expect(lockCode).toBe(name === "revoked" ? "REVOKED" : null);
    expect(license?.maskedKey ?? null).toBe(key);
    expect(license?.offlineUntil?.getTime() ?? null).toBe(offline_until && offline_until * 1_000);
    expect(licensing.hasFeature("copy_trading")).toBe(feature);
    expect(pending?.name ?? null).toBe(expected[name].pending);
  });

  test("a changed moment is noticed, and so is another machine", async () => {
    const path = join(folder(), "license.json");
    writeFileSync(path, fixture("active.json").replace('"1800000000000"', '"1700000000000"'));
    expect((await open(path)).snapshot()).toMatchObject({ state: "CLOCK_SUSPECT", unlocked: false });
    writeFileSync(path, fixture("active.json"));
    expect((await open(path, { board: "another-board", mac: "another-mac" })).status()).toBe("NOT_ACTIVATED");
  });
});

describe("one plain file", () => {
  test("a record survives its texts", () => {
    const full = {
      ...EMPTY,
      key: "K",
      name: "N",
      email: "E",
      answer: "a.b.c",
      trustedKeys: "{}",
      sentComponents: "d@1",
      installId: "i",
      failedAt: 7,
      checkpoint: { floorMs: -5, skewMs: 9 },
      seal: "s",
      pending: { kind: "activate", key: "P" },
      givenUpKeys: ["G", "H"],
    } as const;
    const file = { kind: "file", purpose: "renew", nonce: "0badcafe", key: "F" } as const;
    for (const pending of [{ kind: "deactivate" }, file, { kind: "receipt", content: "00ff" }, null] as const)
      expect(fromFields(toFields({ ...full, pending }))).toEqual({ ...full, pending });
    for (const record of [full, EMPTY]) expect(fromFields(toFields(record))).toEqual(record);
    for (const pending of ["file", "receipt", "activate"]) expect(fromFields({ pending })).toEqual(EMPTY);
    expect(fromFields({ pending: "file", pending_key: "dance\n0badcafe\nF" })).toEqual(EMPTY);
    expect(fromFields({ floor_millis: "soon", pending: "dance" })).toEqual(EMPTY);
  });

  test.skipIf(process.platform === "win32")("only the owner may read it", async () => {
    const path = join(folder(), "sub", "license.json");
    const { store } = await PlainFile.open(path);
    await store.update(async () => [LICENSE]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, ".."))).toEqual(["license.json"]);
  });

  test.each(["no JSON", '{"format":"another"}', '{"format":"falconer-licenses","version":1,"licenses":[{}]}'])(
    "%s is set aside and not deleted",
    async (content) => {
      const path = join(folder(), "license.json");
      writeFileSync(path, content);
      const licensing = await open(path);
      expect(licensing.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", notice: { id: "store_damaged" } });
      expect(readFileSync(`${path}.damaged-1`, "utf8")).toBe(content);
      writeFileSync(path, "damaged again");
      await open(path);
      expect(existsSync(`${path}.damaged-2`)).toBe(true);
    },
  );

  test("a newer version's file is left alone", async () => {
    const path = join(folder(), "license.json");
    const newer = '{"format":"falconer-licenses","version":2}';
    writeFileSync(path, newer);
    const licensing = await open(path);
    await licensing.activate("QF-PRO-KEY-123456");
    expect(licensing.snapshot()).toMatchObject({ notice: { id: "store_newer" }, pending: { name: "activate" } });
    expect(readFileSync(path, "utf8")).toBe(newer);
  });

  test("a lock that a killed program left is removed", async () => {
    const path = join(folder(), "license.json");
    const { store } = await PlainFile.open(path);
    writeFileSync(`${path}.busy`, "999999999");
    await store.update(async () => [LICENSE]);
    expect(await store.read()).toEqual([LICENSE]);
  });

  test("a lock of a running program is waited for, and not for ever", async () => {
    const path = join(folder(), "license.json");
    const { store } = await PlainFile.open(path);
    writeFileSync(`${path}.busy`, String(process.ppid));
    await expect(store.update(async () => [LICENSE])).rejects.toMatchObject({ adviceId: "store_unavailable" });
  });

  test("writers of one file take turns", async () => {
    const path = join(folder(), "license.json");
    const stores = await Promise.all(Array.from({ length: 5 }, async () => (await PlainFile.open(path)).store));
    await Promise.all(
      Array.from({ length: 50 }, (_, number) =>
        stores[number % 5]!.update(async (before) => [...before, { ...LICENSE, machine: String(number) }]),
      ),
    );
    expect(new Set((await stores[0]!.read()).map(({ machine }) => machine)).size).toBe(50);
  });

  test("a license in a folder that cannot be written counts", async () => {
    const path = join(folder(), "license.json");
    writeFileSync(path, fixture("active.json"));
    // Nobody can take the lock, as in a folder of another user.
    mkdirSync(`${path}.busy`);
    const licensing = await open(path);
    expect(licensing.snapshot()).toMatchObject({ state: "ACTIVE", unlocked: true, notice: null });
    expect(await licensing.refresh()).toMatchObject({ ok: false, kind: "offline" });
    expect(licensing.snapshot()).toMatchObject({ state: "ACTIVE", notice: { id: "store_unavailable" } });
    expect(readFileSync(path, "utf8")).toBe(fixture("active.json"));
  });

  test("a listener that fails changes nothing", async () => {
    const licensing = await open(join(folder(), "license.json"));
    licensing.onChange(() => {
      throw new Error("the application's");
    });
    expect(await licensing.activate("QF-PRO-KEY-123456")).toMatchObject({ waits: true });
    expect(licensing.snapshot()).toMatchObject({ notice: null, pending: { name: "activate" } });
  });

  test("a change that cannot be written counts until the program ends", async () => {
    const path = join(folder(), "license.json");
    const licensing = await open(path);
    mkdirSync(path);
    expect(await licensing.activate("QF-PRO-KEY-123456")).toMatchObject({ waits: true });
    expect(licensing.snapshot()).toMatchObject({
      pending: { name: "activate" },
      notice: { id: expect.stringMatching(/^store_/) },
    });
  });

  test("a store of the application's own is asked", async () => {
    class Full extends MemoryStore {
      override update = () => Promise.reject(new StoreError("store_full"));
    }
    const licensing = await open(new Full());
    await licensing.activate("QF-PRO-KEY-123456");
    expect(licensing.snapshot()).toMatchObject({ pending: { name: "activate" }, notice: { id: "store_full" } });
  });
});

test("a folder that cannot be written is named", async () => {
  const path = folder();
  chmodSync(path, 0o500);
  if (process.getuid?.() === 0) return; // root may write everywhere
  expect((await open(join(path, "license.json"))).snapshot().notice?.id).toBe("store_read_only");
});

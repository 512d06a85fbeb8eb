/** Limits and maintenance of a license, as a device lease states them. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Licensing, SettingError } from "../src/node.js";
import { type Components, componentsOf, stated } from "../src/node/hardware/components.js";
import { Liar, type Signer, newSigner, yes } from "./liar.js";

let [liar, signer] = [null as unknown as Liar, null as unknown as Signer];

beforeEach(async () => {
  [liar, signer] = [await Liar.start(), newSigner("1")];
});
afterEach(() => liar.stop());

/** The server gives each device a lease with these claims. */
function leases(claims: object): void {
  liar.answer = (_, { nonce, hardware }) => {
    const hw = stated(hardware as Components);
    const refresh_at = Math.floor(Date.now() / 1_000) + 86_400;
    return {
      body: yes(signer, nonce, {
        device: "dev_1",
        hw,
        hw_threshold: 2,
        refresh_at,
        exp: refresh_at + 86_400,
        ...claims,
      }),
    };
  };
}

function open(store: string, buildDate?: string): Promise<Licensing> {
  const components = componentsOf({ board: "a-board", mac: "54:e1:ad:44:55:66" });
  const hardware = async () => ({ components, platform: "physical", isVirtualMachine: false, guest: null }) as const;
  const settings = { product: "QF", url: liar.url, keys: { keys: [signer.jwk] }, store, hardware };
  return Licensing.open(buildDate === undefined ? settings : { ...settings, buildDate });
}

const newStore = () => join(mkdtempSync(join(tmpdir(), "falconer-limits-")), "license.json");

test("limits are those of the lease while it is unlocked", async () => {
  leases({ limits: { agents: 5, none: 0 } });
  const licensing = await open(newStore());
  expect(licensing.limit("agents", 1)).toBe(1);
  expect(await licensing.activate("QF-PRO-KEY-123456")).toEqual({ ok: true, state: "ACTIVE" });
  expect([licensing.limit("agents", 1), licensing.limit("none", 7), licensing.limit("seats", 7)]).toEqual([5, 0, 7]);
  expect(licensing.limit("toString", 7)).toBe(7);
  expect(licensing.snapshot()).toMatchObject({ limits: { agents: 5, none: 0 }, updatesUntil: null });
});

test("a build after the maintenance is locked, and an older one works on", async () => {
  leases({ limits: { agents: 5 }, updates_until: "2026-10-31" });
  const store = newStore();
  await (await open(store, "2026-10-31")).activate("QF-PRO-KEY-123456");
  expect((await open(store, "2026-10-31")).snapshot()).toMatchObject({ state: "ACTIVE", updatesUntil: "2026-10-31" });
  expect((await open(store)).status()).toBe("ACTIVE");
  expect((await open(store)).detail()).toBe(null);
  const younger = await open(store, "2026-11-01");
  expect(younger.snapshot()).toMatchObject({
    ...{ state: "LOCKED", lockCode: "UPDATES_ENDED", unlocked: false, features: [], limits: {} },
    message: { id: "updates_ended" },
  });
  expect(younger.limit("agents", 1)).toBe(1);
  expect(younger.detail()).toBe("The license covers versions up to 2026-10-31.");
  leases({ updates_until: "2027-10-31" });
  expect(await younger.refresh()).toEqual({ ok: true, state: "ACTIVE" });
});

test("the covered version is named where the vendor lists it", async () => {
  leases({ updates_until: "2026-10-31", updates_version: "3.2.$&" });
  const licensing = await open(newStore(), "2026-11-01");
  expect(licensing.detail()).toBe(null);
  await licensing.activate("QF-PRO-KEY-123456");
  const detail = "The license covers versions up to 2026-10-31. The newest of them is 3.2.$&.";
  const covered = { detail, updatesUntil: "2026-10-31", updatesVersion: "3.2.$&", buildDate: "2026-11-01" };
  expect(licensing.snapshot()).toMatchObject(covered);
  expect(licensing.detail()).toBe(detail);
});

test("a build date is a day", async () => {
  for (const text of ["soon", "2026-02-30", "2026-1-1"])
    await expect(open(newStore(), text)).rejects.toThrow(SettingError);
});

test("claims of another form are not trusted", async () => {
  const licensing = await open(newStore());
  for (const claims of [{ limits: { agents: -1 } }, { limits: { agents: "5" } }, { updates_until: "soon" }]) {
    leases(claims);
    expect(await licensing.activate("QF-PRO-KEY-123456")).toMatchObject({ ok: false, adviceId: "untrusted_signature" });
  }
});

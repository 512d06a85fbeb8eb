/** What tests do with the stack that runs beside them. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inject } from "vitest";
import { Licensing, type LicensingSettings, type Machine, type World } from "../../src/node.js";
import { componentsOf } from "../../src/node/hardware/components.js";

export const stack = inject("stack");

/** Runs the operator's command line. */
export async function operator(...words: string[]): Promise<string> {
  const answer = await fetch(`${stack.control}/?${encodeURIComponent(JSON.stringify(words))}`);
  const said = await answer.text();
  if (!answer.ok) throw new Error(said);
  return said;
}

/** Nobody answers while the work is done. */
export async function duringOutage<T>(work: () => Promise<T>): Promise<T> {
  await operator("down");
  try {
    return await work();
  } finally {
    await operator("up");
  }
}

/** Issues a license. */
export async function issue(...words: string[]): Promise<{ licenseKey: string; licenseId: string }> {
  return JSON.parse(await operator("issue", "--json", ...words));
}

/** A path for a store in a folder of its own. */
export function newStore(): string {
  return join(mkdtempSync(join(tmpdir(), "falconer-device-")), "license.json");
}

/** A made-up machine. */
export function machine(name: string): Machine {
  const components = componentsOf({
    machine_id: `${name}-machine-id`,
    board: `${name}-board`,
    cpu: `${name}-cpu`,
    hostname: name,
  });
  return { components, platform: "physical", isVirtualMachine: false, guest: null };
}

/** Opens a license of the product on a made-up machine. Nobody waits between two attempts. */
export function open(
  store: string,
  name: string,
  settings: Partial<LicensingSettings> = {},
  world: Partial<World> = {},
): Promise<Licensing> {
  const own = { product: "QF", url: stack.url, keys: stack.keys, store, hardware: async () => machine(name) };
  return Licensing.open({ ...own, ...settings }, { pause: async () => {}, ...world });
}

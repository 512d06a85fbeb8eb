/** The recorded listings of the Rust library's tests: what each machine shows, and which are the same machine. */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { chosenAddress } from "../src/node/hardware/cards.js";
import { matches } from "../src/node/hardware/components.js";
import { listLinux } from "../src/node/hardware/linux.js";
import type { Bus } from "../src/node/hardware/listing.js";
import { type Machine, fingerprintOf, needsInstallId } from "../src/node/hardware/machine.js";
import { macListing, windowsListing } from "../src/node/hardware/others.js";
import { machineOf } from "../src/node/hardware/selection.js";
import { readKey } from "../src/node/key.js";

const FOLDER = new URL("../../rust/tests/listings/", import.meta.url);
const KEY = readKey("QF-PRO-1YQHJ-NQJM8-TQS7R-DW1VG-ET6BN-RKPPT")!;
/** The threshold of the built-in policy. */
const THRESHOLD = 2;

const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json") && name !== "pairs.json");
const recorded = (name: string) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8"));
// Node does not tell Windows' buses, so no card is listed there, and the board only with the rights of an administrator.
const listed = names.filter((name) => !recorded(name).windows && canBeTried(recorded(name)));

describe("recorded listings", () => {
  test("there are enough of them", () =>
    expect(listed.length).toBeGreaterThanOrEqual(process.platform === "win32" ? 1 : 11));

  test.each(listed)("%s shows what is expected", (name) => {
    const { expect: expected } = recorded(name);
    const machine = machineIn(recorded(name));
    expect(machine.components).toEqual(expected.components);
    expect(machine.platform).toBe(expected.platform.replace(" ", "_"));
    expect(machine.isVirtualMachine).toBe(expected.virtual_machine);
    const install =
      machine.guest === null ? "none" : machine.guest.machineId === null ? "random" : "random and machine id";
    expect(install).toBe(expected.install);
  });

  const pairs = recorded("pairs.json").filter(
    (pair: any) => !recorded(`${pair.first}.json`).windows && canBeTried(recorded(`${pair.first}.json`)),
  ) as any[];
  test.each(pairs)("$about", (pair) => {
    const first = machineIn(changed(recorded(`${pair.first}.json`), pair.first_change));
    const second = machineIn(changed(recorded(`${pair.second ?? pair.first}.json`), pair.change));
    const [bound, shown] = [print(first, "01"), print(second, pair.store === "kept" ? "01" : "02")];
    expect(matches(bound.stated as Record<string, string>, THRESHOLD, shown.stated)).toBe(pair.same);
    if (pair.unchanged) expect(shown).toEqual(bound);
  });

  test("Windows shows its machine id and its hypervisor", () => {
    const guid =
      "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\…\r\n    MachineGuid    REG_SZ    3f2b1c0d-9e8f-4a6b-8d0d-1f8a7b6c54e3\r\n";
    const bios =
      "    SystemManufacturer    REG_SZ    Dell Inc.\r\n    SystemProductName    REG_SZ    Latitude 7420\r\n";
    const notebook = machineOf({ ...windowsListing(guid, bios), processor: "GenuineIntel i7", hostName: "a-host" });
    expect(Object.keys(notebook.components)).toEqual(["machine_id", "cpu", "hostname"]);
    const guest = machineOf(windowsListing(guid, bios.replace("Dell Inc.", "VMware, Inc.")));
    expect(guest).toMatchObject({ platform: "virtual_machine", isVirtualMachine: true, components: {} });
  });
});

describe("cards", () => {
  const card = (bus: Bus, position: string, permanentAddress: string) => ({ bus, position, permanentAddress });
  const wireless = card("built_in", "0000:72:00.0", "A4:C3:F0:11:22:33");
  const wired = card("built_in", "0000:00:1f.6", "54-e1-ad-44-55-66");
  const dongle = card("usb", "usb1/1-2", "00:e0:4c:68:00:01");
  const outside = card("outside", "0000:05:00.0", "54:e1:ad:00:00:01");

  test("the built-in card is first, whatever its name", () => {
    expect(chosenAddress([dongle, wireless, wired], "physical")).toBe("54:e1:ad:44:55:66");
    expect(chosenAddress([dongle, outside, wireless], "physical")).toBe("a4:c3:f0:11:22:33");
    expect(chosenAddress([outside], "physical")).toBeNull();
  });

  test("addresses that prove nothing hide no card", () => {
    for (const address of [
      "00:00:00:00:00:00",
      "00:50:56:c0:00:01",
      "00:0c:29:12:34:56",
      "00:50:b6:12:34:56",
      "a6:c3:f0:11:22:33",
      "soon",
    ]) {
      expect(chosenAddress([card("built_in", "0", address), wireless], "physical"), address).toBe("a4:c3:f0:11:22:33");
    }
    expect(chosenAddress([card("built_in", "a", "52:54:00:9a:3c:7e")], "virtual_machine")).toBe("52:54:00:9a:3c:7e");
    expect(chosenAddress([wireless], "light_virtual_machine")).toBeNull();
  });
});

/** Windows lets nobody write links, which Linux' files are full of. */
function canBeTried(recording: any): boolean {
  return process.platform !== "win32" || !recording.linux;
}

function machineIn(recording: any): Machine {
  const [processor, hostName] = [recording.processor, recording.host_name];
  if (recording.macos) {
    const { machine_id: machineId, board, maker, interfaces } = recording.macos;
    return machineOf({ ...macListing({ machineId, board, maker, interfaces }), processor, hostName });
  }
  const root = mkdtempSync(join(tmpdir(), "falconer-listing-"));
  try {
    for (const [path, text] of Object.entries<string | string[]>(recording.linux.files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), Array.isArray(text) ? text.join("\n") : text);
    }
    for (const [path, target] of Object.entries<string>(recording.linux.links)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      symlinkSync(target, join(root, path));
    }
    return machineOf({ ...listLinux(root), processor, hostName });
  } finally {
    rmSync(root, { recursive: true });
  }
}

function print(machine: Machine, byte: string) {
  const own = fingerprintOf(machine, KEY, null);
  return needsInstallId(machine, own) ? fingerprintOf(machine, KEY, byte.repeat(16)) : own;
}

/** JSON Merge Patch (RFC 7396): `null` takes a member away. */
function changed(document: any, change: any): any {
  if (typeof change !== "object" || change === null || Array.isArray(change))
    return change === undefined ? document : change;
  const merged = { ...document };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else merged[name] = changed(merged[name], value);
  }
  return merged;
}

/** Lists Windows and macOS machines by programs that both systems bring along. */
import { execFile } from "node:child_process";
import { networkInterfaces } from "node:os";
import { type Card, EMPTY_LISTING, type Listing } from "./listing.js";

/** Network interface as macOS lists it. */
export interface Interface {
  readonly name: string;
  readonly address: string;
}

/** The interface as a card. macOS numbers the built-in card first, so `en0` is in every Mac, and adapters, Thunderbolt ports
 * and bridges have later numbers. */
export function macCard({ name, address }: Interface): Card {
  return { bus: name === "en0" ? "built_in" : "virtual", position: name, permanentAddress: address };
}

/** Values that macOS shows. */
export interface MacValues {
  readonly machineId: string | null;
  readonly board: string | null;
  readonly maker: string;
  readonly interfaces: readonly Interface[];
}

/** Listing of a Mac. */
export function macListing({ machineId, board, maker, interfaces }: MacValues): Listing {
  return {
    ...EMPTY_LISTING,
    machineId,
    board,
    cards: interfaces.map(macCard),
    signs: { ...EMPTY_LISTING.signs, firmware: maker },
  };
}

/** Lists this Mac. */
export async function listMac(): Promise<Listing> {
  const registry = await output("/usr/sbin/ioreg", ["-rd1", "-c", "IOPlatformExpertDevice"]);
  const value = (name: string) => new RegExp(`"${name}" = <?"([^"]+)"`).exec(registry)?.[1] ?? null;
  const interfaces = Object.entries(networkInterfaces()).flatMap(([name, addresses]) => {
    const address = addresses?.[0]?.mac;
    return address === undefined ? [] : [{ name, address }];
  });
  const maker = [value("manufacturer"), value("model")].filter((text) => text !== null).join("\n");
  return macListing({ machineId: value("IOPlatformUUID"), board: value("IOPlatformSerialNumber"), maker, interfaces });
}

/** Lists this Windows machine. Node does not tell which card is built in, so no card is listed. */
export async function listWindows(): Promise<Listing> {
  const cryptography = await output("reg.exe", [
    "query",
    "HKLM\\SOFTWARE\\Microsoft\\Cryptography",
    "/v",
    "MachineGuid",
    "/reg:64",
  ]);
  const bios = await output("reg.exe", ["query", "HKLM\\HARDWARE\\DESCRIPTION\\System\\BIOS"]);
  return windowsListing(cryptography, bios);
}

/** Listing of a Windows machine by two answers of `reg query`. */
export function windowsListing(cryptography: string, bios: string): Listing {
  const value = (text: string, name: string) =>
    new RegExp(`^\\s*${name}\\s+REG_SZ\\s+(.*?)\\s*$`, "m").exec(text)?.[1] ?? null;
  const firmware = ["SystemManufacturer", "SystemProductName"].flatMap((name) => value(bios, name) ?? []).join("\n");
  return {
    ...EMPTY_LISTING,
    machineId: value(cryptography, "MachineGuid"),
    signs: { ...EMPTY_LISTING.signs, firmware },
  };
}

/** A program that hangs must not keep the application from starting. */
const PROGRAM_MS = 5_000;

function output(program: string, options: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const settings = { timeout: PROGRAM_MS, windowsHide: true, encoding: "utf8" } as const;
    execFile(program, options, settings, (_error, stdout) => resolve(stdout));
  });
}

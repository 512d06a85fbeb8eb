/** Settings of an application on a device. */
import { homedir } from "node:os";
import { join } from "node:path";
import { SettingError } from "../core/failure.js";
import { type FalconerSettings, type Settings, readSettings } from "../core/settings.js";
import { isDay } from "../core/json.js";
import type { Machine } from "./hardware/machine.js";
import type { Store } from "./store/store.js";

/** Settings of an application on a device. */
export interface LicensingSettings extends FalconerSettings {
  /** A domain of yours in reverse, as `com.example.app`. It names the folder with the license; without it the server's host
   * does. */
  readonly appId?: string;
  /** Path of the file with the license, or a store of your own; by default `license.json` in the user's folder for
   * application data. */
  readonly store?: string | Store;
  /** Name of this device, which other users of the license see. */
  readonly deviceName?: string;
  /** Day of the application's build, as `2026-11-01`. A build after the last day that a license covers is locked with
   * `UPDATES_ENDED`; an older one works on. */
  readonly buildDate?: string;
  /** Hosts that the license server had before. A stored key goes to no host that the application does not name. */
  readonly formerly?: readonly string[];
  /** Reads the components of this machine; by default those that the operating system shows. */
  readonly hardware?: () => Promise<Machine>;
}

/** Settings, read. */
export interface DeviceSettings extends Settings {
  /** Path, or a store of the application's own. */
  readonly store: string | Store;
  readonly deviceName: string | null;
  readonly buildDate: string | null;
  /** Present host, then former ones. */
  readonly servers: readonly [string, ...string[]];
  readonly hardware: (() => Promise<Machine>) | null;
}

/** Reads the settings. Throws a `SettingError` that names the wrong one. */
export function readDeviceSettings(settings: LicensingSettings): DeviceSettings {
  const read = readSettings(settings);
  const host = new URL(read.url).host;
  const { appId, store, deviceName, buildDate, formerly = [], hardware } = settings;
  if (appId !== undefined && !isAppId(appId))
    throw new SettingError("appId", "the application id is a domain in reverse, such as com.example.app");
  if (buildDate !== undefined && !isDay(buildDate))
    throw new SettingError("buildDate", "the build date is a day, such as 2026-11-01");
  const folder = appId ?? host.replace(/[^A-Za-z0-9.-]/g, "_");
  return {
    ...read,
    store: store ?? join(dataFolder(), folder, "license.json"),
    deviceName: deviceName?.trim() || null,
    buildDate: buildDate ?? null,
    servers: [host, ...formerly.map((former) => former.toLowerCase())],
    hardware: hardware ?? null,
  };
}

const MAX_APP_ID_CHARS = 100;
/** Names that Windows reserves for devices. */
const WINDOWS_DEVICE = /^(con|prn|aux|nul|(com|lpt)\d)\./i;

function isAppId(id: string): boolean {
  return id.length <= MAX_APP_ID_CHARS && /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/.test(id) && !WINDOWS_DEVICE.test(id);
}

/** The user's folder for data of this machine, the same as that of the Rust library. */
function dataFolder(): string {
  const { LOCALAPPDATA, XDG_DATA_HOME } = process.env;
  switch (process.platform) {
    case "win32":
      return LOCALAPPDATA ?? join(homedir(), "AppData", "Local");
    case "darwin":
      return join(homedir(), "Library", "Application Support");
    default:
      return XDG_DATA_HOME?.startsWith("/") ? XDG_DATA_HOME : join(homedir(), ".local", "share");
  }
}

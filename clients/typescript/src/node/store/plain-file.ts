/** Licenses in one plain file of JSON, which the Rust library reads as well. A write creates another file, flushes it, and
 * renames it over the old one. */
import { constants } from "node:fs";
import { access, appendFile, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isMapOf, isObject, isText, readObject } from "../../core/json.js";
import { withLock } from "./lock.js";
import { type Store, StoreError, type StoredLicense } from "./store.js";

/** File with licenses. */
export class PlainFile implements Store {
  private constructor(private readonly path: string) {}

  /** Opens the file, or what takes its place: a damaged one is renamed and never deleted. */
  static async open(path: string): Promise<{ store: PlainFile; notice: StoreError | null }> {
    const store = new PlainFile(path);
    const notice = await store.#prepare().catch(toStoreError);
    return { store, notice };
  }

  async read(): Promise<readonly StoredLicense[]> {
    return readLicenses(this.path).catch((error: unknown) => {
      throw isDamaged(error) ? new StoreError("store_damaged_while_running") : toStoreError(error);
    });
  }

  async update(change: (licenses: readonly StoredLicense[]) => Promise<readonly StoredLicense[]>): Promise<void> {
    try {
      await withLock(this.path, async () => {
        const before = await this.read();
        const licenses = await change(before);
        if (licenses !== before)
          await this.#write(JSON.stringify({ format: FORMAT, version: VERSION, licenses }, null, 2));
      });
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async log(at: number, action: string, outcome: string): Promise<void> {
    const log = `${this.path}.log`;
    await appendFile(log, `${at} ${action} ${outcome}\n`, { mode: 0o600 });
    if ((await stat(log)).size > MAX_LOG_BYTES) await shorten(log);
  }

  async #prepare(): Promise<StoreError | null> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    await access(dirname(this.path), constants.W_OK);
    try {
      await readLicenses(this.path);
      return null;
    } catch (error) {
      if (!isDamaged(error)) throw error;
      await setAside(this.path);
      return new StoreError("store_damaged");
    }
  }

  async #write(text: string): Promise<void> {
    const fresh = `${this.path}.new`;
    try {
      // One that a killed program left may have other permissions.
      await rm(fresh, { force: true });
      const file = await open(fresh, "wx", 0o600);
      await file
        .writeFile(text)
        .then(() => file.sync())
        .finally(() => file.close());
      await rename(fresh, this.path);
    } catch (error) {
      await rm(fresh, { force: true }).catch(() => {});
      throw error;
    }
    await flushFolder(dirname(this.path));
  }
}

/** True for a file that this version must not touch. Any other can at least be read: a stored lease counts until its end,
 * and changes that cannot be written count in the process. */
export function isUnusable(error: StoreError): boolean {
  return error.adviceId === "store_newer";
}

const FORMAT = "falconer-licenses";
const VERSION = 1;
/** Far above what a user's applications need. */
const MAX_BYTES = 4_194_304;
const MAX_LOG_BYTES = 65_536;
const MAX_LOG_ENTRIES = 500;

/** Reads the licenses. An absent and an empty file have none. */
async function readLicenses(path: string): Promise<readonly StoredLicense[]> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  });
  if (bytes.length === 0) return [];
  const document = bytes.length > MAX_BYTES ? null : readObject(bytes.toString("utf8"));
  const { format, version, licenses } = document ?? {};
  if (format !== FORMAT || typeof version !== "number") throw new StoreError("store_damaged");
  if (version > VERSION) throw new StoreError("store_newer");
  if (!Array.isArray(licenses) || !licenses.every(isLicense)) throw new StoreError("store_damaged");
  return licenses;
}

function isLicense(value: unknown): value is StoredLicense {
  if (!isObject(value)) return false;
  return [value["product"], value["server"], value["machine"]].every(isText) && isMapOf(value["fields"], isText);
}

const isDamaged = (error: unknown) => error instanceof StoreError && error.adviceId === "store_damaged";

/** Renames `license.json` to `license.json.damaged-1`, or to the first number that is free. */
async function setAside(path: string): Promise<void> {
  for (let number = 1; ; number += 1) {
    const aside = `${path}.damaged-${number}`;
    const isTaken = await stat(aside).then(
      () => true,
      () => false,
    );
    if (!isTaken) return rename(path, aside);
  }
}

async function shorten(log: string): Promise<void> {
  const lines = (await readFile(log, "utf8")).split("\n").slice(-MAX_LOG_ENTRIES - 1);
  const file = await open(log, "w", 0o600);
  await file.writeFile(lines.join("\n")).finally(() => file.close());
}

/** Makes the rename itself durable. Windows has no such call and needs none. */
async function flushFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const opened = await open(folder, "r").catch(() => null);
  await opened?.sync().catch(() => {});
  await opened?.close();
}

function toStoreError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOSPC":
    case "EDQUOT":
    case "EIO":
      return new StoreError("store_full");
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new StoreError("store_read_only");
    default:
      return new StoreError("store_unavailable");
  }
}

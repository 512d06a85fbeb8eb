/** Lock beside a store. Node has no lock of the system, so a file stands for it that only one process can create. */
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { wait } from "../../core/retry.js";
import { StoreError } from "./store.js";

/** Does the work while no other process of this library does so on the same path. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.busy`;
  const begun = performance.now();
  while (!(await take(lock))) {
    if (performance.now() - begun > LOCK_TIMEOUT_MS) throw new StoreError("store_unavailable");
    await removeAbandoned(lock);
    await wait(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

/** Longest wait for another process to finish its write; each takes milliseconds. */
const LOCK_TIMEOUT_MS = 3_000;
const POLL_MS = 10;
/** Age from which a lock is nobody's, whatever its process id says: ids are used again. */
const ABANDONED_MS = 30_000;

async function take(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, "wx", 0o600);
    await file.writeFile(String(process.pid)).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Removes the lock of a process that was killed. It is renamed first, so that only one process removes it. */
async function removeAbandoned(lock: string): Promise<void> {
  const holder = await readFile(lock, "utf8").catch(() => null);
  const age = await stat(lock).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  );
  if (holder === null || (isRunning(holder) && age < ABANDONED_MS)) return;
  const aside = `${lock}-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const isMoved = await rename(lock, aside).then(
    () => true,
    () => false,
  );
  if (!isMoved) return;
  // Another process may have removed the lock meanwhile and taken it: then it is given back.
  const moved = await readFile(aside, "utf8").catch(() => null);
  if (moved === holder) await rm(aside, { force: true });
  else await rename(aside, lock).catch(() => {});
}

function isRunning(holder: string): boolean {
  // A process that was killed between creating and writing leaves no id.
  if (!/^\d+$/.test(holder)) return true;
  try {
    return process.kill(Number(holder), 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

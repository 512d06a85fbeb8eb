/** Seal over the kept time, so that an edited file is noticed. It is a deterrent: everything that keys it is on the
 * machine. Its form is that of the Rust library, which reads the same file. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type Components, labelsOf } from "./hardware/components.js";
import type { LicenseKey } from "./key.js";
import type { Checkpoint } from "./timeline.js";

/** Parts that a seal covers. */
export interface Sealed {
  readonly checkpoint: Checkpoint;
  /** The lease that the checkpoint came with. */
  readonly answer: string;
  /** The root's statement, and since when keys do not count; `null` without a statement. It must not be older than the
   * checkpoint. */
  readonly trust: string | null;
}

/** Seals them under the components that the lease states. */
export function seal({ checkpoint, answer, trust }: Sealed, key: LicenseKey, hw: Components): string {
  const secret = createHmac("sha256", key.canonical);
  for (const label of labelsOf(hw).sort()) secret.update(`${label}\0${hw[label] ?? ""}`);
  const mac = createHmac("sha256", secret.digest()).update("falconer/time-marks/v1\0");
  mac.update(bigEndian(checkpoint.floorMs)).update(bigEndian(checkpoint.skewMs));
  mac.update(createHash("sha256").update(answer).digest());
  // Without a root the seal is that of the first release.
  if (trust !== null) mac.update(createHash("sha256").update(trust).digest());
  return mac.digest("hex");
}

/** Compares the parts with their seal. */
export function isSealed(text: string | null, parts: Sealed, key: LicenseKey, hw: Components): boolean {
  const [given, right] = [Buffer.from(text ?? ""), Buffer.from(seal(parts, key, hw))];
  return given.length === right.length && timingSafeEqual(given, right);
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, BigInt(Math.trunc(value))));
  return bytes;
}

/** Fingerprint of this machine, with an install id where one is needed. */
import type { Platform } from "./exchange.js";
import { type Fingerprint, fingerprintOf, needsInstallId } from "./hardware/machine.js";
import type { Installation } from "./installation.js";
import type { LicenseKey } from "./key.js";

/** Fingerprint under a key. Makes an install id where one is needed; a stored one is kept. */
export async function fingerprintWithInstallId(
  installation: Installation,
  platform: Platform,
  key: LicenseKey,
): Promise<Fingerprint> {
  const { machine } = installation.proof;
  const own = fingerprintOf(machine, key, installation.current.record.installId);
  if (!needsInstallId(machine, own)) return own;
  const installId = Buffer.from(platform.random(INSTALL_BYTES)).toString("hex");
  await installation.keep((record) => (record.installId === null ? { ...record, installId } : record));
  return fingerprintOf(machine, key, installation.current.record.installId ?? installId);
}

const INSTALL_BYTES = 16;

/** Reading of a typed license key. The server decides about it; the client needs its canonical form for the hashes. */

/** A license key: as it is sent and stored, and as it keys the hashes. */
export interface LicenseKey {
  readonly text: string;
  readonly canonical: string;
}

/** Reads a typed key. `null` for a text that cannot be one. */
export function readKey(typed: string): LicenseKey | null {
  if (typed.length > MAX_TYPED_CHARS) return null;
  const folded = fold(typed);
  return readCurrent(folded) ?? readLegacy(folded) ?? readImported(folded);
}

/** A key in a form that may be shown: the last group alone. */
export function masked({ text, canonical }: LicenseKey): string {
  if (!text.includes("-") || canonical !== text) return `…${canonical.slice(-SHOWN_OF_IMPORTED)}`;
  const groups = text.split("-");
  return `${groups.slice(0, 2).join("-")}-…-${groups.at(-1) ?? ""}`;
}

const MAX_TYPED_CHARS = 1_024;
const SHOWN_OF_IMPORTED = 2;
const IMPORTED_CHARS = { min: 6, max: 64 };

/** Capitals and digits with single hyphens. Invisible characters go, every other sign is a separator. */
function fold(typed: string): string {
  const capitals = typed
    .normalize("NFKC")
    .replace(/[\p{Cf}\p{Mn}]/gu, "")
    .toUpperCase()
    .normalize("NFKC");
  const key = capitals.replace(/[^\p{L}\p{N}_]+/gu, "-").replace(/^[-_]+|[-_]+$/g, "");
  // A label before the key, as in "License key: QF-PRO-…".
  return key.replace(/^(?:(?:YOUR|LICENSE|LICENCE|KEY|IS)-)+(?=[A-Z0-9]{2,8}-)/, "");
}

/** `PRODUCT-TIER-` and six groups of five. The groups may be typed in any way; Crockford's base 32 has look-alikes. */
function readCurrent(folded: string): LicenseKey | null {
  const [, product, tier, rest = ""] = /^([A-Z0-9]{2,8})-([A-Z0-9_]{1,16})-([A-Z0-9-]+)$/.exec(folded) ?? [];
  const body = rest.replaceAll("-", "").replaceAll("O", "0").replace(/[IL]/g, "1");
  if (product === undefined || tier === undefined || !/^[0-9A-HJKMNP-TV-Z]{30}$/.test(body)) return null;
  const text = [product, tier, ...(body.match(/.{5}/g) ?? [])].join("-");
  return { text, canonical: text };
}

/** A key of the Flask server: `QF-TIER-` with 16 hexadecimal digits and the time. */
function readLegacy(folded: string): LicenseKey | null {
  const [, product, tier, signature, time] = /^(QF)-([A-Z0-9_]{1,16})-([0-9A-F]{16})-(\d{9,11})$/.exec(folded) ?? [];
  if (signature === undefined) return null;
  const text = [product, tier, signature.toLowerCase(), time].join("-");
  return { text, canonical: text };
}

/** A key of another system: its letters and digits, however they are grouped. */
function readImported(folded: string): LicenseKey | null {
  const groups = folded.split(/[-_]/).filter((group) => group !== "");
  const canonical = groups.join("");
  const isLong = canonical.length >= IMPORTED_CHARS.min && canonical.length <= IMPORTED_CHARS.max;
  return isLong && /^[A-Z0-9]+$/.test(canonical) ? { text: groups.join("-"), canonical } : null;
}

/** Contents of the texts: fields of a name (one byte), a length (two bytes, the higher first) and a value. */
import { createHmac } from "node:crypto";
import { isText } from "../../core/json.js";
import { type Components, labelsOf } from "../hardware/components.js";
import type { LicenseKey } from "../key.js";

/** A request of a device. */
export interface AirGapRequest {
  readonly product: string;
  readonly purpose: Purpose;
  /** Id of the license, where the device knows it; otherwise the masked key. */
  readonly license: string;
  readonly nonce: Buffer;
  /** The device's clock in seconds. It decides nothing. */
  readonly madeAt: number;
  /** The `kid` of each key that the device trusts. An answer by another one brings its endorsements. */
  readonly trustedKids: readonly string[];
  /** Components in the form of a request. */
  readonly hardware: Components;
  readonly isVirtualMachine: boolean;
  readonly deviceName: string;
  readonly licenseeName: string | null;
  readonly licenseeEmail: string | null;
}

/** Purpose of a request: take a seat, or get a later end for the seat that the device holds. */
export type Purpose = "activate" | "renew";

/** Content of a request, with a tag that proves that its maker has the license key. It holds no other part of the key than the
 * masked one. */
export function requestContent(request: AirGapRequest, key: LicenseKey): Buffer {
  const { hardware, licenseeName, licenseeEmail } = request;
  const components = labelsOf(hardware).map((label) =>
    field("h", Buffer.concat([Buffer.from(`${label}\0`), Buffer.from(hardware[label] ?? "", "hex")])),
  );
  const email = licenseeEmail !== null && Buffer.byteLength(licenseeEmail) <= MAX_EMAIL_BYTES ? licenseeEmail : null;
  const fields = Buffer.concat([
    field("p", request.product),
    field("w", request.purpose),
    field("l", request.license),
    field("n", request.nonce),
    field("t", seconds(request.madeAt)),
    field("k", request.trustedKids.join()),
    ...components,
    ...(request.isVirtualMachine ? [field("v", "")] : []),
    field("d", cut(request.deviceName)),
    ...(licenseeName === null ? [] : [field("o", cut(licenseeName))]),
    ...(email === null ? [] : [field("e", email)]),
  ]);
  return tagged("falconer/air-gap-request/v1\0", fields, key);
}

/** Proof of a device that it has deleted its lease. */
export interface Receipt {
  readonly license: string;
  readonly device: string;
  /** `jti` of the lease that was deleted. */
  readonly lease: string;
  /** The device's clock in seconds. It decides nothing. */
  readonly madeAt: number;
}

/** Content of a receipt. Its tag proves that the owner of the key wrote it. */
export function receiptContent({ license, device, lease, madeAt }: Receipt, key: LicenseKey): Buffer {
  const fields = [field("l", license), field("d", device), field("j", lease), field("t", seconds(madeAt))];
  return tagged("falconer/air-gap-receipt/v1\0", Buffer.concat(fields), key);
}

/** An answer of the operator: the lease, and an answer of `/api/keys` where the device may not know its signer. */
export interface AirGapAnswer {
  readonly lease: string;
  readonly keys: string | null;
}

/** Reads the content of an answer; `null` for what a later version has written. */
export function readAnswerContent(content: Buffer): AirGapAnswer | null {
  const fields = split(content);
  const parts = fields?.filter(([name]) => name === "j").map(([, part]) => part.toString("base64url")) ?? [];
  if (parts.length === 0) return null;
  const keys = fields?.find(([name]) => name === "k")?.[1];
  return { lease: parts.join("."), keys: keys === undefined ? null : keys.toString("utf8") };
}

/** Longest name in a request, so that every request fits a QR code. A longer one is cut. */
const MAX_NAME_BYTES = 120;
/** RFC 5321. A longer address is left out. */
const MAX_EMAIL_BYTES = 254;
/** Nobody guesses a tag of this length. */
const TAG_BYTES = 16;

/** Adds the tag, over all fields before it. `domain` keeps a request from passing for a receipt. */
function tagged(domain: string, fields: Buffer, key: LicenseKey): Buffer {
  const tag = createHmac("sha256", key.canonical).update(domain).update(fields).digest();
  return Buffer.concat([fields, field("m", tag.subarray(0, TAG_BYTES))]);
}

function field(name: string, value: Buffer | string): Buffer {
  const bytes = isText(value) ? Buffer.from(value) : value;
  const head = Buffer.alloc(3, name);
  head.writeUInt16BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Splits content into its fields; `null` where one is cut off. */
function split(content: Buffer): [string, Buffer][] | null {
  const fields: [string, Buffer][] = [];
  for (let at = 0; at < content.length;) {
    if (at + 3 > content.length) return null;
    const end = at + 3 + content.readUInt16BE(at + 1);
    if (end > content.length) return null;
    fields.push([String.fromCharCode(content[at] ?? 0), content.subarray(at + 3, end)]);
    at = end;
  }
  return fields;
}

function seconds(moment: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt.asIntN(64, BigInt(Math.trunc(moment))));
  return bytes;
}

/** Cuts a name to whole characters. */
function cut(name: string): string {
  let kept = "";
  for (const character of name.replace(/\p{Cc}/gu, " ")) {
    if (Buffer.byteLength(kept + character) > MAX_NAME_BYTES) break;
    kept += character;
  }
  return kept;
}

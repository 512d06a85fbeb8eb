/** One license in a store: docs/spec/client-store.md has the names of its texts. */
import type { Purpose } from "./air-gap/content.js";
import type { Checkpoint } from "./timeline.js";

/** A stored license. Nothing in it is trusted before it was verified. */
export interface StoredRecord {
  readonly key: string | null;
  readonly name: string | null;
  readonly email: string | null;
  /** Last signed answer that counted, as it was received: a lease, or a refusal that locks. */
  readonly answer: string | null;
  /** JWKS of the keys that were fetched and endorsed. */
  readonly trustedKeys: string | null;
  /** Hash of the components that `activate-sync` saw last, and the second by the server's time. */
  readonly sentComponents: string | null;
  readonly installId: string | null;
  /** Second of the last failed check, if none has succeeded since. */
  readonly failedAt: number | null;
  readonly checkpoint: Checkpoint;
  readonly seal: string | null;
  readonly pending: Pending | null;
  /** Keys whose seat has to be released. */
  readonly givenUpKeys: readonly string[];
}

/** The one request or text that waits. */
export type Pending =
  | { readonly kind: "activate"; readonly key: string }
  | { readonly kind: "deactivate" }
  /** A request as a file. The answer has to repeat its nonce. */
  | { readonly kind: "file"; readonly purpose: Purpose; readonly nonce: string; readonly key: string }
  /** A receipt as a file: its content in hexadecimal, until the next activation. */
  | { readonly kind: "receipt"; readonly content: string };

/** Texts of a record by their names. */
export type Fields = Readonly<Record<string, string>>;

/** A license that was never activated. */
export const EMPTY: StoredRecord = {
  key: null,
  name: null,
  email: null,
  answer: null,
  trustedKeys: null,
  sentComponents: null,
  installId: null,
  failedAt: null,
  checkpoint: { floorMs: 0, skewMs: 0 },
  seal: null,
  pending: null,
  givenUpKeys: [],
};

/** Names the texts of a record. An absent text has no name. */
export function toFields(record: StoredRecord): Fields {
  const fields: Record<string, string | null> = {
    license_key: record.key,
    licensee_name: record.name,
    licensee_email: record.email,
    lease: record.answer,
    trusted_keys: record.trustedKeys,
    sent_components: record.sentComponents,
    install_id: record.installId,
    failed_at_seconds: record.failedAt?.toString() ?? null,
    floor_millis: record.checkpoint.floorMs.toString(),
    skew_millis: record.checkpoint.skewMs.toString(),
    seal: record.seal,
    pending: record.pending?.kind ?? null,
    pending_key: pendingText(record.pending),
    given_up_keys: record.givenUpKeys.length > 0 ? record.givenUpKeys.join("\n") : null,
  };
  return Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== null));
}

/** Reads texts of any content. A number that cannot be read is 0, which no seal covers. */
export function fromFields(fields: Fields): StoredRecord {
  const text = (name: string) => fields[name] ?? null;
  const number = (name: string) => (/^-?\d{1,19}$/.test(fields[name] ?? "") ? Number(fields[name]) : null);
  return {
    key: text("license_key"),
    name: text("licensee_name"),
    email: text("licensee_email"),
    answer: text("lease"),
    trustedKeys: text("trusted_keys"),
    sentComponents: text("sent_components"),
    installId: text("install_id"),
    failedAt: number("failed_at_seconds"),
    checkpoint: { floorMs: number("floor_millis") ?? 0, skewMs: number("skew_millis") ?? 0 },
    seal: text("seal"),
    pending: readPending(fields["pending"], fields["pending_key"]),
    givenUpKeys: (fields["given_up_keys"] ?? "").split("\n").filter((key) => key !== ""),
  };
}

/** Replaces the request that waits by one about `key`. The key of the replaced one is given up: it may hold a seat. The
 * network has not seen a file, so none is left to be freed. */
export function withPending(record: StoredRecord, key: string, pending: Pending | null): StoredRecord {
  const { pending: replaced } = record;
  const before = replaced?.kind === "activate" ? replaced.key : replaced?.kind === "deactivate" ? record.key : null;
  const givenUp = before === null ? record.givenUpKeys : [...record.givenUpKeys, before];
  return { ...record, pending, givenUpKeys: [...new Set(givenUp)].filter((given) => given !== key) };
}

/** True if a request to the server waits. */
export function waitsForServer({ pending }: StoredRecord): boolean {
  return pending?.kind === "activate" || pending?.kind === "deactivate";
}

/** Gives up an activation that waits. Its seat may have been taken although the answer was lost. */
export function withoutActivation(record: StoredRecord): StoredRecord {
  if (record.pending?.kind !== "activate") return record;
  return { ...record, pending: null, givenUpKeys: [...record.givenUpKeys, record.pending.key] };
}

/** Ends a waiting activation with this key, which has its final answer. */
export function withAnswered(record: StoredRecord, key: string): StoredRecord {
  const isAnswered = record.pending?.kind === "activate" && record.pending.key === key;
  return isAnswered ? { ...record, pending: null } : record;
}

function pendingText(pending: Pending | null): string | null {
  switch (pending?.kind) {
    case "activate":
      return pending.key;
    case "file":
      return [pending.purpose, pending.nonce, pending.key].join("\n");
    case "receipt":
      return pending.content;
    default:
      return null;
  }
}

function readPending(kind: string | undefined, text: string | undefined): Pending | null {
  if (kind === "deactivate") return { kind };
  const [first = "", nonce, key] = text?.split("\n") ?? [];
  if (text === undefined) return null;
  // The Rust library notes further readings of the typed text below the likeliest.
  if (kind === "activate") return { kind, key: first };
  if (kind === "receipt") return { kind, content: text };
  const isFile = kind === "file" && (first === "activate" || first === "renew");
  return isFile && nonce !== undefined && key !== undefined ? { kind, purpose: first, nonce, key } : null;
}

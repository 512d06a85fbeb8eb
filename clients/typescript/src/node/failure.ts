/** One type for every reason why a call did not do what it was asked to. A failure changes no license. */
import type { Cause } from "../core/answer.js";
import { NOTHING_ADVICE } from "../core/falconer.js";
import { type JsonObject, isObject, isText } from "../core/json.js";
import { toDate } from "../core/license.js";
import { type Advice, MESSAGES, adviceOf } from "../core/messages.js";
import type { NoReply } from "../core/transport.js";
import { DEVICE_MESSAGES } from "./messages.js";

/** Reason why a call failed, with a sentence and a next step for the user. */
export interface Failure {
  /** How to go on: `offline` and `busy` try again later, `refused` shows the advice, `answer` was forged or misplaced,
   * `input` is the user's to correct, and `not_air_gapped` is a license of the network, which `deactivate` gives back. */
  readonly kind: "offline" | "busy" | "refused" | "answer" | "input" | "nothing_sent" | "not_air_gapped";
  /** Code of docs/errors.md, where the server refused. */
  readonly code: string | null;
  readonly advice: Advice;
  /** Id of the advice, for a table of translations. */
  readonly adviceId: string;
  /** Moment from which to ask again, where the server named one. */
  readonly retryAt: Date | null;
  /** Devices that hold the seats, where the server lists them. */
  readonly holders: readonly SeatHolder[];
  /** Earliest moment of the next transfer, where the server states it. */
  readonly nextTransferAt: Date | null;
}

/** A device that holds a seat, as the server lists it for a user who may move that seat. */
export interface SeatHolder {
  /** Argument `fromDevice` of a transfer. */
  readonly id: string;
  readonly name: string | null;
  readonly lastSeenAt: Date | null;
}

/** Failure of a kind with the advice of an id. */
export function failureOf(kind: Failure["kind"], adviceId: string): Failure {
  const advice = adviceOf(adviceId, DEVICE_MESSAGES);
  return { kind, code: null, advice, adviceId: advice.id, retryAt: null, holders: [], nextTransferAt: null };
}

/** Failure of a request without a reply. */
export function noReply(reason: NoReply): Failure {
  return failureOf("offline", reason);
}

/** Failure of an answer that decides nothing. */
export function nothingIn(cause: Cause | "other_machine", retryAfterSeconds: number | null): Failure {
  const id = cause === "other_machine" ? cause : NOTHING_ADVICE[cause];
  const kind = cause === "busy" ? "busy" : cause === "unreachable" ? "offline" : "answer";
  const retryAt = retryAfterSeconds === null ? null : new Date(Date.now() + retryAfterSeconds * 1_000);
  return { ...failureOf(kind, id), retryAt };
}

/** Failure of a refusal. The code is signed where there is a signature; the rest of the body is for display alone. */
export function refusalOf(code: string, body: JsonObject): Failure {
  const id = code.toLowerCase();
  const isKnown = id in MESSAGES;
  const devices = Array.isArray(body["devices"]) ? (body["devices"] as unknown[]).slice(0, MAX_HOLDERS) : [];
  const transfers = isObject(body["transfers"]) ? body["transfers"] : {};
  return {
    ...failureOf("refused", isKnown ? id : "refused"),
    code: cleaned(code),
    holders: devices.flatMap(readHolder),
    nextTransferAt: readMoment(transfers["nextAt"]),
  };
}

/** True for codes that are final without a signature: the server has no license to sign about. */
export function isFinalUnsigned(code: string): boolean {
  return ["INVALID_SIGNATURE", "INVALID_FIELD", "MISSING_LICENSE", "FINGERPRINT_TOO_WEAK"].includes(code);
}

/** Longest text that is taken from an answer to be shown. */
const MAX_TEXT_CHARS = 120;
/** A license has at most 100 seats. */
const MAX_HOLDERS = 100;

function readHolder(device: unknown): SeatHolder[] {
  if (!isObject(device) || !isText(device["id"])) return [];
  const { id, name, lastSeenAt } = device;
  return [{ id: cleaned(id), name: isText(name) ? cleaned(name) : null, lastSeenAt: readMoment(lastSeenAt) }];
}

function readMoment(milliseconds: unknown): Date | null {
  return typeof milliseconds === "number" ? toDate(milliseconds / 1_000) : null;
}

/** Drops control characters and cuts: the text is shown on screens and written to logs. */
function cleaned(text: string): string {
  return [...text.replace(/\p{Cc}/gu, "")].slice(0, MAX_TEXT_CHARS).join("");
}

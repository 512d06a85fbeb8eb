/** Taking, checking and freeing seats, and the requests that wait for the server.
 *
 * A key that may hold an unused seat is never forgotten. An activation without an answer may have taken one: it waits until
 * the server has answered it for good, and where another request replaces it, the next refresh frees the seat of its key. */
import type { JsonObject } from "../core/json.js";
import type { Question } from "./decision.js";
import { deviceName } from "./device-name.js";
import type { Exchange, Exchanger, Platform } from "./exchange.js";
import { type Failure, failureOf } from "./failure.js";
import { fingerprintWithInstallId } from "./fingerprint.js";
import { digestOf } from "./hardware/components.js";
import type { Fingerprint } from "./hardware/machine.js";
import type { Installation } from "./installation.js";
import { type LicenseKey, readKey } from "./key.js";
import { waitsForServer, withAnswered, withPending, withoutActivation } from "./record.js";

/** Name and e-mail of the person who uses the license; either may be absent. */
export interface Licensee {
  readonly name: string | null;
  readonly email: string | null;
}

/** Result of a call: done, saved until the server can be reached, or failed. */
export type Result = { readonly kind: "done" } | { readonly kind: "waits" | "failed"; readonly failure: Failure };

/** One call of the application, with the store read again. Only one runs at a time, so answers count in the order of
 * their requests. */
export class Session {
  constructor(
    private readonly installation: Installation,
    private readonly exchanger: Exchanger,
    private readonly platform: Platform,
    private readonly ownDeviceName: string | null,
    private readonly signal: AbortSignal | null,
  ) {}

  /** Takes a seat with a key, which replaces the stored one only when the server has said yes. */
  async activate(key: LicenseKey, licensee: Licensee): Promise<Result> {
    const exchange = await this.#takeSeat("activate-sync", key, licensee, {});
    switch (exchange.kind) {
      case "decided":
        if (exchange.decision === "lease") return this.#activated(key);
        await this.installation.keep((record) => withAnswered(record, key.text));
        return failed(exchange.failure);
      case "unsigned":
        if (exchange.final) await this.installation.keep((record) => withAnswered(record, key.text));
        return failed(exchange.failure);
      case "failed":
        return this.#notActivated(exchange, key, licensee);
    }
  }

  /** Moves a seat to this device. A transfer does not wait: its user has to see the answer. */
  async transfer(key: LicenseKey, licensee: Licensee, fromDevice: string | null): Promise<Result> {
    const exchange = await this.#takeSeat(
      "transfer",
      key,
      licensee,
      fromDevice === null ? {} : { from_device: fromDevice },
    );
    if (exchange.kind === "decided" && exchange.decision === "lease") return this.#activated(key);
    return failed(exchange.failure);
  }

  /** Frees this device's seat, and those of keys that were given up. */
  async deactivate(): Promise<Result> {
    const { key } = this.installation.current;
    const freed = key === null ? DONE : await this.#freeSeat(key);
    if (freed.kind !== "done") return freed;
    await this.installation.keep(withoutActivation);
    const failure = await this.#releaseSeats();
    if (failure === null) return DONE;
    return { kind: failure.kind === "refused" || failure.adviceId === "cancelled" ? "failed" : "waits", failure };
  }

  /** Sends the request that waits, then checks the stored license. */
  async refresh(): Promise<Result> {
    const hadPending = waitsForServer(this.installation.current.record);
    const sent = await this.#sendPending();
    if (hadPending && sent.kind === "done") return sent;
    // The request may be about another key, so the stored license is checked all the same.
    const checked = await this.#check();
    return sent.kind === "done" ? checked : sent;
  }

  async #activated(key: LicenseKey): Promise<Result> {
    await this.installation.keep((record) => withPending(record, key.text, null));
    return DONE;
  }

  async #notActivated(exchange: Exchange & { kind: "failed" }, key: LicenseKey, licensee: Licensee): Promise<Result> {
    const { failure, ends, early } = exchange;
    if (ends) await this.installation.keep((record) => withAnswered(record, key.text));
    if (ends || failure.kind === "nothing_sent") return failed(failure);
    if (early) {
      // The request may have arrived and taken a seat. A key that is stored or waits keeps its seat.
      await this.installation.keep((record) => {
        const waits = record.pending?.kind === "activate" && record.pending.key === key.text;
        const isWanted = record.key === key.text || waits || record.givenUpKeys.includes(key.text);
        return isWanted ? record : { ...record, givenUpKeys: [...record.givenUpKeys, key.text] };
      });
      return failed(failure);
    }
    // The vendor's answer to a file may be on its way, and it is worth more than another try.
    const { pending } = this.installation.current.record;
    if (pending?.kind === "file" && pending.key === key.text) return failed(failure);
    const waits = { kind: "activate", key: key.text } as const;
    await this.installation.keep((record) => ({ ...withPending(record, key.text, waits), ...licensee }));
    return { kind: "waits", failure };
  }

  async #freeSeat(key: LicenseKey): Promise<Result> {
    const exchange = await this.#askToFree("free_seat", key);
    if (exchange.kind === "decided" && exchange.decision === "freed") return DONE;
    if (exchange.kind === "failed" && !exchange.early) {
      await this.installation.keep((record) => withPending(record, key.text, { kind: "deactivate" }));
      return { kind: "waits", failure: exchange.failure };
    }
    const isFinal = exchange.kind === "decided" || (exchange.kind === "unsigned" && exchange.final);
    if (isFinal) await this.installation.keep((record) => withPending(record, key.text, null));
    return failed(exchange.failure);
  }

  async #sendPending(): Promise<Result> {
    const { record } = this.installation.current;
    let sent: Result = DONE;
    if (record.pending?.kind === "activate") {
      const key = readKey(record.pending.key);
      if (key === null) await this.installation.keep((kept) => ({ ...kept, pending: null }));
      else sent = await this.activate(key, { name: record.name, email: record.email });
    } else if (record.pending?.kind === "deactivate") {
      sent = await this.deactivate();
    }
    // Without a server the keys that were given up cannot be released either.
    if (sent.kind !== "done" && sent.failure.kind !== "refused") return sent;
    const failure = await this.#releaseSeats();
    return failure === null || sent.kind !== "done" ? sent : failed(failure);
  }

  /** Frees the seats of keys that were given up, up to the first that has to go on waiting. */
  async #releaseSeats(): Promise<Failure | null> {
    for (const text of this.installation.current.record.givenUpKeys) {
      const key = readKey(text);
      if (key !== null) {
        const isStored = this.installation.current.key?.canonical === key.canonical;
        const exchange = await this.#askToFree(isStored ? "free_seat" : "release_seat", key);
        if (exchange.kind === "failed" || (exchange.kind === "unsigned" && !exchange.final)) return exchange.failure;
      }
      await this.installation.keep((record) => ({
        ...record,
        givenUpKeys: record.givenUpKeys.filter((given) => given !== text),
      }));
    }
    return null;
  }

  /** Verifies the stored license. Afterwards it reports this machine with `refresh: true` where a component has changed or
   * a week has passed; the server assigns no seat for that. */
  async #check(): Promise<Result> {
    const { key, fingerprint } = this.installation.current;
    if (key === null || fingerprint === null) return DONE;
    const exchange = await this.exchanger.ask("verify", "verify", key, fingerprint, {}, this.signal);
    if (exchange.kind === "decided" && exchange.decision === "lock") return DONE;
    if (exchange.kind === "decided" && exchange.decision === "lease") {
      if (this.#mustReport(fingerprint)) await this.#takeSeat("activate-sync", key, NOBODY, { refresh: true });
      return DONE;
    }
    // A cancelled check says nothing about server and network.
    if (exchange.kind !== "failed" || !exchange.early) await this.installation.noteFailure();
    return failed(exchange.failure);
  }

  #mustReport(own: Fingerprint): boolean {
    const [digest, at] = (this.installation.current.record.sentComponents ?? "").split("@");
    const passed = (this.installation.current.claims?.at ?? 0) - Number(at ?? 0);
    return digest !== digestOf(own.sent) || !(passed >= 0 && passed < PRESENCE_SECONDS);
  }

  async #takeSeat(
    endpoint: "activate-sync" | "transfer",
    key: LicenseKey,
    licensee: Licensee,
    further: JsonObject,
  ): Promise<Exchange> {
    const own = await fingerprintWithInstallId(this.installation, this.platform, key);
    const { machine } = this.installation.proof;
    const members: JsonObject = { device_name: this.ownDeviceName ?? deviceName(machine, own), ...further };
    if (machine.isVirtualMachine) members["virtual_machine"] = true;
    if (licensee.name !== null) members["licensee_name"] = licensee.name;
    if (licensee.email !== null) members["licensee_email"] = licensee.email;
    const isOther = this.installation.current.key?.canonical !== key.canonical;
    const exchange = await this.exchanger.ask("take_seat", endpoint, key, own, members, this.signal);
    if (exchange.kind === "decided" && exchange.decision === "lease") {
      const sentComponents = `${digestOf(own.sent)}@${this.installation.current.claims?.at ?? 0}`;
      // The person of another license is not kept beside this one.
      const person = isOther || licensee !== NOBODY ? licensee : {};
      await this.installation.keep((record) => ({ ...record, sentComponents, ...person }));
    }
    return exchange;
  }

  async #askToFree(question: Question, key: LicenseKey): Promise<Exchange> {
    return this.exchanger.ask(
      question,
      "deactivate",
      key,
      await fingerprintWithInstallId(this.installation, this.platform, key),
      {},
      this.signal,
    );
  }
}

/** Reads name and e-mail. Returns the failure of the first that cannot be used. */
export function readLicensee(name = "", email = ""): Licensee | Failure {
  const [ownName, ownEmail] = [name.trim(), email.trim()];
  const isLine = (text: string) => text.length <= MAX_LINE_CHARS && !/\p{Cc}/u.test(text);
  if (!isLine(ownName)) return failureOf("input", "invalid_name");
  if (ownEmail !== "" && !(isLine(ownEmail) && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(ownEmail)))
    return failureOf("input", "invalid_email");
  return { name: ownName || null, email: ownEmail || null };
}

const DONE: Result = { kind: "done" };
const NOBODY: Licensee = { name: null, email: null };
const MAX_LINE_CHARS = 255;
/** Interval between requests with `refresh: true`: verify stores nothing, so without them `lastSeenAt` would grow old. */
const PRESENCE_SECONDS = 7 * 86_400;

const failed = (failure: Failure): Result => ({ kind: "failed", failure });

/** The license of an application on a device: activates it, keeps it working offline, refreshes it, moves it. */
import { webcrypto } from "node:crypto";
import { wait } from "../core/retry.js";
import { ByFile } from "./air-gap/by-file.js";
import type { AirGapText } from "./air-gap/text.js";
import { Exchanger, type Platform } from "./exchange.js";
import { type Failure, failureOf } from "./failure.js";
import { machineNames } from "./hardware/machine.js";
import { readThisMachine } from "./hardware/system.js";
import { Installation } from "./installation.js";
import { type LicenseKey, readKey } from "./key.js";
import { type Refresher, startRefresher } from "./refresher.js";
import { type Licensee, type Result, Session, readLicensee } from "./session.js";
import { type DeviceSettings, type LicensingSettings, readDeviceSettings } from "./settings.js";
import { type Snapshot, detailOf, snapshotOf } from "./snapshot.js";
import type { State } from "./state.js";
import { PlainFile, isUnusable } from "./store/plain-file.js";
import { ApplicationStore, MemoryStore, type Store, type StoreError } from "./store/store.js";
import type { ClockReading } from "./timeline.js";
import { type Proof, verified } from "./verified.js";

/** Result of a call. With `waits` the request is saved, and a refresh sends it. */
export type Outcome =
  { readonly ok: true; readonly state: State } | ({ readonly ok: false; readonly waits: boolean } & Failure);

/** Result of a call that makes a text for the vendor. */
export type TextOutcome =
  { readonly ok: true; readonly text: AirGapText } | ({ readonly ok: false; readonly waits: false } & Failure);

/** Options of a call that asks the server. */
export interface CallOptions {
  /** Ends the call early. */
  readonly signal?: AbortSignal;
}

/** Person who uses the license. */
export interface Person {
  readonly name?: string;
  readonly email?: string;
}

/** An open license. Its calls never reject for a refusal, for the network or for the store. */
export class Licensing {
  readonly #settings: DeviceSettings;
  readonly #platform: Platform;
  readonly #installation: Installation;
  readonly #listeners: Set<(snapshot: Snapshot) => void>;
  #turn: Promise<unknown> = Promise.resolve();
  #refresher: Refresher | null = null;

  private constructor(
    settings: DeviceSettings,
    platform: Platform,
    installation: Installation,
    listeners: Set<(snapshot: Snapshot) => void>,
  ) {
    [this.#settings, this.#platform, this.#installation, this.#listeners] = [
      settings,
      platform,
      installation,
      listeners,
    ];
  }

  /** Opens the license of this application and machine. Rejects with a `SettingError` alone. */
  static async open(settings: LicensingSettings, world: Partial<World> = {}): Promise<Licensing> {
    const read = readDeviceSettings(settings);
    const { clock, random, pause } = { ...SYSTEM, ...world };
    const machine = await (read.hardware ?? readThisMachine)();
    const proof: Proof = {
      product: read.product,
      pins: read.pins,
      issuer: read.issuer,
      machine,
      buildDate: read.buildDate,
    };
    const { store, notice } = await openStore(read.store);
    const owner = {
      product: read.product,
      servers: read.servers,
      machines: machineNames(machine, read.product),
      isLeasedHere: async (record: Parameters<typeof verified>[0]) =>
        (await verified(record, proof)).decision.kind === "leased",
    };
    const listeners = new Set<(snapshot: Snapshot) => void>();
    const installation = await Installation.open(proof, new ApplicationStore(store, owner), clock, notice, () => {
      for (const listener of listeners) call(listener, snapshotOf(installation));
    });
    await installation.takeStatementOfBuild();
    return new Licensing(read, { random, pause }, installation, listeners);
  }

  /** True while the application may run. It asks nobody, so call it as often as you like. */
  isUnlocked(): boolean {
    return this.#installation.evaluate().unlocked;
  }

  /** True if a feature is on. */
  hasFeature(feature: string): boolean {
    return this.isUnlocked() && (this.#installation.current.claims?.features ?? []).includes(feature);
  }

  /** A limit of the license, such as the number of agents; `fallback` where the license names none, and while it is
   * locked. The application counts and compares. */
  limit(name: string, fallback: number): number {
    const limits = this.isUnlocked() ? (this.#installation.current.claims?.limits ?? {}) : {};
    return Object.hasOwn(limits, name) ? (limits[name] ?? fallback) : fallback;
  }

  /** One more sentence about the state, with the values of this license: with the lock code `UPDATES_ENDED` the last day
   * whose builds are covered, and the newest covered version where the vendor lists it. */
  detail(): string | null {
    return detailOf(this.#installation.evaluate(), this.#installation.current.claims);
  }

  /** State, for display. */
  status(): State {
    return this.#installation.evaluate().state;
  }

  /** Everything at one instant. */
  snapshot(): Snapshot {
    return snapshotOf(this.#installation);
  }

  /** Calls a listener after each change of the license. Returns a function that ends that. */
  onChange(listener: (snapshot: Snapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes a seat for this device. A refused key replaces nothing. */
  activate(key: string, person: Person = {}, options: CallOptions = {}): Promise<Outcome> {
    return this.#withInput(key, person, options, (session, input, licensee) => session.activate(input, licensee));
  }

  /** Moves a seat of the license to this device. `fromDevice` names the device that loses it, where several are bound. */
  transfer(
    key: string | null,
    { fromDevice, ...person }: Person & { fromDevice?: string } = {},
    options: CallOptions = {},
  ): Promise<Outcome> {
    const typed = key ?? this.#installation.current.record.key ?? "";
    return this.#withInput(typed, person, options, (session, input, licensee) =>
      session.transfer(input, licensee, fromDevice ?? null),
    );
  }

  /** Checks the stored license, after sending the request that waits. */
  refresh(options: CallOptions = {}): Promise<Outcome> {
    return this.#run(options, (session) => session.refresh());
  }

  /** Frees this device's seat and forgets the license. */
  deactivate(options: CallOptions = {}): Promise<Outcome> {
    return this.#run(options, (session) => session.deactivate());
  }

  /** Makes a request for a seat, for a device without a network. The vendor answers it by `falconer activate-offline`, and
   * `importResponse` takes the answer. The request waits in the store; another one replaces it, and then only the answer to
   * that one counts. The text holds no license key, and a tag proves that its maker has one. */
  async activationRequest(key: string, person: Person = {}): Promise<TextOutcome> {
    const [read, licensee] = [readInputKey(key), readLicensee(person.name, person.email)];
    if ("adviceId" in read) return textOutcome(read);
    if ("adviceId" in licensee) return textOutcome(licensee);
    return this.#inTurn(async () => textOutcome(await this.#byFile().request(read, "activate", licensee)));
  }

  /** Makes a request for a later end of the license that was activated here, also where it has ended. */
  renewalRequest(): Promise<TextOutcome> {
    return this.#inTurn(async () => textOutcome(await this.#byFile().renewal()));
  }

  /** Takes the vendor's answer: the text of its file, its short text, or a mail around one of them. It counts if it answers the
   * request that waits here, for this machine. It never moves time back. */
  importResponse(text: string): Promise<Outcome> {
    return this.#inTurn(async () => {
      const failure = await this.#byFile().import(text);
      return this.#outcome(failure === null ? { kind: "done" } : { kind: "failed", failure });
    });
  }

  /** Gives the seat of this device back without a network: forgets the license, and returns a receipt for the vendor's
   * `falconer accept-receipt`. The receipt stays in the store until the next activation, so a second call returns it again. A
   * license that came over the network is given back by `deactivate`. */
  deactivateByReceipt(): Promise<TextOutcome> {
    return this.#inTurn(async () => textOutcome(await this.#byFile().giveBack()));
  }

  /** Checks in the background from now on. */
  startRefresher(): Refresher {
    this.#refresher ??= startRefresher(() => this.#installation, {
      refresh: () => this.refresh(),
      lookForStatement: (ageSeconds) => this.#lookForStatement(ageSeconds),
    });
    return this.#refresher;
  }

  /** Ends the refresher and writes the time that has passed. */
  async close(): Promise<void> {
    await this.#refresher?.stop();
    await this.#turn;
    await this.#installation.keepTime(1);
  }

  async #withInput(
    typed: string,
    person: Person,
    options: CallOptions,
    call: (session: Session, key: NonNullable<ReturnType<typeof readKey>>, licensee: Licensee) => Promise<Result>,
  ): Promise<Outcome> {
    const [key, licensee] = [readInputKey(typed), readLicensee(person.name, person.email)];
    if ("adviceId" in key) return this.#outcome({ kind: "failed", failure: key });
    if ("adviceId" in licensee) return this.#outcome({ kind: "failed", failure: licensee });
    return this.#run(options, (session) => call(session, key, licensee));
  }

  #run({ signal }: CallOptions, call: (session: Session) => Promise<Result>): Promise<Outcome> {
    const session = new Session(
      this.#installation,
      this.#exchanger(),
      this.#platform,
      this.#settings.deviceName,
      signal ?? null,
    );
    return this.#inTurn(async () => this.#outcome(await call(session)));
  }

  #lookForStatement(ageSeconds: number): Promise<void> {
    return this.#inTurn(() => this.#exchanger().lookForStatement(ageSeconds, null));
  }

  #byFile(): ByFile {
    return new ByFile(this.#installation, this.#settings, this.#platform);
  }

  #exchanger(): Exchanger {
    return new Exchanger(this.#settings, this.#platform, this.#installation);
  }

  /** Runs one call after the others, with the store read again. */
  #inTurn<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(async () => {
      await this.#installation.reload();
      return call();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #outcome(result: Result): Outcome {
    if (result.kind === "done") return { ok: true, state: this.status() };
    return { ok: false, waits: result.kind === "waits", ...result.failure };
  }
}

/** Clocks, random numbers and pauses, which tests replace. */
export interface World extends Platform {
  readonly clock: () => ClockReading;
}

const SYSTEM: World = {
  clock: () => ({ wallMs: Date.now(), monotonicMs: performance.now() }),
  random: (bytes) => webcrypto.getRandomValues(new Uint8Array(bytes)),
  pause: wait,
};

/** Reads a typed key. Returns the failure of a text that cannot be one. */
function readInputKey(typed: string): LicenseKey | Failure {
  return readKey(typed) ?? failureOf("input", typed.trim() === "" ? "missing_key" : "invalid_key");
}

function textOutcome(made: AirGapText | Failure): TextOutcome {
  return "adviceId" in made ? { ok: false, waits: false, ...made } : { ok: true, text: made };
}

/** Calls a listener. Its mistake is the application's, and changes no license. */
function call(listener: (snapshot: Snapshot) => void, snapshot: Snapshot): void {
  try {
    listener(snapshot);
  } catch (error) {
    process.emitWarning(`a listener of the license failed: ${String(error)}`, "FalconerWarning");
  }
}

/** Opens the store. One of a newer version is left alone, and memory takes its place. */
async function openStore(store: string | Store): Promise<{ store: Store; notice: StoreError | null }> {
  if (typeof store !== "string") return { store, notice: null };
  const { store: file, notice } = await PlainFile.open(store);
  return { store: notice !== null && isUnusable(notice) ? new MemoryStore() : file, notice };
}

/** Stores of licenses, and one application's part of them: docs/spec/client-store.md. */
import { EMPTY, type Fields, type StoredRecord, fromFields, toFields } from "../record.js";

/** A license as a store holds it, under the three texts that name it. */
export interface StoredLicense {
  readonly product: string;
  readonly server: string;
  readonly machine: string;
  readonly fields: Fields;
}

/** A place for licenses. A write is whole or absent. */
export interface Store {
  /** Reads all licenses. Rejects with a `StoreError`. */
  read(): Promise<readonly StoredLicense[]>;
  /** Reads, changes and writes in one step that no other process disturbs. Rejects with a `StoreError`. */
  update(change: (licenses: readonly StoredLicense[]) => Promise<readonly StoredLicense[]>): Promise<void>;
  /** Notes a request for support: second, endpoint, and code or failure. */
  log(at: number, action: string, outcome: string): Promise<void>;
}

/** Trouble with a store. The id is that of its message. */
export class StoreError extends Error {
  override readonly name = "StoreError";

  constructor(readonly adviceId: StoreAdvice) {
    super(adviceId);
  }
}

/** Ids of the messages about stores. */
export type StoreAdvice =
  | "store_full"
  | "store_read_only"
  | "store_damaged"
  | "store_damaged_while_running"
  | "store_unavailable"
  | "store_newer";

/** A store for a program that keeps nothing, and for a machine that offers no place. */
export class MemoryStore implements Store {
  #licenses: readonly StoredLicense[] = [];

  read(): Promise<readonly StoredLicense[]> {
    return Promise.resolve(this.#licenses);
  }

  async update(change: (licenses: readonly StoredLicense[]) => Promise<readonly StoredLicense[]>): Promise<void> {
    this.#licenses = await change(this.#licenses);
  }

  async log(): Promise<void> {}
}

/** Names that an application's own license can have. */
export interface Owner {
  readonly product: string;
  /** Present host, then former ones. A stored key goes to no other. */
  readonly servers: readonly [string, ...string[]];
  /** Names of this machine, the most lasting first. */
  readonly machines: readonly [string, ...string[]];
  /** True if the record has a lease that counts on this machine. */
  readonly isLeasedHere: (record: StoredRecord) => Promise<boolean>;
}

/** A store, seen by one application on one machine. */
export class ApplicationStore {
  constructor(
    private readonly store: Store,
    private readonly owner: Owner,
  ) {}

  /** Reads the license of this application and machine. */
  async read(): Promise<StoredRecord> {
    return (await find(await this.store.read(), this.owner)).record;
  }

  /** Reads, changes and writes the license in one step, and returns it. */
  async update(change: (record: StoredRecord) => StoredRecord | Promise<StoredRecord>): Promise<StoredRecord> {
    let kept = EMPTY;
    await this.store.update(async (licenses) => {
      const { record, replaces } = await find(licenses, this.owner);
      kept = await change(record);
      if (kept === record) return licenses;
      const { product, servers, machines } = this.owner;
      const own = { product, server: servers[0], machine: machines[0], fields: toFields(kept) };
      const isReplaced = (license: StoredLicense) =>
        license === replaces ||
        (license.product === own.product && license.server === own.server && license.machine === own.machine);
      return [...licenses.filter((license) => !isReplaced(license)), own];
    });
    return kept;
  }

  /** Notes a request. The log is for support alone, so a failure to write it is ignored. */
  async log(at: number, action: string, outcome: string): Promise<void> {
    await this.store.log(at, action, outcome).catch(() => {});
  }
}

interface Found {
  readonly record: StoredRecord;
  readonly replaces: StoredLicense | null;
}

/** Finds the license that counts: this machine's by name, then one whose lease counts here, then another machine's of the
 * same user, which at least knows the key. */
async function find(licenses: readonly StoredLicense[], owner: Owner): Promise<Found> {
  const named = licenses.filter(
    (license) => license.product === owner.product && owner.servers.includes(license.server),
  );
  const rank = (license: StoredLicense) =>
    owner.servers.indexOf(license.server) * owner.machines.length + owner.machines.indexOf(license.machine);
  const here = named.filter((license) => owner.machines.includes(license.machine)).sort((a, b) => rank(a) - rank(b))[0];
  if (here !== undefined) return { record: fromFields(here.fields), replaces: here };
  for (const license of named) {
    const record = fromFields(license.fields);
    if (await owner.isLeasedHere(record)) return { record, replaces: license };
  }
  const records = named.map((license) => fromFields(license.fields));
  const latest = records.sort((a, b) => b.checkpoint.floorMs - a.checkpoint.floorMs)[0] ?? EMPTY;
  const others = { pending: null, givenUpKeys: [], failedAt: null };
  return { record: latest === EMPTY ? EMPTY : { ...latest, ...others }, replaces: null };
}

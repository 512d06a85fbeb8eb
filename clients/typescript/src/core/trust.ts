/** Trusted signature keys: those that an application was built with, and those that they endorse; or, where it was built with
 * a root, those of the root's newest statement and those that they endorse. */
import { type Keys, type ListedKey, endorses, withEndorsed } from "./key-list.js";
import type { Pins } from "./pins.js";
import { type Statement, readStatement } from "./statement.js";
import { type FetchedTrust, type StoredTrust, readFetched, readStored, toStoredText } from "./stored-trust.js";

/** Age of the last look for a statement at which a request looks again: less than the day between two checks, which drifts by
 * seconds. */
export const LOOK_WITH_REQUEST_SECONDS = 20 * 3_600;

/** A key whose stored leases do not count: it is distrusted, or distrusted keys alone vouch for it. */
export interface FormerKey {
  readonly x: string;
  /** Second since which it does not count. What was never noted has ended long ago. */
  readonly since: number;
}

/** All keys that count now. */
export class TrustedKeys {
  private constructor(
    readonly pins: Pins,
    private readonly stored: StoredTrust,
    private readonly keys: Keys,
    /** Keys that the statement leaves out without distrusting them or the keys that vouch for them. A stored answer by one of
     * them counts to its end; nothing that arrives counts by it. */
    private readonly retired: Keys,
    private readonly former: ReadonlyMap<string, FormerKey>,
  ) {}

  /** Trusts what the build and the stored keys prove. Endorsements and the statement are verified anew, so that a pin that a
   * release drops takes along the keys that it alone endorsed. */
  static async of(pins: Pins, kept: string | null = null): Promise<TrustedKeys> {
    const stored = readStored(kept);
    return TrustedKeys.#under(pins, stored, await pins.newest(stored.statement));
  }

  /** Key of a `kid` in base64url, for an answer that arrives. */
  key(kid: string): string | undefined {
    return this.keys.get(kid);
  }

  /** Key of a `kid` for an answer that is stored: also one that does not count any more. */
  keyOfStored(kid: string): string | undefined {
    return this.keys.get(kid) ?? this.retired.get(kid) ?? this.former.get(kid)?.x;
  }

  /** Second since which stored answers by the key of a `kid` do not count; `null` where they do. */
  formerSince(kid: string): number | null {
    return this.former.get(kid)?.since ?? null;
  }

  /** Each trusted `kid` with its key. */
  entries(): [string, string][] {
    return [...this.keys];
  }

  /** The keys that are worth keeping, as JSON for the next start; `null` without any. */
  kept(): string | null {
    return toStoredText(this.stored);
  }

  /** True where a statement has to be asked for: a root is pinned, and the last look is so many seconds ago. */
  isStatementDue(now: number, ageSeconds: number): boolean {
    const { lookedAt } = this.stored;
    return this.pins.root !== null && !(lookedAt !== null && lookedAt <= now && now < lookedAt + ageSeconds);
  }

  /** Learns from the body of an answer of `/api/keys`. An attacker on the network chooses it, so only endorsements that
   * verify count, no key replaces a trusted one, and no list takes anything away. Only a newer statement of the pinned root
   * does. */
  async learned(list: string, now: number): Promise<TrustedKeys> {
    const fetched = readFetched(list);
    if (fetched === null) return this;
    const keys = fetched.keys.length > MAX_FETCHED_KEYS ? [] : fetched.keys;
    return this.#learned({ ...fetched, keys }, now);
  }

  /** Takes the statement of the build, where that is newer than the stored one. */
  async withStatementOfBuild(now: number): Promise<TrustedKeys> {
    return this.pins.root === null ? this : this.#learned({ keys: [], statement: null }, now);
  }

  /** Joins what an earlier run has kept. */
  async joined(kept: string, now: number): Promise<TrustedKeys> {
    const { former, earlier, lookedAt, ...fetched } = readStored(kept);
    const noted = new Map(this.stored.former);
    for (const [kid, since] of former) noted.set(kid, Math.min(since, noted.get(kid) ?? since));
    const stored = { ...this.stored, former: noted, earlier: this.stored.earlier ?? earlier };
    const joined = await this.#with(stored).#learned(fetched, now);
    const latest = lookedAt ?? this.stored.lookedAt;
    return joined.#with({ ...joined.stored, lookedAt: latest });
  }

  #with(stored: StoredTrust): TrustedKeys {
    return new TrustedKeys(this.pins, stored, this.keys, this.retired, this.former);
  }

  static async #under(pins: Pins, stored: StoredTrust, statement: Statement | null): Promise<TrustedKeys> {
    if (statement === null)
      return new TrustedKeys(pins, stored, await withEndorsed(pins.keys, stored.keys), new Map(), new Map());
    const keys = await withEndorsed(statement.keys, [...pins.listed, ...stored.keys], statement.distrusted);
    // Everything that the build and its keys vouch for, so that a stored lease can be verified to its end.
    const known = new Map([...pins.keys, ...keys]);
    // The stored statement may be older than the build's, and the one before it older still.
    for (const jws of [stored.statement, stored.earlier]) {
      const replaced = jws === statement.jws ? null : await readStatement(jws, pins.root);
      for (const [kid, x] of replaced?.keys ?? []) if (!known.has(kid)) known.set(kid, x);
    }
    const good = without(new Map([...pins.former, ...known]), statement.distrusted);
    const retired = without(await withEndorsed(good, stored.keys, statement.distrusted), keys);
    // A distrusted key of the build's list verifies what it has signed itself, and endorses nothing.
    const verifying = new Map([...pins.former, ...(await withEndorsed(known, stored.keys))]);
    const ended = without(without(verifying, keys), retired);
    const former = [...ended].map(([kid, x]) => [kid, { x, since: stored.former.get(kid) ?? -Infinity }] as const);
    return new TrustedKeys(pins, stored, keys, retired, new Map(former));
  }

  async #learned(fetched: FetchedTrust, now: number): Promise<TrustedKeys> {
    const { pins, stored } = this;
    // Without the build's statement, so that the keys which it ends are noticed.
    const before = await TrustedKeys.#under(pins, stored, await readStatement(stored.statement, pins.root));
    const held = await pins.newest(stored.statement);
    const offered = await pins.acceptable(fetched.statement, held);
    const taken = offered !== null && (held === null || offered.serial > held.serial) ? offered : held;
    const replaced =
      taken === null || taken.jws === stored.statement ? {} : { statement: taken.jws, earlier: stored.statement };
    const next = { ...stored, ...replaced, lookedAt: offered === null ? stored.lookedAt : now };
    const trusted = await TrustedKeys.#under(pins, next, taken);
    const keys = await withEndorsed(trusted.keys, fetched.keys, taken?.distrusted);
    // A store that knew of no statement cannot tell that the build's former keys counted, so the build does.
    const ofBuild = "statement" in replaced ? pins.former : [];
    const counted = new Map([...before.keys, ...before.retired, ...ofBuild]);
    const counting = new Map([...keys, ...trusted.retired]);
    const former = taken === null ? stored.former : notedFormer(stored.former, counted, counting, now);
    const isNoted = ({ kid, x }: ListedKey) => former.has(kid) && trusted.former.get(kid)?.x === x;
    const known = stored.keys.filter((key) => counting.get(key.kid) === key.x || isNoted(key));
    return TrustedKeys.#under(pins, { ...next, former, keys: await extended(known, fetched.keys, keys) }, taken);
  }
}

/** Twice the capacity of a key ring. The limit is for fetched keys alone; stored ones were endorsed and stay. */
const MAX_FETCHED_KEYS = 62;

/** The keys without those of some `kid`. */
function without(keys: Keys, kids: { has(kid: string): boolean }): Map<string, string> {
  return new Map([...keys].filter(([kid]) => !kids.has(kid)));
}

/** Notes the keys whose stored answers counted until now, and forgets the notes of those whose answers count. */
function notedFormer(
  noted: ReadonlyMap<string, number>,
  before: Keys,
  counting: Keys,
  now: number,
): Map<string, number> {
  const former = new Map(noted);
  for (const kid of before.keys()) if (!former.has(kid)) former.set(kid, now);
  for (const kid of counting.keys()) former.delete(kid);
  return former;
}

/** Adds the trusted ones of some listed keys to the known ones, and to those the endorsements that verify: an older list may
 * have others than a later one. */
async function extended(known: readonly ListedKey[], listed: readonly ListedKey[], keys: Keys): Promise<ListedKey[]> {
  const extended = new Map(known.map((key) => [key.kid, key]));
  for (const key of listed) {
    if (keys.get(key.kid) !== key.x) continue;
    const endorsedBy = new Map(extended.get(key.kid)?.endorsedBy);
    for (const [kid, signature] of key.endorsedBy) {
      if (!endorsedBy.has(kid) && (await endorses(keys, kid, key, signature))) endorsedBy.set(kid, signature);
    }
    extended.set(key.kid, { ...key, endorsedBy });
  }
  return [...extended.values()];
}

/** The vectors of `tests/vectors/client`, and the profiles that this client claims. */
import { readFileSync } from "node:fs";

export type Profile = "lease" | "trust" | "state" | "hardware";

export interface Vector {
  readonly id: string;
  readonly about: string;
  readonly needs?: readonly string[];
  readonly given: any;
  readonly expect: any;
}

/** Abilities of docs/spec/clients.md that this client claims. */
export const ABILITIES = [
  ...["rfc9864", "receipt", "issuer", "strict", "other-kinds", "every-endorsement", "sealed-time"],
  ...["limits", "root", "air-gap"],
];

/** Numbers of vectors that the files had once: a file that lost its vectors fails. */
const FEWEST: Record<Profile, number> = { lease: 150, trust: 90, state: 265, hardware: 85 };

/** Vectors of a profile that ask for no ability but the claimed ones. */
export function claimed(profile: Profile): Vector[] {
  const file = new URL(`../../../../tests/vectors/client/${profile}.json`, import.meta.url);
  const { version, vectors } = JSON.parse(readFileSync(file, "utf8")) as { version: number; vectors: Vector[] };
  const taken = vectors.filter(({ needs }) => (needs ?? []).every((need) => ABILITIES.includes(need)));
  if (version !== 1 || taken.length < FEWEST[profile]) throw new Error(`${taken.length} vectors of ${profile}`);
  console.log(`${profile}: ${taken.length} of ${vectors.length} vectors are claimed`);
  return taken;
}

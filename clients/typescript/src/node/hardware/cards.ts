/** Chooses the network card that identifies a machine. */
import { DOCKS, HYPERVISORS } from "./card-makers.js";
import { componentOf } from "./components.js";
import type { Surroundings } from "./guest.js";
import { BUSES, type Card } from "./listing.js";

/** Address of the card that is built in most lastingly. What proves nothing is left out before the choice, so that an
 * all-zero address does not hide the card after it. */
export function chosenAddress(cards: readonly Card[], surroundings: Surroundings): string | null {
  const found = cards
    .filter((card) => card.bus === "built_in" || card.bus === "usb")
    .flatMap((card) => {
      const address = card.permanentAddress === null ? null : proving(card.permanentAddress, surroundings);
      return address === null ? [] : [{ address, rank: [BUSES.indexOf(card.bus), card.position, address] as const }];
    });
  found.sort((a, b) => compare(a.rank, b.rank));
  return found[0]?.address ?? null;
}

/** Bit of an address that some administrator or program chose, and not the card's maker. */
const LOCALLY_ADMINISTERED = 0b10;

/** Returns an address in its usual spelling, if it proves something about the machine. */
function proving(text: string, surroundings: Surroundings): string | null {
  const octets = text
    .trim()
    .split(/[:-]/)
    .map((part) => (/^[0-9a-f]{1,2}$/i.test(part) ? parseInt(part, 16) : NaN));
  if (octets.length !== 6 || octets.some(Number.isNaN)) return null;
  const digits = octets.map((octet) => octet.toString(16).padStart(2, "0"));
  const maker = digits.slice(0, 3).join("");
  const isMakers = ((octets[0] ?? 0) & LOCALLY_ADMINISTERED) === 0 && !HYPERVISORS.has(maker) && !DOCKS.has(maker);
  // Hypervisors choose the addresses of their guests, and most of these are locally administered.
  const counts = surroundings === "virtual_machine" || (surroundings === "physical" && isMakers);
  return counts ? componentOf("mac", digits.join(":")) : null;
}

type Rank = readonly [bus: number, position: string, address: string];

function compare(a: Rank, b: Rank): number {
  if (a[0] !== b[0]) return a[0] - b[0];
  const [first, second] = a[1] === b[1] ? [a[2], b[2]] : [a[1], b[1]];
  return first < second ? -1 : first > second ? 1 : 0;
}

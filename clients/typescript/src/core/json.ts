/** Reading of JSON that somebody else wrote. */

/** A JSON object whose members nobody has looked at yet. */
export type JsonObject = Record<string, unknown>;

/** Reads a JSON object. `null` for other text and for other JSON; and for what no server writes at any depth: a member
 * that is there twice, and a whole number that 64 bits do not hold, which JavaScript would round into them. */
export function readObject(text: string): JsonObject | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isObject(value) && isUnambiguous(text) ? value : null;
}

/** True for an object that is no list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a whole number that 64 bits hold. */
export function isInteger(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= -(2 ** 63) && (value as number) <= 2 ** 63;
}

/** True for a list of texts. */
export function areTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** True for an object whose members are all of one kind. */
export function isMapOf<T>(value: unknown, isKind: (member: unknown) => member is T): value is Record<string, T> {
  return isObject(value) && Object.values(value).every(isKind);
}

export const isText = (value: unknown): value is string => typeof value === "string";

/** True for a day of the calendar, as `2027-01-31`. */
export function isDay(value: unknown): value is string {
  if (!isText(value) || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return false;
  const day = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value);
}

const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\],:]/gs;
/** Digits of a whole number that certainly fits into 64 bits. */
const SAFE_DIGITS = 18;

/** Looks through the tokens of valid JSON. Of two members with one name, programs take different ones. */
function isUnambiguous(json: string): boolean {
  const open: (Set<string> | null)[] = [];
  let last = "";
  for (const [token] of json.matchAll(TOKENS)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":" && !isFirst(open.at(-1), JSON.parse(last) as string)) return false;
    else if (token.length > SAFE_DIGITS && /^-?\d+$/.test(token) && BigInt.asIntN(64, BigInt(token)) !== BigInt(token))
      return false;
    last = token;
  }
  return true;
}

function isFirst(names: Set<string> | null | undefined, name: string): boolean {
  if (names?.has(name)) return false;
  names?.add(name);
  return true;
}

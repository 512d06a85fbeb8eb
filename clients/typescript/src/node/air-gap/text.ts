/** The form of the texts that people carry (docs/spec/air-gap.md): a mark, then the content in Crockford's base 32 with its
 * length before it and a checksum behind it. Letters and digits survive what mail programs and people do to a text. */
import { createHash } from "node:crypto";

/** Kinds of text. */
export type TextKind = keyof typeof MARKS;

/** A text that a person carries between a device without a network and the vendor. */
export interface AirGapText {
  /** Whole content of a file, with sentences for people. */
  readonly file: string;
  /** The same on one line, for a QR code: capital letters, digits, `-` and `:` alone. A usual request has some 700 characters
   * and fits version 15 at level L; the longest has 1,754 and fits version 25. */
  readonly short: string;
  /** Name for the file, `falconer-request.txt`. */
  readonly fileName: string;
}

/** Why a text is not one of a kind. Each is the id of its advice. */
export type TextFault = "not_an_answer" | "own_text" | "damaged_text";

/** Writes content as a file and as one line. */
export function writeText(kind: TextKind, words: readonly string[], content: Buffer): AirGapText {
  const body = encode(Buffer.concat([uint16(content.length), content, checksum(kind, content)]));
  const lines = body.match(LINES) ?? [];
  return {
    file: `${words.join("\n")}\n\n${[MARKS[kind], ...lines].join("\n")}\n`,
    short: MARKS[kind] + body,
    fileName: `falconer-${kind}.txt`,
  };
}

/** Finds the content of an answer in a file, a short text or a mail around one of them. White space, line breaks, quotation
 * marks, lower case and everything before the mark and behind the checksum do not count. */
export function readAnswerText(text: string): Buffer | TextFault {
  const plain = text
    .slice(0, MAX_TEXT_CHARS)
    .replace(HYPHENS, "-")
    .replaceAll("\uff1a", ":")
    .replace(/[^0-9A-Za-z:-]/g, "")
    .toUpperCase();
  const place = plain.indexOf(MARKS.answer);
  if (place >= 0) return contentOf("answer", plain.slice(place + MARKS.answer.length)) ?? "damaged_text";
  return plain.includes(MARKS.request) || plain.includes(MARKS.receipt) ? "own_text" : "not_an_answer";
}

/** A QR code's compact mode has each of these characters. */
const MARKS = {
  request: "FALCONER-REQUEST-1:",
  answer: "FALCONER-ANSWER-1:",
  receipt: "FALCONER-RECEIPT-1:",
};
/** A mail around the largest answer. */
const MAX_TEXT_CHARS = 262_144;
/** Hyphens that programs put in place of the plain one. */
const HYPHENS = /[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/g;
/** Mail programs break lines at 76. */
const LINES = /.{1,64}/g;
const LENGTH_BYTES = 2;
/** A slip goes unnoticed once in four thousand million. */
const CHECKSUM_BYTES = 4;
const SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOL_BITS = 5;

function contentOf(kind: TextKind, body: string): Buffer | null {
  const symbols = body.replace(/[^0-9A-Z]/g, "");
  const length = decode(symbols, LENGTH_BYTES)?.readUInt16BE();
  const bytes = length === undefined ? null : decode(symbols, LENGTH_BYTES + length + CHECKSUM_BYTES);
  if (bytes === null || length === undefined) return null;
  const content = bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
  return bytes.subarray(LENGTH_BYTES + length).equals(checksum(kind, content)) ? content : null;
}

function checksum(kind: TextKind, content: Buffer): Buffer {
  return createHash("sha256").update(MARKS[kind]).update(content).digest().subarray(0, CHECKSUM_BYTES);
}

function encode(bytes: Buffer): string {
  let [text, held, bits] = ["", 0, 0];
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= SYMBOL_BITS; bits -= SYMBOL_BITS)
      text += SYMBOLS.charAt((held >> (bits - SYMBOL_BITS)) & 31);
  }
  return bits === 0 ? text : text + SYMBOLS.charAt((held << (SYMBOL_BITS - bits)) & 31);
}

/** The first bytes that symbols stand for; `null` where they are fewer, or one of them is none. Bits behind them belong to the
 * next byte or to nothing. `O` reads as 0, `I` and `L` as 1. */
function decode(symbols: string, count: number): Buffer | null {
  const bytes = Buffer.alloc(count);
  let [length, held, bits] = [0, 0, 0];
  const needed = symbols
    .slice(0, Math.ceil((count * 8) / SYMBOL_BITS))
    .replaceAll("O", "0")
    .replace(/[IL]/g, "1");
  for (const symbol of needed) {
    const value = SYMBOLS.indexOf(symbol);
    if (value < 0) return null;
    held = ((held << SYMBOL_BITS) | value) & 0xfff;
    bits += SYMBOL_BITS;
    if (bits >= 8 && length < count) {
      bits -= 8;
      bytes[length] = (held >> bits) & 0xff;
      length += 1;
    }
  }
  return length === count ? bytes : null;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** base64url as RFC 7515 writes it. `jose` decodes more than that: padding, other alphabets, unused bits that are set. */
import { base64url } from "jose";

/** Decodes a text, or returns `null` where no server writes such a text. */
export function decodeBase64url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  try {
    const bytes = new Uint8Array(base64url.decode(text));
    return base64url.encode(bytes) === text ? bytes : null;
  } catch {
    return null;
  }
}

/** Decodes a text of UTF-8, or returns `null`. */
export function decodeText(text: string): string | null {
  const bytes = decodeBase64url(text);
  try {
    return bytes && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

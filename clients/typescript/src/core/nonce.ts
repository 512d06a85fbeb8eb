/** New nonce for a request: 32 hexadecimal digits. `null` where the platform has no random numbers. A page on plain
 * `http` has `getRandomValues`, but no `randomUUID`. */
export function newNonce(): string | null {
  try {
    const bytes = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    return null;
  }
}

const NONCE_BYTES = 16;

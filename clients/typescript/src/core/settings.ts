/** Settings that every entry of the package has, checked once. */
import { SettingError } from "./failure.js";
import { type Pins, type PublicKeys, readPins } from "./pins.js";
import type { Fetch } from "./transport.js";

/** Settings of an application. */
export interface FalconerSettings {
  /** Code of the product, as `QF`. */
  readonly product: string;
  /** Address of the license server, as `https://licenses.example.com`. */
  readonly url: string;
  /** Answer of `GET /api/keys`, saved when the application was built; or the file that `falconer root pin` writes, with the
   * vendor's root. */
  readonly keys: PublicKeys;
  /** Issuer to insist on; any by default. */
  readonly issuer?: string;
  /** Longest wait for one attempt; 10 seconds by default. */
  readonly timeoutMs?: number;
  /** Name of the application, which the vendor's audit shows. With it a question has the members `license`, `timestamp` and
   * `origin` of the Flask server's page. */
  readonly origin?: string;
  /** Function to ask with; the platform's `fetch` by default. */
  readonly fetch?: Fetch;
}

/** Settings, read. */
export interface Settings {
  readonly product: string;
  readonly url: string;
  readonly pins: Pins;
  readonly issuer: string | null;
  readonly timeoutMs: number;
  readonly origin: string | null;
  readonly fetch: Fetch;
}

/** Reads the settings. Throws a `SettingError` that names the wrong one. */
export function readSettings(settings: FalconerSettings): Settings {
  const { product, url, keys, issuer, timeoutMs = DEFAULT_TIMEOUT_MS, origin, fetch } = settings;
  if (!/^[A-Z0-9]{2,8}$/.test(product))
    throw new SettingError("product", "the product is 2 to 8 capital letters and digits, such as QF");
  if (!(timeoutMs > 0)) throw new SettingError("timeoutMs", "the time-out is a number of milliseconds above 0");
  return {
    product,
    url: readUrl(url),
    pins: readPins(keys),
    issuer: issuer ?? null,
    timeoutMs,
    origin: origin ?? null,
    // Browsers' `fetch` has to be called on the window.
    fetch: fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
}

const DEFAULT_TIMEOUT_MS = 10_000;
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.includes(url.hostname));
  if (url === null || !isSafe)
    throw new SettingError(
      "url",
      "the url begins with https:// and names the license server; http:// is for localhost alone",
    );
  if (url.username || url.password || url.search || url.hash)
    throw new SettingError("url", "the url has no user, no query and no fragment");
  return url.href.replace(/\/+$/, "");
}

/** Requests over `fetch`, which browsers and Node have. */
import type { Reply } from "./answer.js";

/** A function as `fetch` is. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** One request. */
export interface Request {
  readonly url: string;
  /** JSON to send; `null` asks with `GET`. */
  readonly body: string | null;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | null;
  /** Tells why `fetch` rejected, where the platform says so. */
  readonly explain?: (error: unknown) => NoReply;
}

/** Why no reply arrived. Each is the id of its advice; a browser tells no more than `unreachable`. */
export type NoReply = "unreachable" | "timeout" | "cancelled" | "dns" | "connect" | "certificate" | "clock";

/** Sends one request. A redirection is not followed: it would hand the license key to another server. */
export async function send(fetch: Fetch, request: Request): Promise<Reply | NoReply> {
  const timeout = AbortSignal.timeout(request.timeoutMs);
  const signal = request.signal === null ? timeout : AbortSignal.any([timeout, request.signal]);
  const sent =
    request.body === null ? { method: "GET" } : { method: "POST", headers: JSON_HEADERS, body: request.body };
  try {
    const response = await fetch(request.url, {
      ...sent,
      signal,
      redirect: "manual",
      credentials: "omit",
      cache: "no-store",
    });
    const retryAfterSeconds = readRetryAfter(response.headers.get("retry-after"));
    return { status: response.status, retryAfterSeconds, body: await readText(response) };
  } catch (error) {
    if (request.signal?.aborted) return "cancelled";
    return timeout.aborted ? "timeout" : (request.explain?.(error) ?? "unreachable");
  }
}

/** Reads `Retry-After` where it is a number of seconds. */
export function readRetryAfter(header: string | null | undefined): number | null {
  const text = header?.trim() ?? "";
  return /^\d{1,9}$/.test(text) ? Number(text) : null;
}

const JSON_HEADERS = { "content-type": "application/json" };
/** Far above the longest answer, which lists 100 devices. A portal may send pages without end. */
const MAX_BODY_BYTES = 1_048_576;

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let [text, length] = ["", 0];
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return text + decoder.decode();
    length += value.length;
    if (length > MAX_BODY_BYTES) {
      await reader?.cancel();
      return "";
    }
    text += decoder.decode(value, { stream: true });
  }
}

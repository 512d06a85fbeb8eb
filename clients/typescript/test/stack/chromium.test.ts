/** The core in a real Chromium: the vectors in a secure context and outside one, and the real functions with real CORS. */
import type { Server } from "node:http";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Liar, type Told, newSigner, yes } from "../liar.js";
import { type Profile, claimed } from "../vectors/vectors.js";
import { duringOutage, issue, operator, stack } from "./control.js";
import { PORTS } from "./ports.js";
import { serve, startBrowser } from "./site.js";

const HOME = join(import.meta.dirname, "../..");
const { allowed: ALLOWED, other: OTHER } = PORTS;
let browser: Browser;
const sites: Server[] = [];

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(HOME, "test/vectors/page.ts")],
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    outdir: "/",
    write: false,
  });
  const files = Object.fromEntries(outputFiles.map(({ path, text }) => [path, text]));
  const core = await build({
    stdin: {
      contents: `import { createFalconer } from "falconer-licensing"; globalThis.createFalconer = createFalconer;`,
      resolveDir: HOME,
    },
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  const pages = {
    ...files,
    "/index.html": `<!doctype html><title>vectors</title><script type="module" src="/page.js"></script>`,
    "/core.html": `<!doctype html><title>core</title><script type="module">${core.outputFiles[0]!.text}</script>`,
  };
  sites.push(await serve(ALLOWED, null, pages), await serve(OTHER, null, pages));
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  for (const site of sites) site.close();
});

test.each([
  ["a secure context", `http://127.0.0.1:${ALLOWED}/`, true],
  ["plain http", `http://insecure.test:${ALLOWED}/`, false],
])("all vectors of the core hold in %s", async (_name, address, isSecure) => {
  const page = await browser.newPage();
  const loaded: string[] = [];
  page.on("request", (request) => loaded.push(request.url()));
  await page.goto(address);
  expect(await page.evaluate("isSecureContext")).toBe(isSecure);
  expect(await page.evaluate("typeof crypto.subtle")).toBe(isSecure ? "object" : "undefined");
  for (const profile of ["lease", "trust"] as Profile[]) {
    const vectors = claimed(profile);
    const seen = await page.evaluate(
      async ([name, all]) =>
        Promise.all((all as any[]).map(({ given }) => (globalThis as any).conclude[name as string](given))),
      [profile, vectors] as const,
    );
    vectors.forEach(({ id, expect: expected }, place) => expect(seen[place], id).toEqual(expected));
  }
  // The bundled verifier is loaded only where the browser has none.
  expect(loaded.some((url) => url.includes("bundled-ed25519"))).toBe(!isSecure);
  await page.close();
});

/** Asks about a key in a page of this origin. */
async function verify(port: number, key: string, more: object = {}): Promise<any> {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/core.html`);
  await page.waitForFunction("globalThis.createFalconer");
  const settings = { product: "QF", url: stack.url, keys: stack.keys, timeoutMs: 3_000, ...more };
  const answer = await page.evaluate(([own, typed]) => (globalThis as any).createFalconer(own).verify(typed), [
    settings,
    key,
  ] as const);
  await page.close();
  return answer;
}

test("a page asks the real functions across origins", async () => {
  const { licenseKey, licenseId } = await issue("--tier", "pro", "--days", "30");
  expect(await verify(ALLOWED, licenseKey)).toMatchObject({ ok: true, license: { tier: "pro", id: licenseId } });
  await operator("revoke", "--reason", "test", licenseId);
  expect(await verify(ALLOWED, licenseKey)).toMatchObject({ ok: false, kind: "refused", code: "REVOKED" });
  expect(await duringOutage(() => verify(ALLOWED, licenseKey))).toMatchObject({
    ok: false,
    kind: "unanswered",
    adviceId: "unreachable",
  });
});

test("a page of an origin that is not allowed gets no answer, and refuses nobody", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  expect(await verify(OTHER, licenseKey)).toMatchObject({ ok: false, kind: "unanswered", code: null });
});

test("a page for another product refuses nobody", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  expect(await verify(ALLOWED, licenseKey, { product: "XY" })).toMatchObject({
    ...{ ok: false, kind: "unanswered", adviceId: "other_product" },
  });
});

describe("a server that lies to a page, with the headers that let it answer", () => {
  const CORS = { "access-control-allow-origin": "*", "access-control-allow-headers": "content-type" };
  let [liar, signer] = [null as unknown as Liar, newSigner("1")];
  beforeAll(async () => {
    [liar, signer] = [await Liar.start(), newSigner("1")];
  });
  afterAll(() => liar.stop());

  /** Asks a server that answers this to the question. */
  async function ask(told: (body: any) => Told | null): Promise<any> {
    liar.asked.length = 0;
    liar.answer = (_path, body) => {
      const answer = body === null ? { status: 204 } : told(body);
      return answer && { ...answer, headers: { ...CORS, ...answer.headers } };
    };
    return verify(ALLOWED, "QF-PRO-KEY", { url: liar.url, keys: { keys: [signer.jwk] } });
  }

  test("an honest one is believed", async () => {
    expect(await ask(({ nonce }) => ({ body: yes(signer, nonce) }))).toMatchObject({ ok: true });
  });

  test.each<[string, (body: any) => Told | null, string]>([
    ["an unsigned yes", () => ({ body: { valid: true, code: "VALID", tier: "elite" } }), "not_the_server"],
    ["an unsigned no", () => ({ status: 401, body: { valid: false, code: "REVOKED" } }), "not_the_server"],
    ["a portal's page", () => ({ body: "<html>Sign in</html>" }), "not_the_server"],
    ["a portal's redirection", () => ({ status: 307, headers: { location: "/sign-in" } }), "not_the_server"],
    ["another's signature", ({ nonce }) => ({ body: yes(newSigner("1"), nonce) }), "untrusted_signature"],
    ["a replayed yes", () => ({ body: yes(signer, "0".repeat(32)) }), "not_for_this_request"],
    ["another product's yes", ({ nonce }) => ({ body: yes(signer, nonce, { aud: "XY" }) }), "other_product"],
    ["no answer", () => null, "unreachable"],
  ])("%s decides nothing", async (_name, told, adviceId) => {
    expect(await ask(told)).toMatchObject({ ok: false, kind: "unanswered", code: null, adviceId });
    // The key goes nowhere else.
    expect(liar.asked.filter(({ path }) => path === "/sign-in")).toEqual([]);
  });
});

test("the request of the Flask server's page works unchanged", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30", "--user", "user_abc123");
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${ALLOWED}/core.html`);
  const answer = await page.evaluate(
    async ([url, license]) => {
      const body = JSON.stringify({ license, timestamp: Date.now(), origin: "quantum-falcon-cockpit" });
      const response = await fetch(`${url}/api/verify`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
      });
      return response.json();
    },
    [stack.url, licenseKey] as const,
  );
  expect(answer).toMatchObject({
    valid: true,
    tier: "pro",
    userId: "user_abc123",
    expiresAt: expect.any(Number),
    features: expect.arrayContaining(["copy_trading"]),
  });
  await page.close();
});

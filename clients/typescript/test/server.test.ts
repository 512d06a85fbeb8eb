/** Guards on real servers: Express, and a handler in the form of `fetch`. */
import type { Server } from "node:http";
import express from "express";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createFalconer } from "../src/index.js";
import { type GuardOptions, requireLicense } from "../src/server.js";
import { Liar, type Signer, newSigner, no, yes } from "./liar.js";

let [liar, signer] = [null as unknown as Liar, null as unknown as Signer];
let app: Server;
let url = "";

beforeEach(async () => {
  [liar, signer] = [await Liar.start(), newSigner("1")];
  liar.answer = (_, { nonce, license }) => ({
    body: yes(signer, nonce, { features: license === "BASIC" ? [] : ["copy_trading"] }),
  });
});
afterEach(() => {
  app?.close();
  liar.stop();
  vi.restoreAllMocks();
});

const guard = (options: GuardOptions = {}) =>
  requireLicense(
    createFalconer({ product: "QF", url: liar.url, keys: { keys: [signer.jwk] }, timeoutMs: 300 }),
    options,
  );

async function serve(options: GuardOptions = {}): Promise<void> {
  const site = express();
  site.use("/signals", guard({ feature: "copy_trading", ...options }).express);
  site.get(
    "/signals",
    (_request, response) => void response.json({ for: (response.locals["license"] as { id: string }).id }),
  );
  await new Promise<void>((resolve) => (app = site.listen(0, "127.0.0.1", () => resolve())));
  url = `http://127.0.0.1:${(app.address() as { port: number }).port}/signals`;
}

const ask = (key: string) => fetch(url, { headers: { authorization: `Bearer ${key}` } });

test("Express serves a license and nobody else", async () => {
  await serve();
  const answer = await ask("PRO");
  expect([answer.status, await answer.json()]).toEqual([200, { for: "lic_1" }]);
  expect((await fetch(url, { headers: { "x-license-key": "PRO" } })).status).toBe(200);
  const anonymous = await fetch(url);
  expect([anonymous.status, anonymous.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  const basic = await ask("BASIC");
  expect([basic.status, (await basic.json()).code]).toEqual([403, "FEATURE_REQUIRED"]);
});

test("a refusal is 403 with its code and advice", async () => {
  await serve();
  liar.answer = (_, { nonce }) => ({ status: 401, body: no(signer, nonce, "REVOKED") });
  const answer = await ask("PRO");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([403, "application/problem+json"]);
  const problem = await answer.text();
  expect(JSON.parse(problem)).toMatchObject({
    code: "REVOKED",
    adviceId: "revoked",
    title: "The vendor has ended this license.",
  });
  expect(problem).not.toContain("PRO");
});

test("each yes is remembered, and an outage refuses no customer", async () => {
  await serve();
  const clock = vi.spyOn(performance, "now");
  for (let times = 0; times < 5; times += 1) await ask("PRO");
  expect(liar.asked).toHaveLength(1);
  liar.answer = () => null;
  clock.mockImplementation(() => 400_000);
  expect((await ask("PRO")).status).toBe(200);
  const newcomer = await ask("OTHER");
  expect([newcomer.status, newcomer.headers.get("retry-after")]).toEqual([503, "30"]);
  clock.mockImplementation(() => 90_000_000);
  expect((await ask("PRO")).status).toBe(503);
});

test("a revocation counts when the lease has ended", async () => {
  await serve();
  const clock = vi.spyOn(performance, "now");
  await ask("PRO");
  liar.answer = (_, { nonce }) => ({ status: 401, body: no(signer, nonce, "REVOKED") });
  clock.mockImplementation(() => 900_000);
  expect((await ask("PRO")).status).toBe(403);
});

test("a handler of fetch gets the license", async () => {
  const handler = guard({ feature: "copy_trading" }).fetch((_request, license, word: string) =>
    Response.json({ tier: license.tier, word }),
  );
  const request = (key?: string) =>
    new Request("http://localhost/", key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });
  expect(await (await handler(request("PRO"), "hello")).json()).toEqual({ tier: "pro", word: "hello" });
  expect((await handler(request(), "hello")).status).toBe(401);
  expect((await handler(request("BASIC"), "hello")).status).toBe(403);
});

test("an application reads the key where it likes", async () => {
  await serve({ key: (header) => header("x-own") });
  expect((await fetch(url, { headers: { "x-own": "PRO" } })).status).toBe(200);
});

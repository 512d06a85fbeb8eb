/** The core against servers that lie, over real HTTP. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { LeaseError, SettingError, createFalconer } from "../src/index.js";
import { Liar, type Signer, claims, endorse, newSigner, no, signed, yes } from "./liar.js";

let [liar, signer] = [null as unknown as Liar, null as unknown as Signer];

beforeEach(async () => {
  [liar, signer] = [await Liar.start(), newSigner("1")];
});
afterEach(() => liar.stop());

const client = (settings: object = {}) =>
  createFalconer({ product: "QF", url: liar.url, keys: { keys: [signer.jwk] }, timeoutMs: 500, ...settings });
const UNANSWERED = { ok: false, kind: "unanswered", code: null };

test("a signed yes has the license", async () => {
  liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce) });
  const answer = await client().verify(" QF-PRO-KEY ");
  expect(answer).toMatchObject({
    ok: true,
    license: { id: "lic_1", tier: "pro", features: ["copy_trading"], expiresAt: null, code: "VALID" },
  });
  expect(liar.asked).toEqual([
    { path: "/api/verify", body: { license: "QF-PRO-KEY", nonce: expect.stringMatching(/^[0-9a-f]{32}$/) } },
  ]);
});

test("a question has the members of the Flask server's page", async () => {
  liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce) });
  await client({ origin: "quantum-falcon-cockpit" }).verify("QF-PRO-KEY");
  expect(liar.asked[0]?.body).toEqual({
    license: "QF-PRO-KEY",
    timestamp: expect.closeTo(Date.now(), -4),
    origin: "quantum-falcon-cockpit",
    nonce: expect.any(String),
  });
});

test("a signed refusal is data", async () => {
  liar.answer = (_, { nonce }) => ({ status: 401, body: no(signer, nonce, "REVOKED") });
  expect(await client().verify("K")).toMatchObject({
    ok: false,
    kind: "refused",
    code: "REVOKED",
    adviceId: "revoked",
    licenseId: "lic_1",
    refusal: expect.any(String),
  });
  liar.answer = (_, { nonce }) => ({ status: 401, body: no(signer, nonce, "A_CODE_OF_TOMORROW") });
  expect(await client().verify("K")).toMatchObject({
    kind: "refused",
    code: "A_CODE_OF_TOMORROW",
    adviceId: "refused",
  });
});

test("an unknown key is refused without a signature", async () => {
  liar.answer = () => ({ status: 401, body: { valid: false, code: "INVALID_SIGNATURE" } });
  expect(await client().verify("K")).toMatchObject({
    kind: "refused",
    code: "INVALID_SIGNATURE",
    refusal: null,
    adviceId: "invalid_signature",
  });
});

test.each<[string, Liar["answer"], string]>([
  ["a lying server's unsigned yes", () => ({ body: { valid: true, code: "VALID", tier: "elite" } }), "not_the_server"],
  [
    "a lying server's unsigned refusal",
    () => ({ status: 401, body: { valid: false, code: "REVOKED" } }),
    "not_the_server",
  ],
  ["a portal's page", () => ({ body: "<html>Sign in</html>" }), "not_the_server"],
  ["a portal's redirection", () => ({ status: 302, headers: { location: "http://127.0.0.1:9/" } }), "not_the_server"],
  ["a portal's own status", () => ({ status: 511, body: "{}" }), "not_the_server"],
  [
    "an endless page",
    (_, { nonce }) => ({ body: { ...yes(signer, nonce), padding: "a".repeat(2_000_000) } }),
    "not_the_server",
  ],
  ["no answer", () => null, "unreachable"],
  ["a server that is busy", () => ({ status: 503, headers: { "retry-after": "60" } }), "busy"],
])("%s decides nothing", async (_name, told, adviceId) => {
  liar.answer = told;
  const answer = await client().verify("K");
  expect(answer).toMatchObject({ ...UNANSWERED, adviceId });
  if (adviceId === "busy") expect((answer as { retryAt: Date }).retryAt.getTime()).toBeCloseTo(Date.now() + 60_000, -4);
});

test.each<[string, (nonce: string, stranger: Signer) => string, string]>([
  ["another's signature", (nonce, stranger) => signed(stranger, claims(nonce)), "untrusted_signature"],
  ["a replayed yes", () => signed(signer, claims("0".repeat(32))), "not_for_this_request"],
  ["another product's yes", (nonce) => signed(signer, claims(nonce, { aud: "XY" })), "other_product"],
  [
    "a refusal sold as a lease",
    (nonce) => signed(signer, claims(nonce, { valid: false, code: "REVOKED" })),
    "other_product",
  ],
])("%s decides nothing", async (_name, lease, adviceId) => {
  const stranger = newSigner("1");
  liar.answer = (_, { nonce }) => ({ body: { valid: true, code: "VALID", lease: lease(nonce, stranger) } });
  expect(await client().verify("K")).toMatchObject({ ...UNANSWERED, adviceId });
});

test("an issuer that was configured is the only one", async () => {
  liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce) });
  expect(await client({ issuer: "another" }).verify("K")).toMatchObject({
    ...UNANSWERED,
    adviceId: "untrusted_signature",
  });
  expect(await client({ issuer: "falconer" }).verify("K")).toMatchObject({ ok: true });
});

test("a server that is silent costs the time-out", async () => {
  const silent = createFalconer({
    product: "QF",
    url: liar.url,
    keys: { keys: [signer.jwk] },
    timeoutMs: 100,
    fetch: (_url, { signal }) =>
      new Promise((_, reject) => signal!.addEventListener("abort", () => reject(new Error("late")))),
  });
  expect(await silent.verify("K")).toMatchObject({ ...UNANSWERED, adviceId: "timeout" });
});

test("a caller can cancel", async () => {
  const cancel = new AbortController();
  liar.answer = () => (cancel.abort(), null);
  expect(await client().verify("K", { signal: cancel.signal })).toMatchObject({ ...UNANSWERED, adviceId: "cancelled" });
  expect(liar.asked).toHaveLength(1);
});

test("a lost race and a busy moment are asked again", async () => {
  let tries = 0;
  liar.answer = (_, { nonce }) => {
    tries += 1;
    if (tries === 1) return { status: 503, body: {} };
    return tries === 2
      ? { status: 409, headers: { "retry-after": "0" }, body: { code: "CONCURRENT_UPDATE" } }
      : { body: yes(signer, nonce) };
  };
  expect(await client().verify("K")).toMatchObject({ ok: true });
  expect(new Set(liar.asked.map(({ body }) => body.nonce)).size).toBe(1);
});

test("a hundred questions about a key at once are one request", async () => {
  liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce) });
  const falconer = client();
  const answers = await Promise.all(Array.from({ length: 100 }, () => falconer.verify("K")));
  expect(answers.every(({ ok }) => ok)).toBe(true);
  expect(liar.asked).toHaveLength(1);
  const others = await Promise.all(Array.from({ length: 100 }, (_, number) => falconer.verify(`K${number}`)));
  expect(others.every(({ ok }) => ok)).toBe(true);
  expect(new Set(liar.asked.map(({ body }) => body.nonce)).size).toBe(101);
});

test("an endorsed key is learned once, and kept", async () => {
  const [next, stranger] = [newSigner("2"), newSigner("3")];
  endorse(signer, next);
  liar.answer = (path, body) =>
    path === "/api/keys" ? { body: { keys: [signer.jwk, next.jwk, stranger.jwk] } } : { body: yes(next, body.nonce) };
  const falconer = client();
  expect(await falconer.verify("K")).toMatchObject({ ok: true });
  await falconer.verify("K");
  expect(liar.asked.map(({ path }) => path)).toEqual(["/api/verify", "/api/keys", "/api/verify"]);
  const lease = signed(next, claims("n"));
  await expect(client().verifyLease(lease)).rejects.toMatchObject({ reason: "not_trusted" });
  const restarted = client();
  await restarted.importKeys((await falconer.exportKeys())!);
  expect(await restarted.verifyLease(lease)).toMatchObject({ id: "lic_1" });
  await restarted.importKeys(JSON.stringify({ keys: [stranger.jwk] }));
  await expect(restarted.verifyLease(signed(stranger, claims("n")))).rejects.toMatchObject({ reason: "not_trusted" });
});

test("a lease is verified without the network", async () => {
  const falconer = client();
  const lease = signed(signer, claims("n"));
  expect(await falconer.verifyLease(lease, { licenseId: "lic_1", nonce: "n" })).toMatchObject({
    id: "lic_1",
    tier: "pro",
  });
  const cases: [string, object, string][] = [
    [lease, { licenseId: "lic_2" }, "other_license"],
    [lease, { nonce: "m" }, "other_license"],
    [lease, { at: new Date(Date.now() + 301_000) }, "ended"],
    [lease, { at: new Date(Date.now() - 3_600_000) }, "not_yet_valid"],
    [signed(signer, claims("n", { aud: "XY" })), {}, "other_product"],
    [signed(signer, claims("n", { aud: "QF/refusal", valid: false, code: "REVOKED" })), {}, "refused"],
    [`${lease.slice(0, -4)}AAAA`, {}, "not_trusted"],
    ["no lease at all", {}, "not_trusted"],
  ];
  for (const [jws, expected, reason] of cases) {
    const failure: LeaseError = await falconer.verifyLease(jws, expected).then(
      () => expect.fail(reason),
      (error) => error,
    );
    expect(failure).toBeInstanceOf(LeaseError);
    expect(failure.reason).toBe(reason);
  }
  expect(liar.asked).toEqual([]);
});

test("text that cannot be a key is not sent", async () => {
  expect(await client().verify("  ")).toMatchObject({ ok: false, kind: "input", adviceId: "missing_key" });
  expect(await client().verify("K".repeat(1_025))).toMatchObject({ ok: false, kind: "input", adviceId: "invalid_key" });
  expect(liar.asked).toEqual([]);
});

test.each([
  ["product", { product: "qf" }],
  ["url", { url: "http://licenses.example.com" }],
  ["url", { url: "ftp://licenses.example.com" }],
  ["url", { url: "https://user:word@licenses.example.com" }],
  ["keys", { keys: "no JSON" }],
  ["keys", { keys: { keys: [] } }],
  ["keys", { keys: { keys: [{ kty: "OKP", crv: "Ed25519", kid: "1", x: "short" }] } }],
  ["timeoutMs", { timeoutMs: 0 }],
])("a wrong %s is named", (setting, wrong) => {
  const open = () => client(wrong);
  expect(open).toThrow(SettingError);
  expect(open).toThrow(expect.objectContaining({ setting }));
});

test("no message shows the license key", async () => {
  liar.answer = () => null;
  const answer = await client().verify("QF-PRO-SECRET");
  expect(JSON.stringify(answer)).not.toContain("SECRET");
  expect(liar.asked.every(({ path }) => path === "/api/verify")).toBe(true);
});

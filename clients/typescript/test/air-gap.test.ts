/** A device without a network: the texts that people carry, and what they gain. The rules are in the vectors. */
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type AirGapText, Licensing, type LicensingSettings, type Outcome, type TextOutcome } from "../src/node.js";
import { readAnswerText, writeText } from "../src/node/air-gap/text.js";
import { type Components, componentsOf, stated } from "../src/node/hardware/components.js";
import { delayMs } from "../src/node/refresher.js";
import { Liar, claims, newSigner, signed, yes } from "./liar.js";

const KEY = "QF-PRO-3D93F-4699X-ZD3T9-CSAZB-DAS0J-4BYWJ";
/** A build with a root would look for its statement once a day. */
const ROOT = newSigner("root").jwk;
let [liar, signer, later] = [null as unknown as Liar, newSigner("1"), 0];

beforeEach(async () => {
  [liar, signer, later] = [await Liar.start(), newSigner("1"), 0];
});
afterEach(() => {
  expect(liar.asked.filter(({ path }) => path !== "/api/verify" && path !== "/api/activate-sync")).toEqual([]);
  liar.stop();
});

const newStore = () => join(mkdtempSync(join(tmpdir(), "falconer-air-gap-")), "license.json");
const HARDWARE = { board: "a-board", mac: "54:e1:ad:44:55:66" };

function open(store: string, settings: Partial<LicensingSettings> = {}): Promise<Licensing> {
  const components = componentsOf(HARDWARE);
  const hardware = async () => ({ components, platform: "physical", isVirtualMachine: false, guest: null }) as const;
  const own = { product: "QF", url: liar.url, keys: { keys: [signer.jwk] }, store, hardware, timeoutMs: 300 };
  const clock = () => ({ wallMs: Date.now() + later, monotonicMs: performance.now() + later });
  return Licensing.open({ ...own, ...settings }, { clock, pause: async () => {} });
}

/** The text of a call that makes one. */
async function textOf(made: Promise<TextOutcome>): Promise<AirGapText> {
  const outcome = await made;
  if (!outcome.ok) throw new Error(outcome.adviceId);
  return outcome.text;
}

/** The fields of a text, as docs/spec/air-gap.md has them; it shares no code with the package. */
function fieldsOf(text: string, mark: string): [string, Buffer][] {
  expect(text.startsWith(mark)).toBe(true);
  const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const bits = [...text.slice(mark.length)]
    .map((symbol) => symbols.indexOf(symbol).toString(2).padStart(5, "0"))
    .join("");
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const content = bytes.subarray(2, 2 + bytes.readUInt16BE());
  const sum = createHash("sha256").update(mark).update(content).digest().subarray(0, 4);
  expect(bytes.subarray(2 + content.length, 6 + content.length)).toEqual(sum);
  const fields: [string, Buffer][] = [];
  for (let at = 0; at < content.length;) {
    const length = content.readUInt16BE(at + 1);
    fields.push([String.fromCharCode(content[at]!), content.subarray(at + 3, at + 3 + length)]);
    at += 3 + length;
  }
  const [tag, tagged] = [fields.at(-1)!, content.subarray(0, content.length - 19)];
  const domain = mark.includes("REQUEST") ? "falconer/air-gap-request/v1\0" : "falconer/air-gap-receipt/v1\0";
  expect(tag).toEqual(["m", createHmac("sha256", KEY).update(domain).update(tagged).digest().subarray(0, 16)]);
  return fields;
}

/** The operator's answer to a request, with a lease of these claims. */
function answerTo(request: AirGapText, changes: object = {}, keys?: string): AirGapText {
  const fields = fieldsOf(request.short, "FALCONER-REQUEST-1:");
  const find = (name: string) => fields.find(([field]) => field === name)![1];
  const sent: Components = Object.fromEntries(
    fields
      .filter(([name]) => name === "h")
      .map(([, part]) => [part.toString("latin1").split("\0")[0]!, part.subarray(part.indexOf(0) + 1).toString("hex")]),
  );
  const at = Math.floor((Date.now() + later) / 1_000);
  const term = {
    at,
    exp: at + 365 * 86_400,
    refresh_at: at + 335 * 86_400,
    interval: 335 * 86_400,
    grace: 30 * 86_400,
  };
  const device = { device: "dev_0123456789abcdef", hw: stated(sent), hw_threshold: 2, sub: `lic_${"0".repeat(24)}` };
  const lease = claims(find("n").toString("hex"), { ...term, ...device, air_gap: true, jti: "lease-1", ...changes });
  const parts = signed(signer, lease)
    .split(".")
    .map((part) => ["j", Buffer.from(part, "base64url")] as const);
  const all = keys === undefined ? parts : [...parts, ["k", Buffer.from(keys)] as const];
  const field = ([name, value]: readonly [string, Buffer]) =>
    Buffer.concat([Buffer.from([name.charCodeAt(0), value.length >> 8, value.length & 255]), value]);
  return writeText("answer", ["Give this file to the device."], Buffer.concat(all.map(field)));
}

async function activated(store: string): Promise<Licensing> {
  const licensing = await open(store, { keys: { keys: [signer.jwk], root: ROOT } });
  const request = await textOf(licensing.activationRequest(KEY));
  expect(await licensing.importResponse(answerTo(request).file)).toEqual({ ok: true, state: "ACTIVE" });
  return licensing;
}

test("a request has the fields of the specification, and no license key", async () => {
  const licensing = await open(newStore(), { deviceName: `${"é".repeat(70)}\n!` });
  const request = await textOf(licensing.activationRequest(KEY, { name: "Anna Example", email: "anna@example.com" }));
  const fields = fieldsOf(request.short, "FALCONER-REQUEST-1:");
  const texts = Object.fromEntries(fields.map(([name, value]) => [name, value.toString("utf8")]));
  expect(texts).toMatchObject({
    ...{
      p: "QF",
      w: "activate",
      l: "QF-PRO-…-4BYWJ",
      k: "1",
      d: "é".repeat(60),
      o: "Anna Example",
      e: "anna@example.com",
    },
  });
  expect(fields.filter(([name]) => name === "h")).toHaveLength(2);
  expect(fields.find(([name]) => name === "n")![1]).toHaveLength(16);
  expect(request.file).toContain("Send this file to the vendor.");
  expect(request.file.split("\n").every((line) => line.length <= 90)).toBe(true);
  expect(request.fileName).toBe("falconer-request.txt");
  expect(request.short).toMatch(/^[0-9A-Z:-]{500,758}$/);
  for (const secret of ["3D93F", "4699X", "a-board"]) expect(request.file + request.short).not.toContain(secret);
  expect(licensing.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", pending: { name: "answer" } });
});

test("the longest request fits the largest QR code for it", async () => {
  const name = "界".repeat(255);
  const components = Object.fromEntries(
    ["machine_id", "mac", "board", "disk", "install", "cpu", "hostname"].map((label) => [
      label,
      `${label} of this one`,
    ]),
  );
  const hardware = async () =>
    ({ components, platform: "virtual_machine", isVirtualMachine: true, guest: null }) as const;
  const keys = { keys: Array.from({ length: 31 }, (_, number) => newSigner(String(number + 1)).jwk) };
  const licensing = await open(newStore(), { deviceName: name, hardware, keys });
  const email = `${"a".repeat(242)}@example.com`;
  const request = await textOf(licensing.activationRequest(KEY, { name, email }));
  const texts = fieldsOf(request.short, "FALCONER-REQUEST-1:")
    .map(([field]) => field)
    .join("");
  expect(texts).toBe("pwlntkhhhhhhhvdoem");
  // Version 25 at level L.
  expect(request.short.length).toBeLessThanOrEqual(1_853);
});

test("an answer reads in any disguise, and nothing else does", () => {
  const content = Buffer.from(Array.from({ length: 201 }, (_, byte) => byte));
  const { file, short } = writeText("answer", ["Words for people."], content);
  const body = short.slice("FALCONER-ANSWER-1:".length);
  const retyped = body.replaceAll("0", "O").replaceAll("1", "l");
  for (const text of [
    ...[file, short, `\ufeff${file}`, `“${short}”`, file.replaceAll("\n", "\r\n"), short.toLowerCase()],
    `FALCONER\u2011ANSWER\u22121\uff1a${retyped}`,
    `Dear Ms Example,\n\nhere it is:\n> > ${file.split("\n").join("\r\n> > ")}\nKind regards\nU. Vendor, 12 Lane`,
    [...short].map((character) => `${character}\u200b `).join(""),
  ])
    expect(readAnswerText(text)).toEqual(content);
  for (const place of [0, 7, 60, body.length - 1]) {
    const other = body[place] === "A" ? "B" : "A";
    const changed = body.slice(0, place) + other + body.slice(place + 1);
    // The last character is filled with zeros, so a change there may be none.
    if (place < body.length - 1) expect(readAnswerText(`FALCONER-ANSWER-1:${changed}`)).toBe("damaged_text");
  }
  expect(readAnswerText(`FALCONER-ANSWER-1:U${body.slice(1)}`)).toBe("damaged_text");
  for (const text of ["FALCONER-ANSWER-1:", short.slice(0, -9)]) expect(readAnswerText(text)).toBe("damaged_text");
  const request = writeText("request", [], content).short;
  expect(readAnswerText(request)).toBe("own_text");
  expect(readAnswerText(request.replace("REQUEST", "ANSWER"))).toBe("damaged_text");
  for (const text of ["", "<html>", KEY, "FALCONER-ANSWER-2:00"]) expect(readAnswerText(text)).toBe("not_an_answer");
  for (let length = 0; length < 40; length += 1)
    expect(readAnswerText(writeText("answer", [], content.subarray(0, length)).file)).toEqual(
      content.subarray(0, length),
    );
});

test("each answer that does not count has its sentence", async () => {
  const store = newStore();
  const licensing = await open(store);
  const says = async (text: string, adviceId: string) =>
    expect(await licensing.importResponse(text)).toMatchObject({ ok: false, waits: false, kind: "answer", adviceId });
  const first = await textOf(licensing.activationRequest(KEY));
  const early = answerTo(first);
  await says("Welcome to the hotel's network.", "not_an_answer");
  await says(first.file, "own_text");
  await says(early.short.slice(0, -9), "damaged_text");
  await says(writeText("answer", [], Buffer.from("k\0\x02{}")).file, "newer_text");
  await says(writeText("answer", [], Buffer.from("j\xff\xff")).file, "newer_text");
  await says(answerTo(first, { aud: "ACME" }).file, "other_product");
  await says(answerTo(first, { hw: { board: "0".repeat(32) } }).file, "other_machine");
  await says(answerTo(first, { valid: false, aud: "QF/refusal", code: "REVOKED" }).file, "not_for_this_request");
  const own = signer;
  signer = newSigner("1");
  const forged = answerTo(first).file;
  signer = own;
  await says(forged, "untrusted_signature");
  // Another request replaces the first one.
  const second = await textOf(licensing.activationRequest(KEY));
  await says(early.file, "not_for_this_request");
  const answer = answerTo(second);
  expect(await licensing.importResponse(answer.short)).toEqual({ ok: true, state: "ACTIVE" });
  await says(answer.file, "already_imported");
  await says(early.file, "no_request");
  expect(readFileSync(`${store}.log`, "utf8")).toMatch(/ import damaged_text\n[^]* import lease\n/);
});

test("two programs that take one answer get one license", async () => {
  const store = newStore();
  const licensing = await open(store);
  const answer = answerTo(await textOf(licensing.activationRequest(KEY))).file;
  const others = await Promise.all(Array.from({ length: 5 }, () => open(store)));
  const outcomes: Outcome[] = await Promise.all(others.map((other) => other.importResponse(answer)));
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
  expect(new Set(outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.adviceId])))).toEqual(
    new Set(["already_imported"]),
  );
});

test("a license by file sends nothing by itself, and says how to renew it", async () => {
  const store = newStore();
  const licensing = await activated(store);
  const DAY = 86_400_000;
  const past = { failures: 0, retryAt: 0, lastAt: null, lookedAt: -Infinity };
  for (const [days, state, id] of [
    [0, "ACTIVE", "active"],
    [340, "REFRESH_DUE", "renew_by_file"],
    [366, "LOCKED", "air_gap_ended"],
  ] as const) {
    later = days * DAY;
    expect(licensing.snapshot()).toMatchObject({ state, license: { airGap: true }, message: { id } });
    const refresher = licensing.startRefresher();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await refresher.stop();
  }
  expect(liar.asked).toEqual([]);
  later = 0;
  expect(licensing.snapshot()).toMatchObject({ state: "CLOCK_SUSPECT", message: { id: "air_gap_clock" } });
  // A device that goes online all the same gets its next lease there.
  const installation: any = {
    ...fakeInstallation(),
    current: { ...fakeInstallation().current, claims: { air_gap: true } },
  };
  expect(delayMs(installation, past)).toBe(null);
  expect(delayMs(fakeInstallation() as any, past)).toBe(0);
});

/** What the schedule reads of an installation whose check is due. */
const fakeInstallation = () => ({
  current: { claims: {}, key: {}, record: { pending: null, givenUpKeys: [] }, decision: { kind: "leased" } },
  evaluate: () => ({ state: "REFRESH_DUE", lockCode: null }),
});

test("a file on its way is worth more than an activation that waits", async () => {
  const licensing = await open(newStore());
  const answer = answerTo(await textOf(licensing.activationRequest(KEY))).file;
  liar.answer = () => null;
  expect(await licensing.activate(KEY)).toMatchObject({ ok: false, waits: false, kind: "offline" });
  expect(licensing.snapshot().pending?.name).toBe("answer");
  expect(await licensing.importResponse(answer)).toEqual({ ok: true, state: "ACTIVE" });
});

test("a receipt names the lease, and stays until the next activation", async () => {
  const store = newStore();
  const licensing = await activated(store);
  const receipt = await textOf(licensing.deactivateByReceipt());
  const fields = fieldsOf(receipt.short, "FALCONER-RECEIPT-1:");
  const texts = Object.fromEntries(fields.map(([name, value]) => [name, value.toString("utf8")]));
  expect(texts).toMatchObject({ l: `lic_${"0".repeat(24)}`, d: "dev_0123456789abcdef", j: "lease-1" });
  expect(receipt.fileName).toBe("falconer-receipt.txt");
  expect(licensing.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", pending: { name: "receipt" }, license: null });
  const restarted = await open(store);
  expect(await textOf(restarted.deactivateByReceipt())).toEqual(receipt);
  expect(readFileSync(store, "utf8")).not.toContain("4699X");
  const again = await textOf(restarted.activationRequest(KEY));
  expect(await restarted.importResponse(answerTo(again).file)).toMatchObject({ ok: true });
  expect(restarted.snapshot().pending).toBe(null);
});

test("a license of the network gives no receipt, and none is renewed by file", async () => {
  const licensing = await open(newStore());
  for (const made of [licensing.renewalRequest(), licensing.deactivateByReceipt()])
    expect(await made).toMatchObject({ ok: false, kind: "input", adviceId: "missing_key" });
  expect(await licensing.activationRequest("?")).toMatchObject({ ok: false, kind: "input", adviceId: "invalid_key" });
  expect(await licensing.activationRequest(KEY, { email: "anna" })).toMatchObject({ adviceId: "invalid_email" });
  liar.answer = (_, { nonce, hardware }) => ({
    body: yes(signer, nonce, { device: "dev_1", hw: stated(hardware), hw_threshold: 2 }),
  });
  expect(await licensing.activate(KEY)).toMatchObject({ ok: true });
  expect(await licensing.deactivateByReceipt()).toMatchObject({ kind: "not_air_gapped", adviceId: "not_air_gapped" });
  expect(licensing.isUnlocked()).toBe(true);
});

test("a device without random numbers asks nothing", async () => {
  const random = vi.fn(() => {
    throw new Error("no random numbers");
  });
  const components = componentsOf(HARDWARE);
  const hardware = async () => ({ components, platform: "physical", isVirtualMachine: false, guest: null }) as const;
  const settings = { product: "QF", url: liar.url, keys: { keys: [signer.jwk] }, store: newStore(), hardware };
  const licensing = await Licensing.open(settings, { random });
  expect(await licensing.activationRequest(KEY)).toMatchObject({ kind: "nothing_sent", adviceId: "nothing_sent" });
});

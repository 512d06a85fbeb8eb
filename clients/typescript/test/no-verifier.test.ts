/** A page on plain `http` that cannot load the bundled verifier: nothing is verified, and nothing is called invalid. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { LeaseError, SettingError, createFalconer } from "../src/index.js";
import { createSession } from "../src/page/session.js";
import { Liar, claims, endorse, newSigner, no, signed, stated, yes } from "./liar.js";

const network = vi.hoisted(() => ({ isUp: false }));
vi.mock("../src/core/bundled-ed25519.js", async (importOriginal) => {
  const original: object = await importOriginal();
  return {
    ...original,
    get verifyEd25519() {
      if (!network.isUp) throw new TypeError("Failed to fetch dynamically imported module");
      return (original as { verifyEd25519: unknown }).verifyEd25519;
    },
  };
});

beforeAll(() => {
  const { getRandomValues } = crypto;
  vi.stubGlobal("crypto", { getRandomValues: getRandomValues.bind(crypto) });
});
afterAll(() => void vi.unstubAllGlobals());

test("no answer is called a refusal, and none a yes", async () => {
  const [liar, signer, next] = [await Liar.start(), newSigner("1"), newSigner("2")];
  endorse(signer, next);
  const falconer = createFalconer({ product: "QF", url: liar.url, keys: { keys: [signer.jwk] } });
  liar.answer = (_, { nonce }) => ({ body: yes(signer, nonce) });
  expect(await falconer.verify("K")).toMatchObject({ ok: false, kind: "unanswered" });
  liar.answer = (_, { nonce }) => ({ status: 401, body: no(signer, nonce, "REVOKED") });
  expect(await falconer.verify("K")).toMatchObject({ ok: false, kind: "unanswered" });
  await falconer.importKeys(JSON.stringify({ keys: [next.jwk] }));
  const failure: unknown = await falconer.verifyLease(signed(signer, claims("n"))).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  expect(failure).not.toBeInstanceOf(LeaseError);
  const session = createSession(falconer, { storage: null });
  await session.start();
  await session.activate("K");
  expect(session.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", unlocked: false, lockCode: null });
  liar.stop();
});

test("a build with a statement of its root answers nothing, and blames no setting", async () => {
  const [liar, signer, root] = [await Liar.start(), newSigner("1"), newSigner("root")];
  const statement = stated(root, 1, [signer]);
  liar.answer = (path, body) =>
    path === "/api/keys" ? { body: { keys: [signer.jwk], statement } } : { body: yes(signer, body.nonce) };
  const falconer = createFalconer({
    product: "QF",
    url: liar.url,
    keys: { keys: [signer.jwk], root: root.jwk, statement },
  });
  expect(await falconer.verify("K")).toMatchObject({ ok: false, kind: "unanswered", adviceId: "unreachable" });
  await falconer.importKeys(JSON.stringify({ keys: [signer.jwk] }));
  const failure: unknown = await falconer.verifyLease(signed(signer, claims("n"))).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(Error);
  expect(failure).not.toBeInstanceOf(LeaseError);
  expect(failure).not.toBeInstanceOf(SettingError);
  const session = createSession(falconer, { storage: null });
  await session.start();
  await session.activate("K");
  expect(session.snapshot()).toMatchObject({ state: "NOT_ACTIVATED", unlocked: false, isAsking: false });
  network.isUp = true;
  expect(await falconer.verify("K")).toMatchObject({ ok: true });
  network.isUp = false;
  liar.stop();
});

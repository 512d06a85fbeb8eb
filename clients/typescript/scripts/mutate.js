/** Changes the implementation in one place at a time, and runs the vectors: each change has to make one fail. With a word as
 * argument it makes those changes alone whose file or text has the word. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const HOME = dirname(import.meta.dirname);

/** File, text, text in its place, profile whose vectors have to notice, or how the ids of some of them begin. */
const CHANGES = [
  ["core/answer.ts", "claims.nonce === asked.nonce &&", "", "lease"],
  ["core/answer.ts", "[408, 425, 429].includes(status)", "[408, 429].includes(status)", "lease"],
  [
    "core/answer.ts",
    'if (status === PORTAL_STATUS) return nothing("not_the_server");',
    'if (status === PORTAL_STATUS) return nothing("busy");',
    "lease",
  ],
  ["core/answer.ts", "&& status >= 400 && isText(code)", "&& isText(code)", "lease"],
  ["core/answer.ts", "claims.valid && asked.endpoint", "!claims.valid && asked.endpoint", "lease"],
  ["core/signed.ts", '"crit" in header', "false", "lease"],
  ["core/signed.ts", "claims.valid !== header.isLease", "false", "lease"],
  ["core/signed.ts", "`${product}/refusal`", "product", "lease"],
  ["core/signed.ts", "!(await isSignedBy(key,", "(await isSignedBy(key,", "lease"],
  ["core/base64url.ts", "base64url.encode(bytes) === text", "true", "lease"],
  ["core/json.ts", "isObject(value) && isUnambiguous(text)", "isObject(value)", "lease"],
  [
    "core/trust.ts",
    "known = stored.keys.filter((key) => counting.get(key.kid) === key.x || isNoted(key))",
    "known = []",
    "trust",
  ],
  ["core/key-list.ts", 'Object.entries(jwk["endorsed_by"]) : []', "[] : []", "trust"],
  ["core/key-list.ts", '"falconer/jwk/v1", key.kid, key.x', '"falconer/jwk/v1", key.x', "trust"],
  ["core/trust.ts", "new Map(extended.get(key.kid)?.endorsedBy)", "new Map()", "trust"],
  [
    "core/key-list.ts",
    "for (let isGrowing = true; isGrowing;) {\n    isGrowing = false;",
    "for (let isGrowing = true, first = true; first; first = false) {",
    "trust",
  ],
  ["node/hardware/components.ts", "2 * equal.length < labels.length", "false", "hardware"],
  ["node/hardware/components.ts", "\\x1f", "\\x1e", "hardware"],
  ["node/hardware/components.ts", "different.length <= 1 &&", "", "hardware"],
  ["node/hardware/placeholders.ts", "NUMBERS.has(text)", "false", "hardware"],
  ["node/key.ts", 'const canonical = groups.join("");', 'const canonical = groups.join("-");', "hardware"],
  ["node/timeline.ts", "TOLERANCE_MS = 3_600_000", "TOLERANCE_MS = 7_200_000", "state"],
  ["node/timeline.ts", "if (skewMs > 0) {", "if (skewMs > 1e15) {", "state"],
  ["node/state.ts", "now >= term.exp", "now > term.exp", "state"],
  ["node/state.ts", "failedAt >= term.refreshAt", "failedAt > term.refreshAt", "state"],
  ["node/decision.ts", "if (isOlder || isOther)", "if (isOther)", "state"],
  ["node/decision.ts", "isAboutHeld && lockCodeOf", "lockCodeOf", "state"],
  ["node/installation.ts", "key: key.text, answer: jws, failedAt: null,", "key: key.text, answer: jws,", "state"],
  ["node/seal.ts", "given.length === right.length && timingSafeEqual(given, right)", "true", "state"],
  ["node/state.ts", '["REVOKED", "SUSPENDED",', '["REVOKED",', "state"],
  // Limits and maintenance.
  ["core/claims.ts", "limits: (value) => isMapOf(value, isCount)", "limits: () => true", "state"],
  ["node/state.ts", "buildDate > updatesUntil", "buildDate >= updatesUntil", "state"],
  [
    "node/licensing.ts",
    "this.isUnlocked() ? (this.#installation.current.claims?.limits",
    "true ? (this.#installation.current.claims?.limits",
    "state",
  ],
  // A root.
  ["core/statement.ts", "typ === TYPE &&", "", "trust/root"],
  ["core/statement.ts", "Object.keys(more).length === 0", "true", "trust/root"],
  ["core/statement.ts", "good.every(isGood) ?", "true ?", "trust/root"],
  ["core/statement.ts", "if (!(await isSignedBy(root, `${head}.${body}`, signature))) return null;", "", "trust/root"],
  ["core/pins.ts", "offered.iss === held.iss &&", "", "trust/root"],
  ["core/pins.ts", "&& offered.serial >= held.serial", "", "trust/root"],
  ["core/trust.ts", "offered.serial > held.serial", "offered.serial >= held.serial", "trust/root"],
  [
    "core/trust.ts",
    "[...pins.listed, ...stored.keys], statement.distrusted",
    "[...pins.listed, ...stored.keys]",
    "trust/root",
  ],
  ["core/trust.ts", "[...pins.listed, ...stored.keys]", "stored.keys", "trust/root"],
  ["core/trust.ts", "const former = new Map(noted);", "const former = new Map();", "state/root"],
  [
    "core/trust.ts",
    "good = without(new Map([...pins.former, ...known]), statement.distrusted)",
    "good = new Map([...pins.former, ...known])",
    "state/root",
  ],
  ["core/trust.ts", "[...keys, ...trusted.retired]", "keys", "state/root"],
  ["core/trust.ts", "this.retired.get(kid) ??", "", "state/root"],
  [
    "core/trust.ts",
    "new Map([...before.keys, ...before.retired, ...ofBuild])",
    "new Map([...before.keys, ...ofBuild])",
    "state/root",
  ],
  ["node/state.ts", "MAX_FORMER_SECONDS = 30", "MAX_FORMER_SECONDS = 31", "state/root"],
  ["node/state.ts", "exp: Math.min(own.exp, end)", "exp: own.exp", "state/root"],
  ["node/state.ts", "refreshAt: Math.min(own.refreshAt, formerSince)", "refreshAt: own.refreshAt", "state/root"],
  ["node/decision.ts", "stored.formerSince !== null && isAboutStored(question)", "false", "state/root"],
  ["node/verified.ts", "formerSince === null ? claims.at : -Infinity", "claims.at", "state/root"],
  ["node/exchange.ts", "await this.lookForStatement(LOOK_WITH_REQUEST_SECONDS, signal);", "", "state/root"],
  // The air gap.
  ["node/air-gap/text.ts", ".toUpperCase()", "", "state/air-gap"],
  ["node/air-gap/content.ts", "keys: keys === undefined ? null", "keys: true ? null", "state/air-gap"],
  ["node/air-gap/taken.ts", "claims.nonce !== pending.nonce", "claims.nonce == null", "state/air-gap"],
  ["node/air-gap/taken.ts", 'return hasEnded ? "answer_ended" : key', "return key", "state/air-gap"],
  ["node/air-gap/by-file.ts", "claims.air_gap !== true ||", "", "state/air-gap"],
  ["node/installation.ts", "Math.max(floorMs, signed.floorMs)", "signed.floorMs", "state/air-gap"],
  ["node/installation.ts", "signed.floorMs > localMs ? signed.skewMs : skewMs", "skewMs", "state/air-gap"],
  ["node/installation.ts", "stored.isIntact ? sealed", "true ? sealed", "state/air-gap"],
];

const folder = mkdtempSync(join(tmpdir(), "falconer-mutate-"));
let unnoticed = 0;
try {
  const clean = await failing(null, "lease", "trust", "hardware", "state");
  if (clean.length > 0) throw new Error(`vectors fail without any change: ${clean.join(" ")}`);
  const [word = ""] = process.argv.slice(2);
  for (const [file, text, other, profile] of CHANGES.filter(([file, text]) => `${file} ${text}`.includes(word))) {
    const failed = await failing([file, text, other], profile);
    if (failed.length === 0) unnoticed += 1;
    console.log(
      failed.length === 0
        ? `UNNOTICED  ${file}: ${text}`
        : `noticed    ${file}: ${text.split("\n")[0]}  (${failed[0]}, ${failed.length} in all)`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (unnoticed > 0) process.exitCode = 1;

/** Ids of the vectors that fail with a change. */
async function failing(change, ...starts) {
  const changed = {
    name: "changed",
    setup: ({ onLoad }) =>
      onLoad({ filter: /src\/.*\.ts$/ }, ({ path }) => {
        const source = readFileSync(path, "utf8");
        if (change === null || !path.endsWith(`/src/${change[0]}`)) return { contents: source, loader: "ts" };
        if (!source.includes(change[1])) throw new Error(`${change[0]} has no ${change[1]} any more`);
        return { contents: source.replace(change[1], () => change[2]), loader: "ts" };
      }),
  };
  const outfile = join(HOME, "test/vectors", `mutated-${process.pid}.mjs`);
  try {
    await build({
      entryPoints: [join(HOME, "test/vectors/run.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      outfile,
      plugins: [changed],
      logLevel: "error",
    });
    const printed = execFileSync(process.execPath, [outfile, ...starts], {
      encoding: "utf8",
      timeout: 120_000,
      killSignal: "SIGKILL",
      env: { ...process.env, TMPDIR: folder },
    });
    return /^failed: (.*)$/m
      .exec(printed)[1]
      .split(" ")
      .filter((id) => id !== "");
  } finally {
    rmSync(outfile, { force: true });
  }
}

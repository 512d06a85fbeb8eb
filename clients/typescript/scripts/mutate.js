/** Changes the implementation in one place at a time, and runs the vectors: each change has to make one fail. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const HOME = dirname(import.meta.dirname);

/** File, text, text in its place, profile whose vectors have to notice. */
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
  ["core/trust.ts", "this.#keys.get(key.kid) !== key.x", "false", "trust"],
  ["core/trust.ts", 'Object.entries(jwk["endorsed_by"]) : []', "[] : []", "trust"],
  ["core/trust.ts", '"falconer/jwk/v1", key.kid, key.x', '"falconer/jwk/v1", key.x', "trust"],
  ["core/trust.ts", "new Map(proven.get(key.kid)?.endorsedBy)", "new Map()", "trust"],
  [
    "core/trust.ts",
    "for (let isGrowing = true; isGrowing;) {\n      isGrowing = false;",
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
  ["node/state.ts", "now >= claims.exp", "now > claims.exp", "state"],
  ["node/state.ts", "failedAt >= refreshAt(claims)", "failedAt > refreshAt(claims)", "state"],
  ["node/decision.ts", "if (isOlder || isOther)", "if (isOther)", "state"],
  ["node/decision.ts", "isAboutHeld && lockCodeOf", "lockCodeOf", "state"],
  ["node/installation.ts", "key: key.text, answer: jws, failedAt: null,", "key: key.text, answer: jws,", "state"],
  ["node/seal.ts", "given.length === right.length && timingSafeEqual(given, right)", "true", "state"],
  ["node/state.ts", '["REVOKED", "SUSPENDED",', '["REVOKED",', "state"],
];

const folder = mkdtempSync(join(tmpdir(), "falconer-mutate-"));
let unnoticed = 0;
try {
  const clean = await failing(null, "lease", "trust", "hardware", "state");
  if (clean.length > 0) throw new Error(`vectors fail without any change: ${clean.join(" ")}`);
  for (const [file, text, other, profile] of CHANGES) {
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
async function failing(change, ...profiles) {
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
    const printed = execFileSync(process.execPath, [outfile, ...profiles], {
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

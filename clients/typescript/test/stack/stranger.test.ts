/** A stranger's path: a new folder, the tarball, and the lines of the documents as they are. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { issue, operator, stack } from "./control.js";

const HOME = join(import.meta.dirname, "../..");
const OWN = readFileSync(join(HOME, "README.md"), "utf8");
const INTEGRATING = readFileSync(join(HOME, "../../docs/integrating.md"), "utf8");
const PROJECT = readFileSync(join(HOME, "../../README.md"), "utf8");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "falconer-stranger-"));
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { cwd: HOME, encoding: "utf8" }),
  );
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "stranger", version: "1.0.0", private: true }));
  execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", `./${packed.filename}`], {
    cwd: folder,
  });
  writeFileSync(join(folder, "falconer-keys.json"), stack.keys);
});

/** The first block of code that has this text. */
function block(document: string, text: string): string {
  const blocks = [...document.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code]) => code!);
  const found = blocks.find((code) => code.includes(text));
  if (found === undefined) throw new Error(`no block has ${text}`);
  return found.replaceAll("https://licenses.example.com", stack.url);
}

/** Runs lines in the stranger's folder, and returns what they printed. */
function run(file: string, code: string, home = folder): Promise<string> {
  writeFileSync(join(folder, file), code);
  return new Promise((resolve, reject) => {
    const env = { ...process.env, XDG_DATA_HOME: mkdtempSync(join(home, "data-")) };
    execFile(process.execPath, [file], { cwd: folder, env, encoding: "utf8" }, (error, printed, said) =>
      error ? reject(new Error(said)) : resolve(printed + said),
    );
  });
}

function installExpress(): void {
  execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "express@5"], { cwd: folder });
}

test("only what belongs into the package is in it", () => {
  const files = execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: HOME, encoding: "utf8" });
  const paths: string[] = JSON.parse(files)[0].files.map(({ path }: { path: string }) => path);
  expect(
    paths.filter((path) => !/^(dist\/(esm|cjs)\/|README\.md$|LICENSE-|THIRD-PARTY\.md$|package\.json$)/.test(path)),
  ).toEqual([]);
  const dependencies = JSON.parse(
    readFileSync(join(folder, "node_modules/falconer-licensing/package.json"), "utf8"),
  ).dependencies;
  expect(Object.keys(dependencies)).toEqual(["jose"]);
});

test("the README's lines check a key as an ES module and in CommonJS", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const typed = `const typedKey = ${JSON.stringify(licenseKey)};\n`;
  expect(await run("check.mjs", typed + block(OWN, "import { createFalconer }"))).toContain("pro [");
  expect(await run("check.cjs", typed + block(OWN, "require("))).toBe("pro\n");
  const refused = `const typedKey = "QF-PRO-${"0".repeat(30)}";\n`;
  expect(await run("refused.mjs", refused + block(OWN, "import { createFalconer }"))).toContain("INVALID_SIGNATURE");
});

test("the README's lines activate a device", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const ask = `const askTheUser = async () => ({ key: ${JSON.stringify(licenseKey)}, name: "Anna Example", email: "anna@example.com" });\n`;
  expect(await run("device.mjs", ask + block(OWN, "Licensing.open"))).toMatch(/^20\d\d-/);
});

test("the README's lines license a device without a network", async () => {
  const { licenseKey, licenseId } = await issue("--tier", "pro", "--days", "400");
  await operator("set-policy", licenseId, "air_gap_days=90");
  const words = ["falconer-request.txt", "--out", "falconer-answer.txt"].map((word) =>
    word.startsWith("--") ? word : join(folder, word),
  );
  const vendor = `await fetch(${JSON.stringify(`${stack.control}/?${encodeURIComponent(JSON.stringify(["activate-offline", ...words]))}`)});`;
  const begin = `
import { readFileSync, writeFileSync } from "node:fs";
import { Licensing } from "falconer-licensing/node";
const keys = readFileSync("falconer-keys.json", "utf8");
const noNetwork = async (url) => { throw new Error(url + " was asked"); };
const licensing = await Licensing.open({ product: "QF", url: ${JSON.stringify(stack.url)}, keys, appId: "com.example.app", fetch: noNetwork });
const [key, name, email] = [${JSON.stringify(licenseKey)}, "Anna Example", "anna@example.com"];
`;
  const lines = block(OWN, "activationRequest").replace(/^\/\/ The vendor: .*$/m, vendor);
  const end =
    '\nconsole.log(licensing.status(), licensing.hasFeature("copy_trading"), licensing.snapshot().license.airGap);\n';
  expect(await run("air-gap.mjs", begin + lines + end)).toBe("ACTIVE true true\n");
});

test("the project's first screen has the same lines", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const ask = `const askTheUser = async () => [${JSON.stringify(licenseKey)}, { name: "Anna Example" }];\n`;
  const lines = `import { readFileSync } from "node:fs";\nimport { Licensing } from "falconer-licensing/node";\n${block(PROJECT, "falconer-licensing/node")}`;
  const end = '\nconsole.log(licensing.status(), licensing.hasFeature("copy_trading"));\nawait licensing.close();\n';
  expect(await run("first-screen.mjs", ask + lines + end)).toContain("ACTIVE true");
});

test("the server of docs/integrating.md keeps what a page cannot", async () => {
  installExpress();
  const [good, revoked] = [await issue("--tier", "pro", "--days", "30"), await issue("--tier", "pro", "--days", "30")];
  await operator("revoke", "--reason", "test", revoked.licenseId);
  const begin = `import { readFileSync } from "node:fs";
const keys = readFileSync("falconer-keys.json", "utf8");
const signals = ["buy"];\n`;
  const end = `
const site = app.listen(0, "127.0.0.1", async () => {
  const url = "http://127.0.0.1:" + site.address().port + "/api/signals";
  const ask = async (key) => {
    const answer = await fetch(url, key === null ? {} : { headers: { authorization: "Bearer " + key } });
    return [answer.status, (await answer.text()).includes("buy")].join();
  };
  // The page may be changed as its visitor likes; the signals are not in it.
  console.log(await ask("${good.licenseKey}"), await ask(null), await ask("${revoked.licenseKey}"), await ask("QF-PRO-FORGED"));
  site.close();
});`;
  const printed = await run("integrating.mjs", begin + block(INTEGRATING, "requireLicense(falconer") + end);
  expect(printed).toBe("200,true 401,false 403,false 403,false\n");
});

test("the README's server serves a license", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  installExpress();
  const keys = 'import { readFileSync } from "node:fs";\nconst keys = readFileSync("falconer-keys.json", "utf8");\n';
  const end = `
const site = app.listen(0, "127.0.0.1", async () => {
  const url = "http://127.0.0.1:" + site.address().port + "/api/signals";
  const good = await fetch(url, { headers: { authorization: "Bearer ${licenseKey}" } });
  console.log(good.status, (await good.json()).for, (await fetch(url)).status);
  site.close();
});`;
  expect(await run("server.mjs", keys + block(OWN, "requireLicense") + end)).toMatch(/^200 lic_\w+ 401/);
});

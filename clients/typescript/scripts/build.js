/** Builds `dist`: ES modules that import `jose`, CommonJS with `jose` inside, and types for both. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";

const HOME = dirname(import.meta.dirname);
const ENTRIES = ["index", "react", "node", "server"];
const shared = {
  absWorkingDir: HOME,
  bundle: true,
  target: "es2022",
  jsx: "automatic",
  logLevel: "warning",
  external: ["react", "react/jsx-runtime", "node:*"],
};

rmSync(join(HOME, "dist"), { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: Object.fromEntries([...ENTRIES.map((name) => [name, entry(name)])]),
  outdir: "dist/esm",
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  external: [...shared.external, "jose"],
});
// `jose` has no CommonJS, and Node 20 learned to require ES modules in 20.19.
await build({
  ...shared,
  entryPoints: ENTRIES.map(entry),
  outdir: "dist/cjs",
  format: "cjs",
  platform: "node",
  outExtension: { ".js": ".cjs" },
});
for (const file of ["dist/esm/react.js", "dist/cjs/react.cjs"]) {
  // Frameworks that render on a server ask for it in front of hooks.
  writeFileSync(join(HOME, file), `"use client";\n${readFileSync(join(HOME, file), "utf8")}`);
}
writeTypes();
for (const license of ["LICENSE-MIT", "LICENSE-APACHE"]) cpSync(join(HOME, "../..", license), join(HOME, license));
writeFileSync(join(HOME, "THIRD-PARTY.md"), thirdParty());

/** Source of an entry. */
function entry(name) {
  return name === "react" ? "src/react.tsx" : `src/${name}.ts`;
}

/** Writes the types twice: a module of CommonJS has types of its own ending. */
function writeTypes() {
  execFileSync(process.execPath, [join(HOME, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
    cwd: HOME,
    stdio: "inherit",
  });
  const esm = join(HOME, "dist/esm");
  for (const file of readdirSync(esm, { recursive: true, withFileTypes: true })) {
    if (!file.name.endsWith(".d.ts")) continue;
    const path = join(file.parentPath, file.name);
    const copy = join(HOME, "dist/cjs", relative(esm, path)).replace(/\.d\.ts$/, ".d.cts");
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, readFileSync(path, "utf8").replace(/((?:from|import\()\s*"\.[^"]*)\.js"/g, '$1.cjs"'));
  }
}

/** The licenses of the packages whose code is in `dist`. */
function thirdParty() {
  const packages = { jose: "LICENSE.md", "@noble/ed25519": "LICENSE", "@noble/hashes": "LICENSE" };
  const sections = Object.entries(packages).map(
    ([name, file]) => `## ${name}\n\n${readFileSync(join(HOME, "node_modules", name, file), "utf8").trim()}\n`,
  );
  return [
    "# Code of other packages\n",
    "`dist` has code of these packages. `jose` is inside the CommonJS files alone.\n",
    ...sections,
  ].join("\n");
}

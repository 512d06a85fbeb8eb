/** Measures what a page loads: an entry after tree-shaking, minified, with `jose` and without React. With numbers as
 * arguments it fails above them, in kilobytes of gzip. */
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HOME = dirname(import.meta.dirname);
const PAGES = [
  ["core", 'import { createFalconer } from "./dist/esm/index.js"; globalThis.page = createFalconer;'],
  [
    "react",
    'import { FalconerProvider, Licensed, useFeature, useLicense } from "./dist/esm/react.js"; globalThis.page = [FalconerProvider, Licensed, useFeature, useLicense];',
  ],
];

const limits = process.argv.slice(2).map(Number);
for (const [place, [name, contents]] of PAGES.entries()) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: HOME },
    absWorkingDir: HOME,
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["react", "react/jsx-runtime"],
    outdir: "build/size",
    write: false,
    metafile: true,
  });
  const [first, ...lazy] = outputFiles.map((file) => gzipSync(file.contents, { level: 9 }).length / 1_000);
  const later = lazy.reduce((sum, size) => sum + size, 0);
  console.log(
    `${name}: ${first.toFixed(1)} kB, and ${later.toFixed(1)} kB more where the browser has no Ed25519 (gzip)`,
  );
  if (limits[place] !== undefined && first > limits[place]) {
    console.error(`${name} is larger than ${limits[place]} kB`);
    process.exitCode = 1;
  }
}

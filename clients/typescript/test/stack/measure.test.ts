/** What the library costs an application, beside the sizes that `npm run size` measures. No time is asserted. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { issue, newStore, open, stack } from "./control.js";

const RUNS = 5;

/** What a run of `measured.js` prints. */
interface Measured {
  importMs: number;
  openMs: number;
  statusNs: { p50: number; p99: number };
  calls: number;
}

test("a stored license opens and states its state without the network", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const store = newStore();
  const licensing = await open(store, "laptop");
  await licensing.activate(licenseKey);
  await licensing.close();
  const program = fileURLToPath(new URL("measured.js", import.meta.url));
  const runs: Measured[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const env = { ...process.env, KEYS: stack.keys };
    const { stdout } = await promisify(execFile)(process.execPath, [program, store, stack.url], { env });
    runs.push(JSON.parse(stdout) as Measured);
  }
  expect(runs.every((run) => run.calls === 100_000)).toBe(true);
  const median = (of: (run: Measured) => number) => runs.map(of).sort((a, b) => a - b)[(RUNS - 1) / 2] ?? NaN;
  const [imports, opens] = [median((run) => run.importMs), median((run) => run.openMs)];
  const [p50, p99] = [median((run) => run.statusNs.p50), median((run) => run.statusNs.p99)];
  // Written past the test's own console, which drops what a test that passes says.
  process.stdout.write(
    `import ${imports.toFixed(0)} ms; open a stored license ${opens.toFixed(1)} ms; ` +
      `status() ${p50} ns at p50, ${p99} ns at p99\n`,
  );
});

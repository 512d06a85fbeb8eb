/** A program that measures what an application waits for: the built package loaded, a stored license opened, and `status()`.
 * It prints one line of JSON, in milliseconds and nanoseconds. Its `fetch` throws, so neither can have asked anybody. */
const begun = performance.now();
const { Licensing } = await import("../../dist/esm/node.js");
const imported = performance.now() - begun;

const OPENS = 51;
const CALLS = 100_000;
const WARM_UP = 1_000;

const [store, url] = process.argv.slice(2);
const components = { machine_id: "laptop-machine-id", board: "laptop-board", cpu: "laptop-cpu", hostname: "laptop" };
const settings = {
  product: "QF",
  url,
  keys: process.env.KEYS,
  store,
  hardware: async () => ({ components, platform: "physical", isVirtualMachine: false, guest: null }),
  fetch: () => {
    throw new Error("a stored license asked the server");
  },
};

const opens = [];
for (let round = 0; round < OPENS; round += 1) {
  const asked = performance.now();
  const licensing = await Licensing.open(settings);
  opens.push(performance.now() - asked);
  await licensing.close();
}

const licensing = await Licensing.open(settings);
const calls = [];
for (let call = 0; call < WARM_UP + CALLS; call += 1) {
  const asked = process.hrtime.bigint();
  const state = licensing.status();
  const taken = Number(process.hrtime.bigint() - asked);
  if (state !== "ACTIVE") throw new Error(`the stored license is ${state}`);
  if (call >= WARM_UP) calls.push(taken);
}
await licensing.close();

const sorted = (times) => times.sort((one, other) => one - other);
const [open, status] = [sorted(opens), sorted(calls)];
const statusNs = { p50: status[CALLS / 2], p99: status[(CALLS * 99) / 100] };
console.log(JSON.stringify({ importMs: imported, openMs: open[(OPENS - 1) / 2], statusNs, calls: calls.length }));

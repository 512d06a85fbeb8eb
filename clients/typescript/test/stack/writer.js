/** A program that writes its license as fast as it can, until it is killed: the built package, as an application has it. */
import { Licensing } from "../../dist/esm/node.js";

const [store, url] = process.argv.slice(2);
const components = { machine_id: "laptop-machine-id", board: "laptop-board", cpu: "laptop-cpu", hostname: "laptop" };
let skew = 0;
const licensing = await Licensing.open(
  {
    product: "QF",
    url,
    keys: process.env.KEYS,
    store,
    hardware: async () => ({ components, platform: "physical", isVirtualMachine: false, guest: null }),
  },
  // A clock that moves on with each look makes each `close` write.
  { clock: () => ({ wallMs: Date.now() + (skew += 5), monotonicMs: performance.now() }) },
);
process.send("writes");
for (;;) await licensing.close();

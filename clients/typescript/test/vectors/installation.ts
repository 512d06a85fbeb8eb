/** An installation that a `state` vector drives: the library as an application holds it, with a store on disk. */
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Licensing } from "../../src/node.js";
import { componentsOf } from "../../src/node/hardware/components.js";

/** Each step flushes its file, which a folder in memory does at once. */
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** Conclusion of a `state` vector: what the client says after the last step. */
export async function concludeState(given: any): Promise<unknown> {
  const folder = await mkdtemp(join(MEMORY, "falconer-state-"));
  try {
    return await new Installation(given, folder).conclude();
  } finally {
    await rm(folder, { recursive: true });
  }
}

class Installation {
  #step: any;
  #hardware: any;
  #pinned: any;
  #buildDate: string | undefined;
  #running: Licensing | null = null;

  constructor(
    private readonly given: any,
    private readonly folder: string,
  ) {
    [this.#step, this.#hardware, this.#pinned] = [given.steps[0], given.hardware, given.pinned];
    this.#buildDate = given.build_date;
  }

  async conclude(): Promise<unknown> {
    this.#running = await this.#open();
    let seen: unknown;
    for (const step of this.given.steps) {
      await this.#run(step);
      seen = conclusion(this.#running, this.given.asked);
      if (step.keep_store === true) {
        await this.#running.close();
        await copyFile(this.#store(), this.#copy());
        this.#running = await this.#open();
      }
    }
    return seen;
  }

  async #run(step: any): Promise<void> {
    if (step.do === "restart") {
      // The program ends while the clocks show the step before.
      await this.#running?.close();
      await this.#changeWhileClosed(step);
    }
    this.#step = step;
    switch (step.do) {
      case "activate":
        return void (await this.#running?.activate(step.license_key));
      case "refresh":
        return void (await this.#running?.refresh());
      case "deactivate":
        return void (await this.#running?.deactivate());
      case "request":
        return void (step.license_key === undefined
          ? await this.#running?.renewalRequest()
          : await this.#running?.activationRequest(step.license_key));
      case "import":
        return void (await this.#running?.importResponse(step.text));
      case "give_back":
        return void (await this.#running?.deactivateByReceipt());
      case "restart":
        this.#running = await this.#open();
    }
  }

  async #changeWhileClosed(step: any): Promise<void> {
    this.#pinned = step.pinned ?? this.#pinned;
    this.#hardware = step.hardware ?? this.#hardware;
    this.#buildDate = step.build_date ?? this.#buildDate;
    if (step.store === "kept") await copyFile(this.#copy(), this.#store());
    if (step.store === "time_changed") {
      const file = JSON.parse(await readFile(this.#store(), "utf8"));
      for (const { fields } of file.licenses) fields.floor_millis = String(Number(fields.floor_millis) - 1);
      await writeFile(this.#store(), JSON.stringify(file));
    }
  }

  #open(): Promise<Licensing> {
    return Licensing.open(
      {
        product: this.given.product,
        url: "https://licenses.example.com",
        keys: this.#pinned,
        store: this.#store(),
        ...(this.#buildDate === undefined ? {} : { buildDate: this.#buildDate }),
        fetch: (url) => this.#answer(new URL(url).pathname),
        hardware: async () => ({
          components: componentsOf(this.#hardware),
          platform: "physical",
          isVirtualMachine: false,
          guest: null,
        }),
      },
      {
        clock: () => ({ wallMs: this.#step.clock.wall_ms, monotonicMs: this.#step.clock.monotonic_ms }),
        random: (bytes) => Buffer.from((this.#step.nonce ?? "").padEnd(bytes * 2, "0").slice(0, bytes * 2), "hex"),
        pause: async () => {},
      },
    );
  }

  /** Answers the step's own question and the question for keys; nobody answers any other. */
  async #answer(path: string): Promise<Response> {
    const own: Record<string, string> = {
      activate: "/api/activate-sync",
      refresh: "/api/verify",
      deactivate: "/api/deactivate",
    };
    const answer = path === "/api/keys" ? this.#step.keys : own[this.#step.do] === path ? this.#step.answer : null;
    if (answer == null) throw new TypeError("fetch failed");
    return new Response(answer.status === 204 ? null : answer.body, { status: answer.status, headers: answer.headers });
  }

  #store = () => join(this.folder, "license.json");
  #copy = () => join(this.folder, "kept.json");
}

function conclusion(licensing: Licensing, asked: Record<string, number> | undefined): unknown {
  const { state, unlocked, lockCode, license, features } = licensing.snapshot();
  const on = features.filter((feature) => licensing.hasFeature(feature));
  const until = license?.offlineUntil?.getTime();
  return {
    state,
    unlocked,
    lock_code: lockCode,
    offline_until: until === undefined ? null : until / 1_000,
    features: on,
    ...(asked && { limits: mapValues(asked, (absent, name) => licensing.limit(name, absent)) }),
  };
}

function mapValues(numbers: Record<string, number>, change: (number: number, name: string) => number): object {
  return Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, change(number, name)]));
}

/** The real functions on this machine: their binaries behind the gateway's stand-in, DynamoDB and Secrets Manager, and the
 * operator's command line. It needs `cargo build --workspace --bins` and nothing else. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../../..");
/** A debug binary on a busy machine takes seconds to its first event. */
const START_MS = 60_000;

/** A running stack. */
export class Stack {
  readonly url: string;
  readonly #programs: ChildProcess[] = [];
  readonly #environment: NodeJS.ProcessEnv = { PATH: process.env["PATH"] };
  #gateway: ChildProcess | null = null;
  #front: ChildProcess | null = null;
  #behind = "";

  private constructor(
    private readonly port: number,
    private readonly origins: string,
  ) {
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Starts everything. Pages of these origins may ask. */
  static async start(port: number, origins = "*"): Promise<Stack> {
    const stack = new Stack(port, origins);
    try {
      await stack.#start();
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** Runs the operator's command line, and returns what it printed. */
  operator(...words: string[]): string {
    const ran = spawnSync(program("falconer"), ["--yes", ...words], {
      env: this.#environment,
      encoding: "utf8",
      cwd: ROOT,
    });
    if (ran.status !== 0) throw new Error(`falconer ${words.join(" ")}: ${ran.stderr}`);
    return ran.stdout;
  }

  /** Issues a license. */
  issue(...words: string[]): { licenseKey: string; licenseId: string } {
    return JSON.parse(this.operator("issue", "--json", ...words));
  }

  /** The public keys, as an application pins them. */
  async keys(): Promise<string> {
    return (await fetch(`${this.url}/api/keys`)).text();
  }

  /** Nobody answers any more, until `up`. */
  async down(): Promise<void> {
    await end(this.#front);
    this.#front = null;
  }

  /** The server answers again. */
  async up(): Promise<void> {
    const origins = ["--port", String(this.port), "--upstream", this.#behind, "--allowed-origins", this.origins];
    this.#front = this.#spawn("falconer-emulators", ["cors", ...origins]);
    await ready(this.#front);
  }

  /** The functions start anew, and read the key ring again. */
  async restart(): Promise<void> {
    await this.down();
    await end(this.#gateway);
    await this.#startGateway();
    await this.up();
  }

  async stop(): Promise<void> {
    await this.down();
    await end(this.#gateway);
    for (const running of this.#programs.reverse()) await end(running);
  }

  async #start(): Promise<void> {
    const database = this.#keep("falconer-emulators", ["dynamodb"]);
    const account = this.#keep("falconer-emulators", ["account"]);
    const [[dynamodb], [secrets, sts]] = [await ready(database), await ready(account)];
    const settings = spawnSync(program("falconer-emulators"), ["environment"], { cwd: ROOT, encoding: "utf8" }).stdout;
    for (const line of settings.trim().split("\n"))
      this.#environment[line.split("=")[0] ?? ""] = line.replace(/^[^=]*=/, "");
    Object.assign(this.#environment, {
      ...{ AWS_ACCESS_KEY_ID: "stand-in", AWS_SECRET_ACCESS_KEY: "stand-in", AWS_REGION: "us-east-1" },
      ...{ AWS_CONFIG_FILE: "none", AWS_SHARED_CREDENTIALS_FILE: "none", FALCONER_PRODUCT: "QF" },
      ...{ AWS_ENDPOINT_URL_DYNAMODB: dynamodb, AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets, AWS_ENDPOINT_URL_STS: sts },
      ...{ RATE_LIMIT_PER_MINUTE: "0", RATE_LIMIT_PER_ADDRESS_PER_MINUTE: "0", VERIFIES_PER_LICENSE_PER_MINUTE: "0" },
    });
    this.operator("keyring", "init");
    await this.#startGateway();
    await this.up();
  }

  async #startGateway(): Promise<void> {
    this.#gateway = this.#spawn("falconer-emulators", ["gateway", "--binaries", join(ROOT, "target/debug")]);
    [this.#behind = ""] = await ready(this.#gateway);
  }

  #keep(name: string, words: string[]): ChildProcess {
    const started = this.#spawn(name, words);
    this.#programs.push(started);
    return started;
  }

  #spawn(name: string, words: string[]): ChildProcess {
    return spawn(program(name), words, { env: this.#environment, cwd: ROOT, stdio: ["ignore", "pipe", "ignore"] });
  }
}

const program = (name: string) => join(ROOT, "target/debug", name);

/** Waits for the line `ready ADDRESS …`, and returns the addresses. */
function ready(started: ChildProcess): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${started.spawnargs.join(" ")} did not start`)), START_MS);
    let printed = "";
    started.stdout?.on("data", (data: Buffer) => {
      printed += data.toString();
      const line = /^ready (.*)$/m.exec(printed);
      if (line) resolve((clearTimeout(late), line[1]!.trim().split(" ")));
    });
    started.on("error", reject);
    started.on("exit", () =>
      reject(new Error(`${started.spawnargs.join(" ")} ended: build the workspace's programs first`)),
    );
  });
}

async function end(running: ChildProcess | null): Promise<void> {
  if (running === null || running.exitCode !== null) return;
  await new Promise<void>((resolve) => {
    running.once("exit", () => resolve());
    running.kill("SIGTERM");
  });
}

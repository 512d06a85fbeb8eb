// Stand-ins, the command line and the console, as programs of their own, and a browser that has opened the console.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const root = path.resolve(import.meta.dirname, "../../..");
const programs = process.env.FALCONER_BIN_DIR ?? path.join(root, "target/debug");
const browserProgram = process.env.FALCONER_CHROMIUM ?? "/usr/bin/chromium";

/** Starts a program and waits for its first line. */
async function begin(name, args, env) {
  const program = spawn(path.join(programs, name), args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  program.stderr.on("data", (text) => (log += text));
  program.stdout.on("data", (text) => (log += text));
  const lines = createInterface({ input: program.stdout });
  const [line] = await Promise.race([once(lines, "line"), once(program, "exit").then(() => [""])]);
  if (line === "") throw new Error(`${name} ${args[0]} ended: ${log}`);
  return { program, line, log: () => log };
}

/** A stack with made-up customers. */
export class Stack {
  static async start() {
    const stack = new Stack();
    stack.folder = mkdtempSync(path.join(tmpdir(), "falconer-console-"));
    const plain = { PATH: process.env.PATH, HOME: process.env.HOME, TZ: "Europe/Berlin" };
    stack.dynamodb = await begin("falconer-emulators", ["dynamodb"], plain);
    stack.account = await begin("falconer-emulators", ["account"], plain);
    const [, secrets, sts] = stack.account.line.split(" ");
    const settings = spawnSync(path.join(programs, "falconer-emulators"), ["environment"], { cwd: root, env: plain });
    const names = Object.fromEntries(settings.stdout.toString().trim().split("\n").map((line) => line.split(/=(.*)/s)));
    stack.env = {
      ...plain,
      ...names,
      AWS_ENDPOINT_URL_DYNAMODB: stack.dynamodb.line.split(" ")[1],
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets,
      AWS_ENDPOINT_URL_STS: sts,
      AWS_ACCESS_KEY_ID: "stand-in",
      AWS_SECRET_ACCESS_KEY: "stand-in",
      AWS_REGION: "us-east-1",
      FALCONER_LOCAL: "1",
      FALCONER_PRODUCT: "QF",
      USER: "anna",
    };
    stack.falconer("keyring", "init");
    stack.falconer("demo-data");
    return stack;
  }

  /** What a command of the operator prints. */
  falconer(...args) {
    const ran = spawnSync(path.join(programs, "falconer"), ["--json", "--yes", ...args], { cwd: root, env: this.env });
    if (ran.status !== 0) throw new Error(`falconer ${args.join(" ")}: ${ran.stderr}`);
    return JSON.parse(ran.stdout);
  }

  /** A console, opened in a browser of its own. */
  async console(options = {}, ...args) {
    const started = await begin("falconer", ["--json", "console", "--no-browser", ...args], this.env);
    const { address, file } = JSON.parse(started.line);
    const browser = await chromium.launch({ executablePath: browserProgram, args: ["--no-sandbox"] });
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    const page = await context.newPage();
    await page.goto(`file://${file}`);
    if (options.javaScriptEnabled === false) await page.getByRole("button").click();
    await page.waitForURL(new RegExp(`^http://${address}/[0-9a-f]{32}/$`));
    return new Console({ ...started, address, browser, context, page, base: page.url() });
  }

  stop() {
    for (const started of [this.dynamodb, this.account]) started?.program.kill();
    rmSync(this.folder, { recursive: true });
  }
}

export class Console {
  constructor(members) {
    Object.assign(this, members);
  }

  async go(page) {
    await this.page.goto(this.base + page);
  }

  async close() {
    await this.browser.close();
    this.program.kill("SIGINT");
  }
}

/** The pages of a tour, of a license. */
export function pages(id) {
  return {
    home: "",
    licenses: "licenses",
    ending: "licenses?ending=30",
    license: `license/${id}`,
    explain: `license/${id}/explain`,
    issue: "issue",
    issueMany: "issue/many",
    moveIn: "move-in",
    catalog: "catalog",
    keyring: "keyring",
    missing: "nowhere",
  };
}

/** A license with a device, a note and an end. */
export function rich(licenses) {
  const found = licenses.find((one) => one.notes && one.devices.length > 0 && one.status === "active" && one.expiresAt && !one.expired);
  return found ?? licenses[0];
}

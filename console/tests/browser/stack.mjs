// Stand-ins, the command line and the console, as programs of their own, and a browser that has opened the console.
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test as run } from "node:test";
import { chromium } from "playwright-core";

const root = path.resolve(import.meta.dirname, "../../..");
const programs = process.env.FALCONER_BIN_DIR ?? path.join(root, "target/debug");
const browserProgram = process.env.FALCONER_CHROMIUM ?? "/usr/bin/chromium";

/** A test that fails when it takes too long. Its console is closed with its stack, if not before. */
export function test(name, work) {
  run(name, () => within(work(), LONGEST_TEST_MILLIS));
}

/** The result of work, or an error once it has taken too long. */
async function within(work, millis) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${millis} ms`)), millis);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

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

/** A DynamoDB checks that a request has credentials, and the stand-in not which. */
const credentials = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=local";

/** Longest time of a test: some calls into a browser wait for ever. */
const LONGEST_TEST_MILLIS = 600_000;

/** Longest wait for a page of a debug program on a busy machine. */
const LONGEST_WAIT_MILLIS = 15_000;

/** Bytes that a command prints: a list of 10,000 licenses has some 10 MB. */
const MOST_PRINTED = 64 * 1024 * 1024;

/** Longer than the 15 minutes that a generation waits. */
const WAITED_MILLIS = 3_600_000;

/** Items of a batch, the most that DynamoDB takes. */
const BATCH = 25;

/** A server in front of another one, which can be away, refuse credentials, or be slow by so many milliseconds. */
export class Front {
  static async before(endpoint) {
    const front = new Front();
    front.state = "well";
    front.delay = 0;
    front.server = createServer((request, answer) => front.#forward(new URL(endpoint), request, answer));
    await new Promise((ready) => front.server.listen(0, "127.0.0.1", ready));
    front.endpoint = `http://127.0.0.1:${front.server.address().port}`;
    return front;
  }

  async #forward(target, request, answer) {
    await new Promise((pass) => setTimeout(pass, this.delay));
    if (this.state === "away") return request.socket.destroy();
    if (this.state === "expired") {
      request.resume();
      answer.writeHead(400, { "content-type": "application/x-amz-json-1.0" });
      const type = "com.amazon.coral.service#ExpiredTokenException";
      return answer.end(JSON.stringify({ __type: type, message: "The security token included in the request is expired" }));
    }
    const options = { host: target.hostname, port: target.port, path: request.url, method: request.method, headers: request.headers };
    const onward = ask(options, (reply) => {
      answer.writeHead(reply.statusCode, reply.headers);
      reply.pipe(answer);
    });
    onward.on("error", () => request.socket.destroy());
    request.pipe(onward);
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** A stack with made-up customers. */
export class Stack {
  static async start() {
    const stack = new Stack();
    stack.consoles = new Set();
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
    return this.falconerReading("", ...args);
  }

  /** The same, with a text on standard input. */
  falconerReading(input, ...args) {
    const ran = spawnSync(path.join(programs, "falconer"), ["--json", "--yes", ...args], { cwd: root, env: this.env, maxBuffer: MOST_PRINTED, input });
    if (ran.status !== 0) throw new Error(`falconer ${args.join(" ")}: ${ran.stderr}`);
    return JSON.parse(ran.stdout);
  }

  /** A call of DynamoDB, for rows that Falconer would never write. */
  async store(operation, body) {
    const headers = {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `DynamoDB_20120810.${operation}`,
      "x-amz-date": "20260101T000000Z",
      authorization: credentials,
    };
    const answer = await fetch(this.dynamodb.line.split(" ")[1], { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${operation}: ${await answer.text()}`);
    return answer.json();
  }

  /** A call of Secrets Manager about the key ring. */
  async #ringSecret(operation, body) {
    const headers = {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `secretsmanager.${operation}`,
      authorization: credentials.replace("dynamodb", "secretsmanager"),
    };
    const about = JSON.stringify({ SecretId: this.env.MASTER_KEY_SECRET_ID, ...body });
    const answer = await fetch(this.env.AWS_ENDPOINT_URL_SECRETS_MANAGER, { method: "POST", headers, body: about });
    if (!answer.ok) throw new Error(`${operation}: ${await answer.text()}`);
    return answer.json();
  }

  /** The members of the key ring, as Secrets Manager has them. */
  async ring() {
    return JSON.parse((await this.#ringSecret("GetSecretValue", {})).SecretString);
  }

  /** Lets the waiting generation have waited long enough to be promoted. */
  async ageWaitingGeneration() {
    const ring = await this.ring();
    for (const name of Object.keys(ring).filter((name) => name.startsWith("x-added-"))) ring[name] = String(Number(ring[name]) - WAITED_MILLIS);
    await this.#ringSecret("PutSecretValue", { SecretString: JSON.stringify(ring), ClientRequestToken: randomUUID() });
  }

  /** The row of a license, in DynamoDB's own JSON. */
  async row(id) {
    const body = { TableName: this.env.LICENSES_TABLE, Key: { license_id: { S: id } } };
    return (await this.store("GetItem", body)).Item;
  }

  /** Writes rows of licenses as they are. */
  async put(rows) {
    for (let from = 0; from < rows.length; from += BATCH) {
      const puts = rows.slice(from, from + BATCH).map((Item) => ({ PutRequest: { Item } }));
      await this.store("BatchWriteItem", { RequestItems: { [this.env.LICENSES_TABLE]: puts } });
    }
  }

  /** A console, opened in a browser of its own. A `profile` is a folder that stays when the browser has gone. */
  async console(options = {}, ...args) {
    const { profile, env, ...looks } = options;
    const started = await begin("falconer", ["--json", "console", "--no-browser", ...args], { ...this.env, ...env });
    const { address, file } = JSON.parse(started.line);
    const launch = { executablePath: browserProgram, args: ["--no-sandbox"] };
    const view = { viewport: { width: 1280, height: 800 }, ...looks };
    const browser = profile ? undefined : await chromium.launch(launch);
    const context = await (profile ? chromium.launchPersistentContext(profile, { ...launch, ...view }) : browser.newContext(view));
    const page = await context.newPage();
    page.setDefaultTimeout(LONGEST_WAIT_MILLIS);
    await page.goto(`file://${file}`);
    if (options.javaScriptEnabled === false) await page.getByRole("button").click();
    await page.waitForURL(new RegExp(`^http://${address}/[0-9a-f]{32}/$`));
    const opened = new Console({ ...started, address, browser, context, page, base: page.url() });
    opened.closed = () => this.consoles.delete(opened);
    this.consoles.add(opened);
    return opened;
  }

  async stop() {
    for (const opened of this.consoles) await opened.close();
    for (const started of [this.dynamodb, this.account]) started?.program.kill();
    rmSync(this.folder, { recursive: true });
  }
}

/** A stack whose DynamoDB has a `Front`, and a console that asks through it. */
export class FrontedStack {
  static async start(...args) {
    const fronted = new FrontedStack();
    fronted.stack = await Stack.start();
    fronted.front = await Front.before(fronted.stack.env.AWS_ENDPOINT_URL_DYNAMODB);
    const env = { AWS_ENDPOINT_URL_DYNAMODB: fronted.front.endpoint };
    fronted.opened = await fronted.stack.console({ env }, "--files", fronted.stack.folder, ...args);
    return fronted;
  }

  async stop() {
    await this.stack?.stop();
    this.front?.close();
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
    await (this.browser ?? this.context).close();
    this.program.kill("SIGINT");
    this.closed();
  }
}

/** A CSV of rows of cells, each in quotation marks. */
export function csv(...rows) {
  return rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(",")).join("\n");
}

/** Another server on the loopback, which answers everything with a page. */
export async function elsewhere(body = "") {
  const requests = [];
  const server = createServer((request, answer) => {
    requests.push(request.headers);
    answer.setHeader("content-type", "text/html");
    answer.end(`<!doctype html><title>other</title>${body}`);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address();
  return { requests, port, url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The rules of accessibility that a page breaks. */
export async function axeFinds(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

/** Parts of a page that do not fit its width: the page itself, and regions that would have to be moved sideways. */
export function cutOff(page) {
  return page.evaluate(() => {
    const regions = [document.documentElement, ...document.querySelectorAll("main .wide")];
    const wide = regions.filter((one) => one.scrollWidth > one.clientWidth);
    return wide.map((one) => `${one.getAttribute("aria-label") ?? one.tagName}: ${one.scrollWidth - one.clientWidth} pixels`);
  });
}

/** Waits for the end of a look or a run, on a page that keeps itself up to date. */
export async function ended(page) {
  await page.waitForURL(/\/(move-in|issue\/many|bulk)\/[0-9a-f]{32}$/);
  await page.locator("#run:not(:has(progress))").waitFor({ timeout: 60_000 });
}

/** The text of a file that something in the browser begins to download. */
export async function downloaded(page, begin) {
  const [file] = await Promise.all([page.waitForEvent("download"), begin()]);
  return readFileSync(await within(file.path(), 60_000), "utf8");
}

/** The pages of a tour, of a license. */
export function pages(id) {
  return {
    home: "",
    licenses: "licenses",
    ending: "licenses?ending=30",
    license: `license/${id}`,
    history: `license/${id}/history`,
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

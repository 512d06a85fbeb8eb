/** The React example in a real Chromium, against the real functions. */
import type { Server } from "node:http";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "vite";
import { duringOutage, issue, operator, stack } from "./control.js";
import { PORTS } from "./ports.js";
import { serve, startBrowser } from "./site.js";

const HOME = join(import.meta.dirname, "../..");
const BUILD = join(HOME, "build/demo");
const PICTURES = join(HOME, "build/pictures");
const URL_OF_PAGE = `http://127.0.0.1:${PORTS.demo}/`;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
let browser: Browser;
let site: Server;
let markup = "";

beforeAll(async () => {
  [process.env["VITE_FALCONER_URL"], process.env["VITE_FALCONER_KEYS"]] = [stack.url, stack.keys];
  const shared = { root: join(HOME, "examples/react"), logLevel: "error" } as const;
  await build({ ...shared, build: { outDir: join(BUILD, "page"), emptyOutDir: true } });
  await build({ ...shared, build: { outDir: join(BUILD, "server"), emptyOutDir: true, ssr: "src/server.tsx" } });
  markup = (await import(join(BUILD, "server/server.js"))).render();
  const { readFile } = await import("node:fs/promises");
  const template = await readFile(join(BUILD, "page/index.html"), "utf8");
  site = await serve(PORTS.demo, join(BUILD, "page"), { "/rendered.html": template.replace("<!--page-->", markup) });
  browser = await startBrowser();
  mkdirSync(PICTURES, { recursive: true });
});
afterAll(async () => {
  await browser.close();
  site.close();
});

/** A new customer, with an empty storage. Anything that the page writes to the console as an error is collected. */
async function customer(address = URL_OF_PAGE): Promise<{ page: Page; errors: string[] }> {
  const page = await (await browser.newContext({ viewport: { width: 1_280, height: 800 } })).newPage();
  const errors: string[] = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(address);
  return { page, errors };
}

async function activate(page: Page, key: string): Promise<void> {
  await page.getByLabel("License key").fill(key);
  await page.getByRole("button", { name: "Activate" }).click();
}

const isState = (page: Page, state: string) =>
  page.locator(`[role=status][data-state=${state}]`).waitFor({ timeout: 20_000 });
const locked = (page: Page) => page.locator(".cards .locked").count();

/** Takes pictures in both schemes, wide and narrow. In each, axe finds nothing and nothing is cut off at the side. */
async function look(page: Page, name: string): Promise<void> {
  await page.addScriptTag({ path: AXE });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1_280, 400]) {
      await page.setViewportSize({ width, height: 800 });
      await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}-${width}.png`) });
      const { violations } = await page.evaluate(() => (globalThis as any).axe.run());
      const seen = violations.map(({ id, nodes }: any) => [id, nodes.map((node: any) => node.html)]);
      expect(seen, `${name} ${colorScheme} ${width}`).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth"), `${name} ${width}`).toBeLessThanOrEqual(
        width,
      );
    }
  }
}

test("activates, and survives a reload and an outage", async () => {
  const { licenseKey } = await issue("--tier", "pro", "--days", "365");
  const { page } = await customer();
  const asked: any[] = [];
  page.on("request", (request) => request.url().endsWith("/api/verify") && asked.push(request.postDataJSON()));
  await isState(page, "NOT_ACTIVATED");
  expect(await locked(page)).toBe(4);
  await look(page, "1-not-activated");
  await activate(page, licenseKey);
  await isState(page, "ACTIVE");
  expect(asked[0]).toEqual({
    license: licenseKey,
    timestamp: expect.any(Number),
    origin: "quantum-falcon-cockpit",
    nonce: expect.any(String),
  });
  expect(await locked(page)).toBe(2);
  await look(page, "2-pro");
  await page.reload();
  await isState(page, "ACTIVE");
  await duringOutage(async () => {
    await page.reload();
    await isState(page, "GRACE");
    expect(await locked(page)).toBe(2);
    await look(page, "3-outage");
  });
  await page.getByRole("button", { name: "Check again" }).click();
  await isState(page, "ACTIVE");
});

test("shows features by tier", async () => {
  const open: Record<string, number> = { free: 1, pro: 2, elite: 3, lifetime: 4 };
  for (const [tier, count] of Object.entries(open)) {
    const { licenseKey } = await issue("--tier", tier, ...(tier === "lifetime" ? ["--perpetual"] : ["--days", "30"]));
    const { page } = await customer();
    await activate(page, licenseKey);
    await isState(page, "ACTIVE");
    expect([tier, 4 - (await locked(page))]).toEqual([tier, count]);
    if (tier === "lifetime") await look(page, "4-lifetime");
    await page.close();
  }
});

test("locks on a signed refusal, and stays locked in an outage", async () => {
  const { licenseKey, licenseId } = await issue("--tier", "pro", "--days", "30");
  const { page } = await customer();
  await activate(page, licenseKey);
  await isState(page, "ACTIVE");
  await operator("revoke", "--reason", "test", licenseId);
  await page.getByRole("button", { name: "Check again" }).click();
  await isState(page, "LOCKED");
  expect(await locked(page)).toBe(4);
  await look(page, "5-revoked");
  await duringOutage(async () => {
    await page.reload();
    await isState(page, "LOCKED");
  });
  await page.getByRole("button", { name: "Forget this license" }).click();
  await isState(page, "NOT_ACTIVATED");
});

test("a mistyped key is refused beside the form", async () => {
  const { page } = await customer();
  await activate(page, "QF-PRO-00000-00000-00000-00000-00000-00000");
  await page.getByText("does not know this license key").waitFor();
  await look(page, "6-mistyped");
});

test("a page rendered on a server is taken over", async () => {
  expect(markup).toContain("Quantum Falcon Cockpit");
  expect(markup).toContain("Looking for a license");
  expect(markup).not.toContain("Your positions at a glance");
  const { licenseKey } = await issue("--tier", "pro", "--days", "30");
  const { page, errors } = await customer(`${URL_OF_PAGE}rendered.html`);
  await isState(page, "NOT_ACTIVATED");
  await activate(page, licenseKey);
  await isState(page, "ACTIVE");
  expect(errors).toEqual([]);
});

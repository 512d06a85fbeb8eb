// 10,000 licenses in a real Chromium: the list, a sorted column, the next pages, and a look that is stopped.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { FrontedStack, test } from "./stack.mjs";

const LICENSES = 10_000;
/** Longest time in which a page is there, on a busy machine with a program that is not optimised. */
const SOON_MILLIS = 5_000;

let fronted;
let front;
let opened;

before(async () => {
  fronted = await FrontedStack.start();
  ({ front, opened } = fronted);
  const { stack } = fronted;
  const { licenses } = stack.falconer("list", "--all", "--limit", "1000");
  const rows = await Promise.all(licenses.slice(0, 50).map((license) => stack.row(license.licenseId)));
  const copy = (number) => ({ ...rows[number % rows.length], license_id: { S: `lic_${String(number).padStart(24, "0")}` } });
  await stack.put(Array.from({ length: LICENSES - licenses.length }, (_, number) => copy(number)));
});
after(() => fronted?.stop());

test("the list stays quick, sorts, and leads on", async () => {
  const { page } = opened;
  const first = () => page.locator("tbody tr th a").first().getAttribute("href");
  const seen = new Set();
  await opened.go("licenses");
  for (let pages = 0; pages < 4; pages += 1) {
    assert.equal(await page.locator("table.licenses tbody tr").count(), 50);
    seen.add(await first());
    const before = Date.now();
    await page.getByRole("link", { name: "Next page" }).click();
    await page.waitForURL(/after=lic_/);
    await page.locator("table.licenses tbody tr").nth(49).waitFor();
    assert.ok(Date.now() - before < SOON_MILLIS, `${Date.now() - before} ms`);
    await page.waitForFunction((old) => document.querySelector("tbody tr th a").getAttribute("href") !== old, [...seen].at(-1));
  }
  assert.equal(seen.size, 4, "each page has other licenses");
  await page.getByRole("button", { name: "Customer" }).click();
  const names = await page.$$eval("tbody tr td:nth-child(6)", (cells) => cells.map((cell) => cell.textContent.trim()));
  assert.deepEqual(names, [...names].sort((a, b) => a.localeCompare(b, undefined, { numeric: true })));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/license\/lic_/);
});

test("a look through all shows how far it is, and stops", async () => {
  const { page } = opened;
  const seen = async () => Number((await page.locator("#look [role=status]").textContent()).match(/(\d+) licenses seen/)[1]);
  const begin = async () => {
    await opened.go("licenses");
    await page.locator("#search").fill("no such customer anywhere");
    await page.keyboard.press("Enter");
    await page.getByText(/some [\d,]+ units for 10,000 licenses/).waitFor();
    await page.getByRole("button", { name: "Look through all licenses" }).click();
    await page.waitForURL(/\/look\//);
  };
  front.delay = 1_500;
  await begin();
  await page.locator("progress").waitFor();
  await page.waitForFunction(() => /[1-9]\d* licenses seen/.test(document.querySelector("#look [role=status]").textContent), undefined, { timeout: 60_000 });
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("It was stopped").waitFor({ timeout: 60_000 });
  assert.ok((await seen()) > 0 && (await seen()) < LICENSES, `${await seen()}`);
  front.delay = 0;
  await begin();
  await page.getByText("It has seen every license").waitFor({ timeout: 60_000 });
  assert.equal(await seen(), LICENSES);
});

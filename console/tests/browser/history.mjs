// A long history in a real Chromium: it can be scrolled by keys, stays up to date meanwhile, and leads to older rows.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Stack, axeFinds, rich, test } from "./stack.mjs";

const NOTES = 50;
/** Longest time until a part that is asked for every five seconds shows a row. */
const SOON_MILLIS = 20_000;

let stack;
let id;
let opened;

before(async () => {
  stack = await Stack.start();
  id = rich(stack.falconer("list", "--all", "--limit", "1000").licenses).licenseId;
  for (let note = 0; note < NOTES; note += 1) happens(`reason ${note}`);
  opened = await stack.console();
});
after(() => stack?.stop());

/** Something that happens to the license, by the command line. */
function happens(reason) {
  stack.falconer("note", id, `because of ${reason}`, "--reason", reason);
}

const rows = () => opened.page.locator("ol[data-live]");
const shows = (reason) => rows().getByText(reason, { exact: true }).waitFor({ timeout: SOON_MILLIS });

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing beside a long history in the ${colorScheme} scheme`, async () => {
    const { page } = opened;
    await page.emulateMedia({ colorScheme });
    for (const place of [`license/${id}`, `license/${id}/history`, `license/${id}/explain`]) {
      await opened.go(place);
      assert.deepEqual(await axeFinds(page), [], place);
    }
  });
}

test("a history that has the focus goes on, and keeps its place", async () => {
  const { page } = opened;
  await opened.go(`license/${id}`);
  await rows().focus();
  assert.ok(await rows().evaluate((list) => list === document.activeElement), "keys reach it");
  happens("while it has the focus");
  await shows("while it has the focus");
  await page.keyboard.press("End");
  await page.waitForFunction(() => document.querySelector("ol[data-live]").scrollTop > 200);
  const place = () => rows().locator("li").last().evaluate((row) => Math.round(row.getBoundingClientRect().top));
  await page.waitForTimeout(500);
  const before = await place();
  happens("while it is scrolled");
  await page.getByText("Newer rows are at the top").waitFor({ timeout: SOON_MILLIS });
  assert.ok(Math.abs((await place()) - before) < 3, "its last row stays where it was");
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.querySelector("ol[data-live]").scrollTop === 0);
  await shows("while it is scrolled");
  await page.getByText("Newer rows are at the top").waitFor({ state: "hidden" });
});

test("rows wait while a link among them has the focus", async () => {
  const { page } = opened;
  await opened.go(`license/${id}`);
  await page.getByRole("link", { name: "Older rows" }).focus();
  happens("while a link has the focus");
  await page.getByText("Newer rows wait until the focus leaves these").waitFor({ timeout: SOON_MILLIS });
  assert.equal(await rows().getByText("while a link has the focus", { exact: true }).count(), 0);
  assert.ok(await page.getByRole("link", { name: "Older rows" }).evaluate((link) => link === document.activeElement));
  await page.locator("#main").focus();
  await shows("while a link has the focus");
  await page.getByText("Newer rows wait").waitFor({ state: "hidden" });
});

for (const javaScriptEnabled of [true, false]) {
  test(`older rows are a link away ${javaScriptEnabled ? "by keys" : "without script"}`, async () => {
    const other = await stack.console({ javaScriptEnabled });
    try {
      const { page } = other;
      await other.go(`license/${id}`);
      const link = page.getByRole("link", { name: "Older rows" });
      await link.focus();
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/history\?before=\d{13}%23/);
      await page.getByText("reason 0", { exact: true }).waitFor();
      assert.equal(await page.getByText(`reason ${NOTES - 1}`, { exact: true }).count(), 0, "newer rows are not repeated");
      await page.getByRole("link", { name: "The license, with its newest rows" }).click();
      await page.waitForURL(new RegExp(`/license/${id}$`));
    } finally {
      await other.close();
    }
  });
}

// The console in a real Chromium: every page, every change, keys alone, axe, narrow windows, no script.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { FrontedStack, axeFinds, cutOff, test } from "./stack.mjs";
import { Walker, furnished, walk } from "./walk.mjs";

/** Pages of a walk, with those of runs on their way. */
const FEWEST_PAGES = 74;

let fronted;
let stack;
let walked;
let id;

before(async () => {
  fronted = await FrontedStack.start();
  ({ stack } = fronted);
  walked = furnished(stack);
  ({ id } = walked);
});
after(() => fronted?.stop());

/** Runs a test with a console, and closes it. */
function withConsole(name, options, run) {
  test(name, async () => {
    const opened = await stack.console(options);
    try {
      await run(opened);
    } finally {
      await opened.close();
    }
  });
}

/** Faults of the page that is shown, wide and narrow: rules of accessibility that it breaks, and parts that are cut off. */
async function faults(page) {
  const found = await axeFinds(page);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 400, height: 800 });
  const narrow = [...(await axeFinds(page)), ...(await cutOff(page))];
  found.push(...narrow.map((fault) => `at 400 pixels: ${fault}`));
  await page.setViewportSize(size);
  return found;
}

for (const colorScheme of ["light", "dark"]) {
  test(`every page of a walk is for everybody, in the ${colorScheme} scheme`, async () => {
    const env = { AWS_ENDPOINT_URL_DYNAMODB: fronted.front.endpoint };
    const opened = await stack.console({ env, colorScheme }, "--files", stack.folder);
    const [seen, found] = [new Set(), []];
    const visit = async (shown) => {
      seen.add(shown);
      found.push(...(await faults(opened.page)).map((fault) => `${shown}: ${fault}`));
    };
    try {
      await walk(new Walker(opened, { stack, front: fronted.front, name: `tour-${colorScheme}`, visit }), walked);
      const reader = await stack.console({ colorScheme }, "--read-only");
      for (const where of [`license/${id}`, "licenses", "catalog", "keyring"]) {
        await reader.go(where);
        found.push(...(await faults(reader.page)).map((fault) => `read only, ${where}: ${fault}`));
      }
      await reader.close();
    } finally {
      await opened.close();
    }
    assert.deepEqual(found, []);
    assert.ok(seen.size >= FEWEST_PAGES, `${seen.size} pages: ${[...seen].join(", ")}`);
  });
}

withConsole("a license fits a screen of 1280 by 800", {}, async (opened) => {
  await opened.go(`license/${id}`);
  for (const heading of ["Terms", "Seats", "History"]) {
    const box = await opened.page.getByRole("heading", { name: heading, exact: true }).boundingBox();
    assert.ok(box.y + box.height < 800, `${heading} begins at ${box.y}`);
  }
});

withConsole("a change is made by keys alone", {}, async (opened) => {
  const { page } = opened;
  await opened.go("");
  await page.keyboard.press("/");
  await page.keyboard.type(id);
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`/license/${id}$`));
  const note = page.locator("summary", { hasText: "Note" });
  for (let step = 0; step < 60 && !(await note.evaluate((it) => it === document.activeElement)); step += 1) {
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("written by keys");
  await page.keyboard.press("Tab");
  await page.keyboard.type("a test");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/answer\//);
  await page.locator("button.primary:focus").waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(/done=note$/);
  assert.equal(stack.falconer("show", id).notes, "written by keys");
  await page.keyboard.press("?");
  assert.ok(await page.getByRole("dialog").isVisible());
  await page.keyboard.press("Escape");
  await opened.go("licenses");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/license\/lic_/);
});

withConsole("reading and changes work without script", { javaScriptEnabled: false }, async (opened) => {
  const { page } = opened;
  await opened.go(`license/${id}`);
  await page.locator("summary", { hasText: "Suspend" }).click();
  await page.getByLabel("Reason, for the audit").and(page.locator(":visible")).fill("no script");
  await page.locator("details[open] button").click();
  await page.getByRole("button", { name: "Suspend" }).click();
  assert.match(await page.textContent("main"), /The license was suspended/);
  assert.equal(stack.falconer("show", id).status, "suspended");
  stack.falconer("reinstate", id);
});

withConsole("history keeps itself up to date", {}, async (opened) => {
  await opened.go(`license/${id}`);
  stack.falconer("note", id, "from elsewhere", "--reason", "another operator writes");
  await opened.page.getByText("another operator writes").waitFor({ timeout: 30_000 });
});

withConsole("a column sorts what is loaded", {}, async (opened) => {
  await opened.go("licenses");
  await opened.page.getByRole("button", { name: "Ends" }).click();
  const ends = await opened.page.$$eval("tbody tr td:nth-child(4)", (cells) => cells.map((cell) => cell.dataset.order));
  assert.deepEqual(ends, [...ends].sort());
});

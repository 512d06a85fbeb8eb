// The console in a real Chromium: every page, every change, keys alone, axe, narrow windows, no script.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { Stack, pages, rich } from "./stack.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let stack;
let licenses;
let id;

before(async () => {
  stack = await Stack.start();
  licenses = stack.falconer("list", "--all", "--limit", "1000").licenses;
  id = rich(licenses).licenseId;
});
after(() => stack?.stop());

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

for (const colorScheme of ["light", "dark"]) {
  withConsole(`axe finds nothing in the ${colorScheme} scheme`, { colorScheme }, async (opened) => {
    for (const [name, page] of Object.entries(pages(id))) {
      await opened.go(page);
      await opened.page.evaluate(axe);
      const { violations } = await opened.page.evaluate(() => globalThis.axe.run());
      const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
      assert.deepEqual(found, [], name);
    }
  });
}

withConsole("nothing is cut off at 400 pixels", { viewport: { width: 400, height: 800 } }, async (opened) => {
  for (const [name, page] of Object.entries(pages(id))) {
    await opened.go(page);
    const wide = await opened.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
  }
});

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
  assert.match(await page.textContent("main"), /The license is suspended/);
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

withConsole("the cookie goes to no other server", {}, async (opened) => {
  const seen = [];
  const other = createServer((request, answer) => {
    seen.push(request.headers);
    answer.end("<!doctype html><title>other</title>");
  });
  await new Promise((ready) => other.listen(0, "127.0.0.1", ready));
  const elsewhere = `http://127.0.0.1:${other.address().port}/`;
  await opened.page.goto(elsewhere);
  await opened.page.goto(`${elsewhere}licenses`);
  other.close();
  assert.ok(seen.length > 1);
  for (const headers of seen) {
    assert.equal(headers.cookie, undefined);
    assert.ok(!headers.referer?.startsWith(new URL(opened.base).origin), "no referrer tells the secret path");
  }
});

withConsole("a page of elsewhere posts in vain", {}, async (opened) => {
  const { page, base } = opened;
  await opened.go("licenses");
  const csrf = await page.locator("input[name=csrf]").first().getAttribute("value");
  // It knows the secret path and the token, as if both had leaked, and the browser sends it the cookie: a port makes no
  // other site.
  const form = `<form method="post" action="${base}license/${id}/preview"><input name="csrf" value="${csrf}"><input name="action" value="suspend"></form>`;
  const other = createServer((_, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end(`<!doctype html><title>other</title>${form}<script>document.forms[0].submit()</script>`);
  });
  await new Promise((ready) => other.listen(0, "127.0.0.1", ready));
  const [posted] = await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith("/preview")),
    page.goto(`http://127.0.0.1:${other.address().port}/`).catch(() => {}),
  ]);
  other.close();
  assert.equal(posted.status(), 403);
  assert.match(await page.textContent("body"), /has to come from a page of this console/);
  assert.notEqual(stack.falconer("show", id).status, "suspended");
});

withConsole("no page of elsewhere frames or loads the console", {}, async (opened) => {
  const { page, base } = opened;
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  for (const one of Object.values(pages(id))) await opened.go(one);
  assert.deepEqual(requests.filter((url) => !url.startsWith(base)), [], "nothing is loaded from elsewhere");
  const other = createServer((_, answer) => {
    answer.setHeader("content-type", "text/html");
    answer.end(`<!doctype html><title>other</title><iframe src="${base}licenses"></iframe>`);
  });
  await new Promise((ready) => other.listen(0, "127.0.0.1", ready));
  await page.goto(`http://127.0.0.1:${other.address().port}/`);
  await page.waitForTimeout(500);
  const framed = await Promise.all(page.frames().slice(1).map((frame) => frame.content().catch(() => "")));
  other.close();
  assert.ok(framed.every((content) => !content.includes("Customer")), "a frame shows no license");
});

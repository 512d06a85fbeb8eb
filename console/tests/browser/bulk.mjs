// Work on many in a real Chromium: moving in, issuing many, changing many; with files that have every fault.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Stack, axeFinds, cutOff, downloaded, ended, test } from "./stack.mjs";

const head = "license_key,status,license_tier,licensee_name,expiry_date,notes";
let stack;

before(async () => (stack = await Stack.start()));
after(() => stack?.stop());

function withConsole(name, options, run) {
  test(name, async () => {
    const opened = await stack.console(options, "--files", stack.folder);
    try {
      await run(opened);
    } finally {
      await opened.close();
    }
  });
}

/** Nothing that axe finds, nothing that is cut off, and no flag of the command line but in a command to copy. */
async function looksRight(page, name) {
  const text = await page.$eval("main", (main) => [...main.children].map((part) => part.innerText).join("\n"));
  const commands = await page.$$eval("pre.copy, code", (all) => all.map((one) => one.innerText));
  const said = commands.reduce((rest, command) => rest.replace(command, ""), text);
  assert.doesNotMatch(said, /(^|[\s(])--[a-z]/m, name);
  assert.deepEqual(await axeFinds(page), [], name);
  const size = page.viewportSize();
  await page.setViewportSize({ width: 400, height: 800 });
  assert.deepEqual(await cutOff(page), [], name);
  await page.setViewportSize(size);
}

/** Chooses a file and sends it; returns when the look has ended. */
async function send(opened, where, name, content, fields = {}) {
  await opened.go(where);
  const { page } = opened;
  await page.locator("input[type=file]").setInputFiles({ name, mimeType: "text/csv", buffer: Buffer.from(content) });
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label).fill(value);
  await page.getByRole("button", { name: "Show what it does" }).click();
  await ended(page);
}

/** The text of a file that a button gives. */
function download(page, name) {
  return downloaded(page, () => page.getByRole("button", { name }).click());
}

for (const colorScheme of ["light", "dark"]) {
  withConsole(`a dropped CSV moves in, in the ${colorScheme} scheme`, { colorScheme }, async (opened) => {
    const { page } = opened;
    const rows = [`DROP-${colorScheme}-1,active,pro,Jürgen Müller,2099-06-30,`, `DROP-${colorScheme}-2,sold,pro,,,`];
    await opened.go("move-in");
    await looksRight(page, "move in");
    const files = await page.evaluateHandle((text) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([text], "customers.csv", { type: "text/csv" }));
      return transfer;
    }, [head, ...rows].join("\n"));
    await page.dispatchEvent("[data-drop]", "dragover", { dataTransfer: files });
    await page.dispatchEvent("[data-drop]", "drop", { dataTransfer: files });
    await page.getByLabel("Reason, for the audit").fill("dropped");
    await page.getByRole("button", { name: "Show what it does" }).click();
    await ended(page);
    assert.match(await page.textContent("main"), /2 rows: 1 would be imported, 0 there already, 1 refused/);
    await looksRight(page, "a look");
    await page.getByRole("button", { name: "Import 1 license" }).click();
    await page.getByText("Mend them in their file").waitFor();
    await looksRight(page, "moved in");
    const keys = await download(page, "Download the keys");
    assert.match(keys, /DROP-.*-1,QF-PRO-/);
    await page.reload();
    assert.equal(await page.getByRole("button", { name: "Download the keys" }).count(), 0, "once");
    const key = keys.match(/QF-PRO-[A-Z0-9-]+/)[0];
    const shown = stack.falconer("show", key);
    assert.equal(shown.audit[0].reason, "dropped");
    assert.match(await download(page, "Download the refused rows"), /sold is not active/);
  });
}

withConsole("each fault of a file is a sentence", {}, async (opened) => {
  const { page } = opened;
  const latin1 = (text) => Buffer.from(text, "latin1");
  for (const [name, content, sentence] of [
    ["empty.csv", "", /the file is empty/i],
    ["book.xlsx", "PK\u0003\u0004rest", /a workbook .* or another zip file/],
    ["ansi.csv", latin1(`${head}\nA-1234,active,pro,Müller,,\n`), /is not UTF-8/],
    ["utf16.csv", Buffer.from(`\uFEFF${head}\nA-1234,active,pro,Müller,,\n`, "utf16le"), /1 row: 1 would be imported/],
    ["marked.csv", `\uFEFF${head.replaceAll(",", ";")}\nA-1234;active;pro;Müller;;\n`, /1 row: 1 would be imported/],
    ["dates.csv", `${head}\nA-1234,active,pro,,03/04/2099,\n`, /2099-04-03 with the day first/],
    ["quote.csv", `${head}\nA-1234,active,pro,"Bob,,\n`, /opens in this row and closes nowhere/],
    ["words.csv", `${head}\nA-1234,gesperrt,Gold,,,\n`, /“Words for a status” gesperrt=OURS says what it means/],
    ["same.csv", `${head}\nA-1234,active,pro,,,\na-1234,active,pro,,,\n`, /lines 2 and 3 have one key/],
    ["formula.csv", `${head}\n#REF!,active,pro,,,=1+1\n`, /the sheet shows an error/],
    ["markup.csv", `${head}\nA-1234,active,pro,<img src=x onerror=alert(1)>,,<script>alert(2)</script>\n`, /<img src=x/],
    ["long.csv", `${head}\nA-1234,active,pro,${"L".repeat(1000)},,${"n".repeat(900)}\n`, /1 row: 1 would be imported/],
  ]) {
    let dialogs = 0;
    page.once("dialog", () => (dialogs += 1));
    await send(opened, "move-in", name, content);
    assert.match(await page.textContent("main"), sentence, name);
    assert.equal(dialogs, 0, "nothing of a sheet runs");
    await looksRight(page, name);
  }
  await opened.go("move-in");
  const large = { name: "large.csv", mimeType: "text/csv", buffer: Buffer.alloc(33 * 1024 * 1024, "x") };
  await page.locator("input[type=file]").setInputFiles(large);
  assert.match(await page.locator("input[type=file]").evaluate((it) => it.validationMessage), /larger than 32 MiB/);
});

withConsole("a file that is too large is a sentence without script", { javaScriptEnabled: false }, async (opened) => {
  const { page } = opened;
  await opened.go("move-in");
  const large = { name: "large.csv", mimeType: "text/csv", buffer: Buffer.alloc(34 * 1024 * 1024, "x") };
  await page.locator("input[type=file]").setInputFiles(large);
  await page.getByRole("button", { name: "Show what it does" }).click();
  await page.getByText("larger than 32 MiB").waitFor({ timeout: 60_000 });
});

withConsole("work on many needs no script", { javaScriptEnabled: false }, async (opened) => {
  const { page } = opened;
  await send(opened, "move-in", "plain.csv", `${head}\nPLAIN-1234,active,pro,Zoë,,\n`);
  await page.getByRole("button", { name: "Import 1 license" }).click();
  await page.getByText("The file is moved in.").waitFor();
  await opened.go("issue/many");
  await page.getByLabel("Or paste its rows").fill("tier,name,days\npro,Without Script,30\n");
  await page.getByRole("button", { name: "Show what it does" }).click();
  await page.getByRole("button", { name: "Issue 1 license" }).click();
  await page.getByRole("button", { name: "Show the keys" }).click();
  const key = await page.locator("th.key").first().textContent();
  await opened.go("licenses");
  const box = page.locator("input[name=license]").first();
  const id = await box.getAttribute("value");
  await box.check();
  await page.locator("summary", { hasText: "Change the ticked licenses" }).click();
  await page.getByLabel("note, over the one before").check();
  await page.getByLabel("Note", { exact: true }).fill("ticked without script");
  await page.locator("#bulk").getByRole("button", { name: "Show what it does" }).click();
  await page.getByRole("button", { name: /^Write the note of 1/ }).click();
  await page.getByText("1 changed, 0 changed meanwhile").waitFor();
  assert.equal(stack.falconer("show", id).notes, "ticked without script");
  assert.equal(stack.falconer("show", key).licenseeName, "Without Script");
});

withConsole("a run goes on when its page is closed, and leaves no key", {}, async (opened) => {
  const { page, context, base } = opened;
  const urls = new Set();
  context.on("request", (request) => urls.add(request.url()));
  const orders = ["tier,name,days", ...Array.from({ length: 600 }, (_, row) => `pro,Closed Page ${row},30`)].join("\n");
  await send(opened, "issue/many", "orders.csv", orders, { "Reason, for the audit": "a fair" });
  await looksRight(page, "orders");
  const address = page.url();
  await page.getByRole("button", { name: "Issue 600 licenses" }).click();
  // Chromium forgets to close a page while a navigation of it commits, and tells nobody (crbug.com/536385539): the run is waited for.
  await page.getByRole("button", { name: "Stop" }).waitFor();
  await page.close();
  const again = await context.newPage();
  await again.goto(address);
  await again.getByText("600 licenses issued").waitFor({ timeout: 60_000 });
  await looksRight(again, "issued");
  const keys = (await download(again, "Download the keys")).match(/QF-PRO-[A-Z0-9-]+/g);
  assert.equal(new Set(keys).size, 600);
  await again.goto(address);
  assert.equal(await again.getByRole("button", { name: "Download the keys" }).count(), 0, "once");

  await again.goto(`${base}issue/many`);
  await again.getByLabel("Or paste its rows").fill("tier,name,days\npro,Shown Once,30\n");
  await again.getByRole("button", { name: "Show what it does" }).click();
  await ended(again);
  await again.getByRole("button", { name: "Issue 1 license" }).click();
  await again.getByRole("button", { name: "Show the keys" }).click();
  await again.getByText("QF-PRO-").waitFor();
  await looksRight(again, "shown keys");
  const shown = await again.locator("th.key").first().textContent();
  await again.getByRole("link", { name: "Back to the run" }).click();
  await again.goBack({ timeout: 5_000 }).catch(() => {});
  await again.waitForTimeout(500);
  assert.ok(!(await again.content()).includes(shown), "the browser keeps no page with a key");
  await again.goto(address);
  const stored = await again.evaluate(async () =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, await caches.keys().catch(() => [])]),
  );
  const left = [...urls].join("\n") + stored + opened.log() + JSON.stringify(await context.storageState());
  for (const secret of [keys[0], keys[599], shown, "Closed Page", "Shown%20Once"]) {
    assert.ok(!left.includes(secret), "an address, the log or the browser's storage has a key or a person");
  }
  assert.equal(stack.falconer("show", keys[300]).status, "active");
});

withConsole("ticked licenses are changed and exported", {}, async (opened) => {
  const { page } = opened;
  await opened.go("licenses?ending=90");
  await page.getByRole("button", { name: "Tick all shown" }).click();
  const boxes = page.locator("input[name=license]");
  const count = await boxes.count();
  assert.equal(await page.locator("input[name=license]:checked").count(), count);
  await page.getByRole("button", { name: "Tick none" }).click();
  const ids = [];
  for (const at of [0, 1, 2]) {
    await boxes.nth(at).check();
    ids.push(await boxes.nth(at).getAttribute("value"));
  }
  const exported = await download(page, "Export these as CSV");
  assert.equal(exported.trim().split("\n").length, 4);
  await page.locator("summary", { hasText: "Change the ticked licenses" }).click();
  await looksRight(page, "ticked licenses");
  await page.getByLabel("note, over the one before").check();
  await page.getByLabel("Note", { exact: true }).fill("in bulk");
  await page.locator("#bulk input[name=reason]").fill("many at once");
  await page.locator("#bulk").getByRole("button", { name: "Show what it does" }).click();
  await page.waitForURL(/\/bulk\/[0-9a-f]{32}$/);
  await looksRight(page, "preview of many");
  stack.falconer("note", ids[1], "by another operator");
  await page.getByRole("button", { name: "Write the note of 3 licenses" }).click();
  await page.getByText("2 changed, 1 changed meanwhile").waitFor();
  await looksRight(page, "results of many");
  assert.deepEqual(ids.map((id) => stack.falconer("show", id).notes), ["in bulk", "by another operator", "in bulk"]);
});

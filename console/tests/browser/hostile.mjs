// Names, notes, devices, reasons and origins that are markup, scripts, directions or very long, in a real Chromium.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Stack, csv, cutOff, ended, pages, rich, test } from "./stack.mjs";

/** Each sets `taken` in the page that it gets to run in. */
const texts = {
  markup: `"><img src=x onerror="window.taken='img'"><svg onload="window.taken='svg'">`,
  script: `</title></textarea></option></bdi><script>window.taken='script'</script>`,
  attribute: `' autofocus onfocus='window.taken=1' x="" onmouseover="window.taken=1`,
  template: `{{7*7}} \${7*7} <%= 7*7 %> &lt;script&gt;window.taken=1&lt;/script&gt;`,
  address: `javascript:window.taken='address'`,
  directions: `\u202egnp.exe\u202c \u2066\u05d0\u05d1\u05d2 \u0645\u0631\u062d\u0628\u0627 \u200bhidden\u200f`,
  long: "W".repeat(1000),
  stacked: `a${"\u0301".repeat(400)} ${"\u{1f469}\u200d\u{1f4bb}".repeat(60)}`,
};

let stack;
const ids = {};

before(async () => {
  stack = await Stack.start();
  const { licenses } = stack.falconer("list", "--all", "--limit", "1000");
  const row = await stack.row(rich(licenses).licenseId);
  const soon = String(Date.now() + 5 * 86_400_000);
  const month = new Date(Number(soon)).toISOString().slice(0, 7);
  for (const [number, [name, text]] of Object.entries(texts).entries()) {
    const id = `lic_${String(number).padStart(24, "0")}`;
    const hostile = structuredClone(row);
    // The rules bound these in characters; a row that an older program wrote is read as it is.
    const person = cut(text, 200);
    Object.assign(hostile, {
      license_id: { S: id },
      user_id: { S: person },
      licensee_name: { S: person },
      notes: { S: text },
      expires_at: { N: soon },
      expiry_month: { S: month },
    });
    for (const device of Object.values(hostile.devices.M)) device.M.name = { S: cut(text, 64) };
    await stack.put([hostile]);
    await stack.store("PutItem", {
      TableName: stack.env.VERIFICATIONS_TABLE,
      Item: {
        schema: { N: "1" },
        license_id: { S: id },
        at: { S: `${Date.now()}#${name}` },
        action: { S: "verify" },
        code: { S: "HARDWARE_MISMATCH" },
        request_id: { S: name },
        origin: { S: text },
        actor: { S: text },
        reason: { S: text },
      },
    });
    ids[name] = id;
  }
});
after(() => stack?.stop());

/** The first characters of a text, as the rules bound it. */
function cut(text, most) {
  return [...text].slice(0, most).join("");
}

/** Nothing of a text ran, nothing of it became an element, and the page keeps its width. */
async function holds(opened, where) {
  const { page } = opened;
  // A page without its style sheet yet has other widths.
  await page.waitForLoadState();
  const seen = await page.evaluate(() => ({
    taken: window.taken,
    made: document.querySelectorAll("main img:not(.chart), main svg, main script, main iframe, main [onerror], main [onfocus], main [onmouseover]").length,
    odd: document.querySelectorAll("a[href^=javascript]").length,
    turned: /[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f]/.test(document.body.textContent),
    cut: [...document.querySelectorAll("main p, main dd, main li, main h1, main pre, main td")]
      .filter((one) => one.checkVisibility() && getComputedStyle(one).overflowX === "visible" && one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".wide"))
      .map((one) => `${one.tagName}.${one.className}`),
  }));
  assert.deepEqual(seen, { taken: undefined, made: 0, odd: 0, turned: false, cut: [] }, where);
  const cut = await cutOff(page);
  // A wide window may show a wide table in a region that moves; a narrow one shows it as lines.
  const allowed = page.viewportSize().width > 400 ? cut.filter((one) => !one.startsWith("HTML")) : [];
  assert.deepEqual(cut, allowed, where);
}

/** Runs a test in a window of a width, in which no dialog may open. */
function atWidth(width, name, run) {
  test(`${name} at ${width} pixels`, async () => {
    const opened = await stack.console({ viewport: { width, height: 800 } }, "--files", stack.folder);
    const said = [];
    opened.page.on("dialog", (dialog) => (said.push(dialog.message()), dialog.dismiss()));
    try {
      await run(opened);
      assert.deepEqual(said, [], "no dialog");
    } finally {
      await opened.close();
    }
  });
}

for (const width of [400, 1280]) {
  for (const [name, text] of Object.entries(texts)) {
    atWidth(width, `a text of ${name} stays a text`, async (opened) => {
      const { page } = opened;
      const id = ids[name];
      const readable = { ...pages(id), day: "licenses?ending=7", asked: `licenses?after=${encodeURIComponent(text.slice(0, 100))}`, product: `catalog?product=${encodeURIComponent(text.slice(0, 100))}` };
      for (const [where, path] of Object.entries(readable)) {
        await opened.go(path);
        await holds(opened, where);
      }
      for (const [action, fields] of [
        ["note", { "textarea[name=note]": text.slice(0, 900) }],
        ["set-customer", { "input[name=user]": text.slice(0, 100), "input[name=name]": text.slice(0, 100) }],
        ["set-limit", { "input[name=limits]": text }],
        ["set-updates-until", { "input[name=until]": text }],
        ["set-policy", { "input[name=settings]": text }],
        ["add-feature", { "input[name=feature]": text }],
      ]) {
        await opened.go(`license/${id}`);
        await page.locator(`details:has(input[name=action][value=${action}]) > summary`).click();
        await holds(opened, `${action}, opened`);
        const form = page.locator(`form:has(input[name=action][value=${action}])`);
        for (const [field, value] of Object.entries(fields)) await form.locator(field).fill(value);
        await form.locator("input[name=reason]").fill(text.slice(0, 900));
        await form.evaluate((it) => (it.noValidate = true));
        await form.locator("button").click();
        await page.waitForURL(/\/answer\//);
        await holds(opened, `the preview of ${action}`);
      }
      await opened.go(`license/${id}/explain`);
      await page.locator("input[name=at]").fill(text);
      await page.locator("textarea[name=hardware]").fill(text);
      await page.getByRole("button", { name: "Explain" }).click();
      await page.getByRole("alert").waitFor();
      await holds(opened, "a question that does not read");
      await opened.go("licenses");
      await page.locator("#search").fill(text.slice(0, 200));
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/(search|license)\//);
      await holds(opened, "a search");
      const offer = page.locator("form.offer button");
      if (await offer.count()) {
        await offer.click();
        await page.getByText(/It (has seen|ended)/).waitFor({ timeout: 60_000 });
        await holds(opened, "a look");
      }
      await opened.go("issue");
      for (const field of ["name", "user", "features", "limits", "order"]) await page.locator(`form.sheet input[name=${field}]`).fill(text.slice(0, 150));
      await page.locator("form.sheet button").click();
      await page.waitForURL(/\/answer\//);
      await holds(opened, "an order");
      await opened.go("catalog");
      await page.locator("textarea[name=toml]").fill(text);
      await page.getByRole("button", { name: "Show what it does" }).click();
      await page.waitForURL(/\/answer\//);
      await page.getByRole("alert").waitFor();
      await holds(opened, "a catalog that does not read");
    });

    atWidth(width, `a sheet of ${name} stays text`, async (opened) => {
      const { page } = opened;
      const head = ["license_key", "status", "license_tier", "licensee_name", "notes", "license_duration_days", cut(text, 300)];
      const good = [`HOSTILE-${name}-${width}`, "active", "pro", cut(text, 200), cut(text, 900), "30", text];
      const bad = [`${name}-${width}-${cut(text, 60)}`, text, text, text, text, text, text];
      await opened.go("move-in");
      const file = { name: `${cut(text, 120)}.csv`, mimeType: "text/csv", buffer: Buffer.from(csv(head, good, bad)) };
      await page.locator("input[type=file]").setInputFiles(file);
      await page.locator("main input[name=reason]").fill(cut(text, 900));
      await page.getByRole("button", { name: "Show what it does" }).click();
      await ended(page);
      assert.match(await page.textContent("main"), /2 rows: 1 would be imported, 0 there already, 1 refused/);
      await holds(opened, "a look at a sheet");
      await page.getByRole("button", { name: "Import 1 license" }).click();
      await page.getByText("The file is moved in").waitFor({ timeout: 60_000 });
      await holds(opened, "a sheet that moved in");
      await opened.go("licenses");
      await page.locator("#search").fill(cut(text, 200));
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/(search|license)\//);
      await holds(opened, "a search for what moved in");

      for (const field of ["timezone", "tiers", "statuses", "never", "undated", "encoding", "product"]) {
        await opened.go("move-in");
        await page.getByLabel("Or paste its rows").fill(csv(head, good));
        await page.locator("main details > summary").click();
        await page.locator(`main [name=${field}]`).evaluate((it, value) => (it.removeAttribute("maxlength"), (it.value = value)), cut(text, 900));
        await page.getByRole("button", { name: "Show what it does" }).click();
        await page.waitForURL(/\/(move-in\/|answer\/)/);
        await page.locator("main:not(:has(progress))").waitFor({ timeout: 60_000 });
        await holds(opened, `a look whose ${field} does not read`);
      }
    });

    atWidth(width, `orders of ${name} stay text`, async (opened) => {
      const { page } = opened;
      const send = async (...rows) => {
        await opened.go("issue/many");
        await page.getByLabel("Or paste its rows").fill(csv(["tier", "name", "user", "days", "features", "limits", "updates_until"], ...rows));
        await page.locator("main input[name=reason]").fill(cut(text, 900));
        await page.getByRole("button", { name: "Show what it does" }).click();
        await ended(page);
      };
      await send(["pro", cut(text, 200), `${name}-${width}`, "30", "", "", ""], [text, text, text, text, text, text, text]);
      assert.match(await page.textContent("main"), /1 of 2 orders cannot be issued/);
      await holds(opened, "orders that are refused");
      await send(["pro", cut(text, 200), `${name}-${width}`, "30", "", "", ""]);
      await holds(opened, "a look at orders");
      await page.getByRole("button", { name: "Issue 1 license" }).click();
      await page.getByRole("button", { name: "Show the keys" }).waitFor({ timeout: 60_000 });
      await holds(opened, "orders that are issued");
      await page.getByRole("button", { name: "Show the keys" }).click();
      await page.locator("th.key").first().waitFor();
      await holds(opened, "keys of orders");
    });

    atWidth(width, `ticked licenses of ${name} stay text`, async (opened) => {
      const { page } = opened;
      for (const [action, fields] of [["note", { "textarea[name=note]": `${width} ${cut(text, 900)}` }], ["extend", {}]]) {
        await opened.go("licenses?ending=90");
        const boxes = page.locator("input[name=license][value^=lic_0000]");
        assert.equal(await boxes.count(), Object.keys(texts).length);
        for (const box of await boxes.all()) await box.check();
        await page.locator("details.many > summary").click();
        await page.locator(`#bulk input[value=${action}]`).check();
        for (const [field, value] of Object.entries(fields)) await page.locator(`#bulk ${field}`).fill(value);
        await page.locator("#bulk input[name=days]").fill("1");
        await page.locator("#bulk input[name=reason]").fill(cut(text, 900));
        await holds(opened, `${action} of ticked licenses`);
        await page.locator("#bulk").getByRole("button", { name: "Show what it does" }).click();
        await page.waitForURL(/\/bulk\/[0-9a-f]{32}$/);
        await holds(opened, `the preview of ${action} of many`);
        await page.locator("main button.primary").click();
        await page.getByText(/\d+ changed, 0 changed meanwhile/).waitFor({ timeout: 60_000 });
        await holds(opened, `the results of ${action} of many`);
      }
    });
  }
}

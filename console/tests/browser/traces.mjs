// What a whole tour leaves behind: addresses, the server's log, the browser's storage and every file of its profile.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import { Front, Stack, csv, downloaded, ended, pages, rich, test } from "./stack.mjs";
import { Walker, furnished, typedBy, walk } from "./walk.mjs";

let stack;
let front;
let walked;
let license;
let key;
/** A whole key: one that is masked has dots after its tier. */
const KEY = /QF-[A-Z]+-[0-9A-Z]{5}[0-9A-Z-]*/g;
const profile = mkdtempSync(path.join(tmpdir(), "falconer-console-profile-"));

before(async () => {
  stack = await Stack.start();
  front = await Front.before(stack.env.AWS_ENDPOINT_URL_DYNAMODB);
  walked = furnished(stack);
  license = rich(stack.falconer("list", "--all", "--limit", "1000").licenses);
  stack.falconer("set-customer", license.licenseId, "--user", "customer-4711");
  license = stack.falconer("show", license.licenseId);
  key = stack.falconer("reveal", license.licenseId).licenseKey;
});
after(async () => {
  await stack?.stop();
  front?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

/** The masters of the key ring, as Secrets Manager has them. */
async function masters() {
  const members = Object.entries(await stack.ring()).filter(([name]) => /^\d+$/.test(name));
  return members.map(([, master]) => (typeof master === "string" ? master : JSON.stringify(master)));
}

/** A text as it may lie in an address, a log, a database of the browser. */
function forms(text) {
  const utf8 = [text, encodeURIComponent(text), encodeURIComponent(text).replaceAll("%20", "+"), JSON.stringify(text).slice(1, -1)];
  return [...utf8.map((form) => Buffer.from(form, "utf8")), Buffer.from(text, "utf16le")];
}

/** Everybody in the tables, and every key that opens something. */
function everybody() {
  const { licenses } = stack.falconer("list", "--all", "--limit", "10000");
  const people = licenses.flatMap((one) => [one.email, one.licenseeEmail, one.licenseeName, one.userId]);
  const written = readdirSync(stack.folder).filter((name) => name.endsWith(".csv")).map((name) => readFileSync(path.join(stack.folder, name), "utf8"));
  const keys = written.join("\n").match(KEY) ?? [];
  assert.ok(licenses.length > 300 && keys.length > 40, `${licenses.length} licenses, ${keys.length} keys of files`);
  return new Set([...people, ...keys].filter((text) => text?.length > 6));
}

/** The texts of a set that lie in a place, as they are or as an address has them; and every whole key, of whatever license. */
function namedIn(content, texts) {
  // Chromium writes texts in one byte or two a letter.
  const plain = content.toString("latin1").replaceAll("\0", "");
  const written = plain.replaceAll("%40", "@").replaceAll(/%20|\+/g, " ");
  const isPlain = (text) => /^[\x20-\x7e]+$/.test(text);
  const people = [...texts].filter((text) => (isPlain(text) ? written.includes(text) : forms(text).some((form) => content.includes(form))));
  return [...people, ...(plain.match(KEY) ?? [])];
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => path.join(file.parentPath, file.name));
}

test("a tour leaves no key and no person behind", async () => {
  const typed = {
    note: "confided by telephone 8451",
    name: "Corrected Person 8452",
    email: "corrected.8453@example.com",
    order: "Ordering Person 8454",
    orderEmail: "ordering.8455@example.com",
    reason: "because Whoever 8456 asked",
    hardware: "machine-of-somebody-8457",
    limit: "limit_8458=84580",
    sheetName: "Uploaded Person 8460",
    sheetEmail: "uploaded.8461@example.com",
    sheetKey: "UPLOADED-KEY-8462",
  };
  const env = { AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
  const opened = await stack.console({ profile, env }, "--files", stack.folder);
  const { page, context } = opened;
  const urls = new Set();
  page.on("request", (request) => urls.add(request.url()));
  page.on("framenavigated", (frame) => urls.add(frame.url()));
  const id = license.licenseId;
  const titles = [];

  const visit = async () => titles.push(await page.title());
  await walk(new Walker(opened, { stack, front, name: "TRACES-KEY", visit }), walked);
  assert.ok(titles.length > Object.keys(pages(id)).length);
  license = stack.falconer("show", id);
  for (const text of [key, license.email, license.licenseeName, license.userId, "nobody at all 8459"].filter(Boolean)) {
    await opened.go("");
    await page.locator("#search").fill(text);
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/(search|license)\//);
  }
  await page.locator("form.offer button").click();
  await page.getByText("It has seen every license").waitFor();

  // Every form of a license's page, to its preview and, where nothing is lost by it, to its end.
  const fill = async (action, fields, end) => {
    await opened.go(`license/${id}`);
    const form = page.locator(`form:has(input[name=action][value=${action}])`).first();
    if (await page.locator(`details:has(input[name=action][value=${action}])`).count()) {
      await page.locator(`details:has(input[name=action][value=${action}]) > summary`).click();
    }
    for (const [field, text] of Object.entries(fields)) await form.locator(field).fill(text);
    if (await form.locator("input[name=reason]").count()) await form.locator("input[name=reason]").fill(typed.reason);
    await form.locator("button").click();
    await page.waitForURL(/\/answer\//);
    if (!end) return;
    const preview = page.url();
    await page.locator("button.primary").click();
    await page.waitForURL((next) => next.href !== preview && end.test(next.href));
    titles.push(await page.title());
  };
  await fill("note", { textarea: typed.note }, /done=note$/);
  await fill("set-customer", { "input[name=name]": typed.name, "input[name=email]": typed.email }, /done=set-customer$/);
  await fill("set-limit", { "input[name=limits]": typed.limit }, /done=set-limit$/);
  await fill("set-updates-until", { "input[name=until]": "2084-06-01" }, /done=set-updates-until$/);
  await fill("reveal", {}, /\/answer\//);
  assert.equal((await page.textContent("pre.key")).trim(), key);
  await fill("set-policy", { "input[name=settings]": "max_transfers=9" });
  await fill("add-feature", { "input[name=feature]": "early_access" });
  for (const action of ["extend", "suspend", "revoke", "rotate-key", "erase-subject", "reset-hardware"]) await fill(action, {});

  await opened.go(`license/${id}/explain`);
  await page.locator("textarea[name=hardware]").fill(JSON.stringify({ licenseKey: key, hardware: { machineId: typed.hardware } }));
  await page.locator("input[name=build]").fill("2027-03-01");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Build of").waitFor();

  await opened.go("issue");
  await page.locator("form.sheet input[name=name]").fill(typed.order);
  await page.locator("form.sheet input[name=email]").fill(typed.orderEmail);
  await page.locator("form.sheet input[name=limits]").fill(typed.limit);
  await page.locator("form.sheet input[name=updates_until]").fill("2084-06-01");
  await page.locator("form.sheet input[name=reason]").fill(typed.reason);
  await page.locator("form.sheet button").click();
  await page.locator("button.primary").click();
  await page.locator("pre.key").waitFor();
  titles.push(await page.title());
  const issued = (await page.textContent("pre.key")).trim();

  await opened.go("catalog");
  await page.locator("textarea[name=toml]").fill((await page.locator("textarea[name=toml]").inputValue()) + "\n[tiers.tour]\nextends = \"pro\"\n");
  await page.locator("main input[name=reason]").fill(typed.reason);
  await page.getByRole("button", { name: "Show what it does" }).click();
  await page.locator("button.primary").click();
  await page.waitForURL(/done=\d+$/);
  // A sheet is uploaded, its keys are downloaded, and licenses are exported.
  await opened.go("move-in");
  const sheet = csv(["license_key", "status", "license_tier", "licensee_name", "licensee_email"], [typed.sheetKey, "active", "pro", typed.sheetName, typed.sheetEmail]);
  await page.locator("input[type=file]").setInputFiles({ name: "customers.csv", mimeType: "text/csv", buffer: Buffer.from(sheet) });
  await page.locator("main input[name=reason]").fill(typed.reason);
  await page.getByRole("button", { name: "Show what it does" }).click();
  await ended(page);
  await page.getByRole("button", { name: /^Import 1/ }).click();
  await page.getByText("The file is moved in").waitFor();
  assert.match(await downloaded(page, () => page.getByRole("button", { name: "Download the keys" }).click()), /,QF-PRO-/);
  await opened.go("licenses?ending=90");
  assert.match(await downloaded(page, () => page.getByRole("button", { name: "Export these as CSV" }).click()), /@example\.com/);
  await opened.go("keyring");
  await page.getByRole("button", { name: "Promote it now" }).click();
  await page.locator("button.primary").click();
  await page.waitForURL(/done=promote/);
  await page.getByRole("button", { name: "Add a generation" }).click();
  await page.locator("button.primary").click();
  await page.waitForURL(/done=add/);

  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  const state = JSON.stringify(await context.storageState());
  await opened.close();

  const secrets = { key, issued, email: license.email, person: license.licenseeName, user: license.userId, ...typed };
  for (const [number, master] of (await masters()).entries()) secrets[`master ${number + 1}`] = master;
  assert.ok(Object.keys(secrets).length >= 14 && Object.values(secrets).every((secret) => secret?.length > 6), JSON.stringify(Object.keys(secrets)));
  assert.ok(urls.size > 20, `${urls.size} addresses`);
  assert.ok(opened.log().includes("address"), "the log of the program is searched");
  const places = new Map([
    ["an address", Buffer.from([...urls].join("\n"))],
    ["a title, which the browser's history keeps", Buffer.from(titles.join("\n"))],
    ["the server's log", Buffer.from(opened.log())],
    ["the storage of the page", Buffer.from(stored + state)],
    ...files(profile).map((file) => [`the profile's ${path.relative(profile, file)}`, readFileSync(file)]),
  ]);
  assert.ok(places.size > 20, "the profile is on the disk");
  const found = [...places].flatMap(([place, content]) =>
    Object.entries(secrets).filter(([, secret]) => forms(secret).some((form) => content.includes(form))).map(([name]) => `${name} in ${place}`),
  );
  const people = new Set([...everybody(), ...typedBy("TRACES-KEY")]);
  for (const [place, content] of places) found.push(...namedIn(content, people).map((text) => `${text} in ${place}`));
  assert.deepEqual(found, []);
});

// Every change of the console by keyboard alone, in a real Chromium, and read back by the command line.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Stack } from "./stack.mjs";

/** Keys on the way to a control: a page has some fifty of them. */
const MOST_TABS = 150;

let stack;
let opened;

before(async () => {
  stack = await Stack.start();
  opened = await stack.console();
});
after(async () => {
  await opened?.close();
  stack?.stop();
});

/** A license of its own, with its key. */
function issue(...options) {
  return stack.falconer("issue", "--tier", "pro", "--days", "30", ...options);
}

async function press(...keys) {
  for (const key of keys) await opened.page.keyboard.press(key);
}

async function type(text) {
  await opened.page.keyboard.type(text);
}

/** Writes over what a field has. */
async function retype(text) {
  await press("Control+A");
  await type(text);
}

/** Goes from control to control until `selector` has the focus. */
async function tabTo(selector) {
  const here = () => opened.page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector);
  for (let step = 0; step < MOST_TABS; step += 1) {
    if (await here()) return;
    await press("Tab");
  }
  assert.fail(`no key leads to ${selector} on ${opened.page.url()}`);
}

/** Opens a license by its id, from wherever the browser is. */
async function search(id) {
  await press("/");
  await type(id);
  await press("Enter");
  await opened.page.waitForURL(new RegExp(`/license/${id}$`));
}

/** Waits for the next page after keys that ask for it. */
async function leads(keys, url) {
  const from = opened.page.url();
  await press(...keys);
  await opened.page.waitForURL((next) => next.href !== from && url.test(next.href));
}

/** Takes the preview's way on: its button has the focus. */
async function confirm(url) {
  await opened.page.locator("button.primary:focus").waitFor();
  assert.match(await opened.page.textContent("main"), /Nothing is changed yet/);
  assert.ok((await opened.page.textContent("pre.copy")).length > 0, "the same as a command");
  await leads(["Enter"], url);
}

/** Opens a change of a license's page, fills it, gives a reason, and confirms what it does. */
async function change(id, action, fill = async () => {}) {
  await search(id);
  const form = `form:has(input[name=action][value=${action}])`;
  await tabTo(`details:has(input[name=action][value=${action}]) > summary`);
  await press("Enter");
  await fill(form);
  await tabTo(`${form} input[name=reason]`);
  await type("by keys");
  await leads(["Enter"], /\/answer\//);
  await confirm(/(\?done=|\/answer\/)/);
}

const changes = [
  ["extend", async (form) => (await tabTo(`${form} input[name=days]`), await retype("40")), (shown) => assert.ok(shown.expiresAt > Date.now() + 60 * 86_400_000)],
  ["suspend", undefined, (shown) => assert.equal(shown.status, "suspended")],
  ["reinstate", undefined, (shown) => assert.notEqual(shown.status, "suspended")],
  ["set-tier", async (form) => (await tabTo(`${form} select`), await type("elite")), (shown) => assert.equal(shown.tier, "elite")],
  ["set-seats", async (form) => (await tabTo(`${form} input[name=seats]`), await retype("4")), (shown) => assert.equal(shown.seats.max, 4)],
  ["add-feature", async (form) => (await tabTo(`${form} input[name=feature]`), await type("early_access")), (shown) => assert.deepEqual(shown.ownFeatures, ["early_access"])],
  ["remove-feature", undefined, (shown) => assert.deepEqual(shown.ownFeatures, [])],
  ["set-limit", async (form) => (await tabTo(`${form} input[name=limits]`), await type("agents=10 users=2")), (shown) => assert.deepEqual(shown.ownLimits, { agents: 10, users: 2 })],
  ["set-limit", async (form) => (await tabTo(`${form} input[name=remove][value=users]`), await press("Space")), (shown) => assert.deepEqual(shown.ownLimits, { agents: 10 })],
  ["set-updates-until", async (form) => (await tabTo(`${form} input[name=until]`), await retype("2027-03-01")), (shown) => assert.equal(shown.updatesUntil, "2027-03-01")],
  ["set-updates-until", async (form) => (await tabTo(`${form} input[name=covers]`), await press("ArrowDown")), (shown) => assert.equal(shown.updatesUntil, null)],
  ["set-policy", async (form) => (await tabTo(`${form} input[name=settings]`), await type("offline_grace_days=21")), (shown) => assert.match(JSON.stringify(shown), /21/)],
  ["set-customer", async (form) => (await tabTo(`${form} input[name=email]`), await retype("by.keys@example.com")), (shown) => assert.equal(shown.email, "by.keys@example.com")],
  ["note", async (form) => (await tabTo(`${form} textarea`), await retype("written by keys")), (shown) => assert.equal(shown.notes, "written by keys")],
  ["revoke", undefined, (shown) => assert.equal(shown.status, "revoked")],
];

test("each change of a license is made by keys alone", async () => {
  const { licenseId } = issue("--email", "keys@example.com");
  for (const [action, fill, made] of changes) {
    await change(licenseId, action, fill);
    const shown = stack.falconer("show", licenseId);
    made(shown);
    assert.deepEqual([shown.audit.at(-1).action, shown.audit.at(-1).reason], [action, "by keys"], `the audit row of ${action}`);
  }
});

test("keys and the person of a license are changed by keys alone", async () => {
  const { licenseId, licenseKey } = issue("--email", "erased@example.com");
  await change(licenseId, "reveal");
  assert.equal((await opened.page.textContent("pre.key")).trim(), licenseKey);
  await change(licenseId, "erase-subject");
  assert.equal(stack.falconer("show", licenseId).email, null);
  await change(licenseId, "rotate-key");
  const old = stack.falconer("show", licenseId);
  assert.equal(old.status, "revoked");
  assert.equal(stack.falconer("show", (await opened.page.textContent("pre.key")).trim()).licenseId, old.replacedBy);
});

test("seats are freed by keys alone", async () => {
  const { licenses } = stack.falconer("list", "--all", "--limit", "1000");
  const [one, other] = licenses.filter((license) => license.devices.length > 0 && license.status === "active");
  for (const [id, button] of [[one.licenseId, "button[aria-label^=Free]"], [other.licenseId, "form:not(td *):has(input[value=reset-hardware]) button"]]) {
    await search(id);
    await tabTo(button);
    await leads(["Enter"], /\/answer\//);
    await confirm(/done=reset-hardware/);
    const shown = stack.falconer("show", id);
    assert.ok(shown.devices.length < licenses.find((license) => license.licenseId === id).devices.length);
  }
});

test("a license is issued by keys alone", async () => {
  await tabTo("nav a[href$='/issue']");
  await leads(["Enter"], /\/issue$/);
  for (const [field, text] of [
    ["select[name=tier]", "elite"],
    ["input[name=seats]", "3"],
    ["input[name=name]", "Issued By Keys"],
    ["input[name=features]", "early_access"],
    ["input[name=limits]", "agents=7"],
    ["input[name=updates_until]", "2027-05-01"],
    ["input[name=order]", "keys-1"],
    ["input[name=reason]", "by keys"],
  ]) {
    await tabTo(`form.sheet ${field}`);
    await type(text);
  }
  await leads(["Enter"], /\/answer\//);
  await confirm(/\/answer\//);
  const shown = stack.falconer("show", (await opened.page.textContent("pre.key")).trim());
  assert.deepEqual(
    [shown.tier, shown.seats.max, shown.licenseeName, shown.ownLimits, shown.updatesUntil, shown.audit[0].reason],
    ["elite", 3, "Issued By Keys", { agents: 7 }, "2027-05-01", "by keys"],
  );
});

test("a catalog is replaced by keys alone", async () => {
  await tabTo("nav a[href$='/catalog']");
  await leads(["Enter"], /\/catalog$/);
  await tabTo("textarea[name=toml]");
  await press("Control+End");
  await type("\n[tiers.by_keys]\nextends = \"pro\"\n");
  await tabTo("input[name=reason]");
  await type("by keys");
  await leads(["Enter"], /\/answer\//);
  await confirm(/done=1/);
  assert.match(stack.falconer("catalog", "show", "--product", "QF").toml, /by_keys/);
});

test("the key ring is changed by keys alone", async () => {
  const roles = () => stack.falconer("keyring", "list").generations.map((one) => one.role);
  for (const [action, after] of [["add", "waiting"], ["promote-now", "current"], ["distrust", "distrusted"], ["trust", "verifies"]]) {
    await tabTo("nav a[href$='/keyring']");
    await leads(["Enter"], /\/keyring$/);
    await tabTo(`form:has(input[name=action][value=${action}]) button`);
    await leads(["Enter"], /\/answer\//);
    await confirm(/done=1/);
    assert.ok(roles().includes(after), `${action}: ${roles()}`);
  }
});

test("a look through all licenses is begun and read by keys alone", async () => {
  await press("/");
  await type("by.keys@");
  await leads(["Enter"], /\/search\//);
  await tabTo("form.offer button");
  await leads(["Enter"], /\/look\//);
  await opened.page.getByText("It has seen every license").waitFor({ timeout: 60_000 });
  await press("ArrowDown");
  await leads(["Enter"], /\/license\/lic_/);
});

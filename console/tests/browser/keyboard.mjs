// Every change of the console by keyboard alone, in a real Chromium, and read back by the command line.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { FrontedStack, csv, downloaded, ended, test } from "./stack.mjs";

/** Keys on the way to a control: a page of 50 licenses has some 130 of them. */
const MOST_TABS = 200;
/** Delay of each answer of the store, so that there is time to stop. */
const SLOW_MILLIS = 1_000;

let fronted;
let stack;
let opened;

before(async () => {
  fronted = await FrontedStack.start();
  ({ stack, opened } = fronted);
});
after(() => fronted?.stop());

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
  await confirm(/done=\d+$/);
  assert.match(stack.falconer("catalog", "show", "--product", "QF").toml, /by_keys/);
});

test("the key ring is changed by keys alone", async () => {
  const roles = () => stack.falconer("keyring", "list").generations.map((one) => one.role);
  for (const [action, after] of [["add", "waiting"], ["promote-now", "current"], ["distrust", "distrusted"], ["trust", "verifies"]]) {
    await tabTo("nav a[href$='/keyring']");
    await leads(["Enter"], /\/keyring$/);
    await tabTo(`form:has(input[name=action][value=${action}]) button`);
    await leads(["Enter"], /\/answer\//);
    await confirm(/done=/);
    assert.ok(roles().includes(after), `${action}: ${roles()}`);
  }
});

test("a generation that has waited is promoted by keys alone", async () => {
  const { waiting } = Object.fromEntries(stack.falconer("keyring", "list").generations.map((one) => [one.role, one.generation ?? one.number]));
  assert.equal(waiting, undefined, "the generation of the test before signs");
  const changed = async (action) => {
    await tabTo("nav a[href$='/keyring']");
    await leads(["Enter"], /\/keyring$/);
    await tabTo(`form:has(input[name=action][value=${action}]) button`);
    await leads(["Enter"], /\/answer\//);
  };
  await changed("add");
  await confirm(/done=add/);
  await changed("promote");
  assert.match(await opened.page.textContent("main"), /15 have passed/, "it has not waited yet");
  await stack.ageWaitingGeneration();
  await changed("promote");
  await confirm(/done=promote/);
  const { generations } = stack.falconer("keyring", "list");
  assert.equal(generations.at(-1).role, "current", JSON.stringify(generations));
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

/** Pastes a CSV into the form that has the focus, and fills other fields of it. */
async function paste(rows, fields = []) {
  await tabTo("textarea[name=pasted]");
  await opened.page.keyboard.insertText(rows);
  for (const [field, text] of fields) {
    await tabTo(`form.sheet ${field}`);
    await retype(text);
  }
  await tabTo("form.sheet input[name=reason]");
  await retype("by keys");
}

/** Goes to a button by its text, and presses it. */
async function pressButton(text) {
  const focused = () => opened.page.evaluate(() => (document.activeElement?.matches("button") ? document.activeElement.textContent : ""));
  for (let step = 0; step < MOST_TABS && !text.test(await focused()); step += 1) await press("Tab");
  assert.match(await focused(), text);
  await press("Enter");
}

/** Takes a file by a button. */
function take(text) {
  return downloaded(opened.page, () => pressButton(text));
}

/** Presses "Stop" once a run has done something, and returns what the page says when it has ended. */
async function stopOnItsWay() {
  await opened.page.waitForFunction(() => /^[1-9]\d* of /.test(document.querySelector("#run [role=status]")?.textContent), undefined, { timeout: 60_000 });
  await pressButton(/^Stop$/);
  await ended(opened.page);
  return opened.page.textContent("main");
}

test("a sheet moves in by keys alone", async () => {
  const { page } = opened;
  await tabTo("nav a[href$='/move-in']");
  await leads(["Enter"], /\/move-in$/);
  const head = ["license_key", "status", "license_tier", "licensee_name", "expiry_date"];
  const rows = [["MOVED-BY-KEYS-1", "gesperrt", "pro", "Moved By Keys", "2099-06-30"], ["MOVED-BY-KEYS-2", "active", "gold", "", ""]];
  await paste(csv(head, ...rows));
  await leads(["Enter"], /\/move-in\/[0-9a-f]{32}$/);
  await ended(page);
  assert.match(await page.textContent("main"), /2 rows: 0 would be imported, 0 there already, 2 refused/);

  // The same file with other settings.
  await tabTo("form.sheet details > summary");
  if (!(await page.locator("form.sheet details").evaluate((it) => it.open))) await press("Enter");
  await tabTo("textarea[name=statuses]");
  await type("gesperrt=suspended");
  await tabTo("form.sheet input[name=reason]");
  await retype("moved by keys");
  await leads(["Enter"], /\/move-in\/[0-9a-f]{32}$/);
  await ended(page);
  assert.match(await page.textContent("main"), /2 rows: 1 would be imported, 0 there already, 1 refused/);
  assert.match(await take(/^Download the refused rows$/), /MOVED-BY-KEYS-2/);

  await pressButton(/^Import 1 license$/);
  await page.getByText("The file is moved in").waitFor({ timeout: 60_000 });
  const keys = await take(/^Download the keys$/);
  assert.match(await take(/^Download the refused rows$/), /no tier gold/);
  const shown = stack.falconer("show", keys.match(/QF-PRO-[A-Z0-9-]+/)[0]);
  assert.deepEqual([shown.status, shown.licenseeName, shown.audit[0].reason], ["suspended", "Moved By Keys", "moved by keys"]);
  await page.reload();
  await pressButton(/^Delete the file of keys$/);
  await page.getByRole("button", { name: "Delete the file of keys" }).waitFor({ state: "detached" });
});

test("the Flask server's table moves in by keys alone", async () => {
  const { page } = opened;
  stack.falconerReading("the-master-of-the-flask-server-0123456789", "keyring", "add", "--legacy", "-");
  // A key that the Flask server has made, and whose license is not here any more.
  const { licenseId, licenseKey } = stack.falconer("issue", "--tier", "pro", "--days", "30", "--legacy");
  const createdAt = new Date(stack.falconer("show", licenseId).createdAt).toISOString().slice(0, 19).replace("T", " ");
  await stack.store("DeleteItem", { TableName: stack.env.LICENSES_TABLE, Key: { license_id: { S: licenseId } } });
  await tabTo("nav a[href$='/move-in']");
  await leads(["Enter"], /\/move-in$/);
  const head = ["id", "license_key", "user_id", "email", "tier", "expires_at", "created_at", "active", "features", "metadata"];
  const row = ["1", licenseKey, "flask-7", "flask.by.keys@example.com", "pro", "2099-06-30 12:00:00", createdAt, "t", "", ""];
  await paste(csv(head, row));
  await tabTo("input[name=kind]:checked");
  await press("ArrowDown");
  assert.ok(await page.locator("input[name=kind][value=postgres]").isChecked());
  await tabTo("form.sheet input[name=reason]");
  await retype("the Flask server ends");
  await leads(["Enter"], /\/move-in\/[0-9a-f]{32}$/);
  await ended(page);
  assert.match(await page.textContent("main"), /1 row: 1 would be imported, 0 there already, 0 refused/);
  await pressButton(/^Import 1 license$/);
  await page.getByText("The file is moved in").waitFor({ timeout: 60_000 });
  const shown = stack.falconer("show", licenseKey);
  assert.deepEqual([shown.email, shown.userId, shown.audit.at(-1).reason], ["flask.by.keys@example.com", "flask-7", "the Flask server ends"]);
});

test("an import is stopped and gone on with by keys", async () => {
  const { page } = opened;
  const rows = Array.from({ length: 600 }, (_, row) => [`STOPPED-${String(row).padStart(4, "0")}`, "active", "pro"]);
  await tabTo("nav a[href$='/move-in']");
  await leads(["Enter"], /\/move-in$/);
  await paste(csv(["license_key", "status", "license_tier"], ...rows));
  await leads(["Enter"], /\/move-in\/[0-9a-f]{32}$/);
  await ended(page);
  fronted.front.delay = SLOW_MILLIS;
  await pressButton(/^Import 600 licenses$/);
  const stopped = Number((await stopOnItsWay()).match(/The run was stopped after (\d+) rows/)[1]);
  assert.ok(stopped > 0 && stopped < 600, `${stopped}`);
  fronted.front.delay = 0;
  await pressButton(/^Go on$/);
  await page.getByText("The file is moved in.").waitFor({ timeout: 60_000 });
  const keys = (await take(/^Download the keys$/)).match(/QF-PRO-[A-Z0-9-]+/g);
  assert.equal(new Set(keys).size, 600);
  assert.equal(stack.falconer("show", keys[599]).status, "active");
});

test("orders are issued, stopped and gone on with by keys", async () => {
  const { page } = opened;
  await tabTo("nav a[href$='/issue']");
  await leads(["Enter"], /\/issue$/);
  await tabTo("main a[href$='/issue/many']");
  await leads(["Enter"], /\/issue\/many$/);
  const orders = Array.from({ length: 600 }, (_, row) => ["pro", `Ordered By Keys ${row}`, "30"]);
  await paste(csv(["tier", "name", "days"], ...orders), [["input[name=product]", "qf"]]);
  await leads(["Enter"], /\/issue\/many\/[0-9a-f]{32}$/);
  await ended(page);
  fronted.front.delay = SLOW_MILLIS;
  await pressButton(/^Issue 600 licenses$/);
  const stopped = Number((await stopOnItsWay()).match(/The run was stopped: (\d+) orders issued/)[1]);
  assert.ok(stopped > 0 && stopped < 600, `${stopped}`);
  fronted.front.delay = 0;
  await pressButton(/^Go on$/);
  await page.getByText(`${600 - stopped} licenses issued, ${stopped} there already`).waitFor({ timeout: 60_000 });
  const keys = (await take(/^Download the keys$/)).match(/QF-PRO-[A-Z0-9-]+/g);
  assert.equal(new Set(keys).size, 600);
  const shown = stack.falconer("show", keys[599]);
  assert.deepEqual([shown.licenseeName, shown.audit[0].reason], ["Ordered By Keys 599", "by keys"]);
});

test("keys of few orders are shown and deleted by keys", async () => {
  const { page } = opened;
  await tabTo("nav a[href$='/issue']");
  await leads(["Enter"], /\/issue$/);
  await tabTo("main a[href$='/issue/many']");
  await leads(["Enter"], /\/issue\/many$/);
  await paste(csv(["tier", "name", "perpetual"], ["elite", "Shown To Keys", "yes"]));
  await leads(["Enter"], /\/issue\/many\/[0-9a-f]{32}$/);
  await ended(page);
  await pressButton(/^Issue 1 license$/);
  await page.getByRole("button", { name: "Show the keys" }).waitFor({ timeout: 60_000 });
  await pressButton(/^Show the keys$/);
  const key = (await page.locator("th.key").first().textContent()).trim();
  assert.equal(stack.falconer("show", key).licenseeName, "Shown To Keys");
  await tabTo("main a[href*='/issue/many/']");
  await leads(["Enter"], /\/issue\/many\/[0-9a-f]{32}$/);
  await pressButton(/^Delete the file of keys$/);
  await page.getByRole("button", { name: "Delete the file of keys" }).waitFor({ state: "detached" });
});

/** Opens the licenses that end within a year, and ticks the first of them. */
async function tick(count) {
  const { page } = opened;
  await tabTo("nav a[href$='/licenses']");
  await leads(["Enter"], /\/licenses$/);
  await tabTo("main a[href$='ending=365']");
  await leads(["Enter"], /ending=365$/);
  const boxes = await page.$$eval("input[name=license]", (all) => all.map((box) => box.value));
  for (const id of boxes.slice(0, count)) {
    await tabTo(`input[name=license][value=${id}]`);
    await press("Space");
  }
  assert.equal(await page.locator("input[name=license]:checked").count(), count);
  return boxes.slice(0, count);
}

/** Chooses a change of ticked licenses by the arrows, fills it, and shows what it does. */
async function changeTicked(arrows, fill = async () => {}) {
  await tabTo("details.many > summary");
  await press("Enter");
  await tabTo("#bulk input[name=action]:checked");
  for (let step = 0; step < arrows; step += 1) await press("ArrowDown");
  await fill();
  await tabTo("#bulk input[name=reason]");
  await type("many by keys");
  await leads(["Enter"], /\/bulk\/[0-9a-f]{32}$/);
  await opened.page.locator("button.primary:focus").waitFor();
  assert.match(await opened.page.textContent("main"), /Nothing is changed yet/);
}

const manyChanges = [
  ["suspended", 0, undefined, (shown) => assert.equal(shown.status, "suspended")],
  ["extended", 1, async () => (await tabTo("#bulk select[name=term]"), await type("until"), await tabTo("#bulk input[name=until]"), await type("2098-12-31")), (shown) => assert.equal(new Date(shown.expiresAt).getUTCFullYear(), 2098)],
  ["noted", 2, async () => (await tabTo("#bulk textarea[name=note]"), await type("noted by keys")), (shown) => assert.equal(shown.notes, "noted by keys")],
];

for (const [name, arrows, fill, made] of manyChanges) {
  test(`ticked licenses are ${name} by keys alone`, async () => {
    const { page } = opened;
    const ids = await tick(2);
    await changeTicked(arrows, fill);
    await press("Enter");
    await page.getByText("2 changed, 0 changed meanwhile").waitFor({ timeout: 60_000 });
    for (const id of ids) {
      const shown = stack.falconer("show", id);
      made(shown);
      assert.equal(shown.audit.at(-1).reason, "many by keys");
    }
  });
}

test("a bulk change is stopped and gone on with by keys", async () => {
  const { page } = opened;
  await tick(0);
  const shown = await page.locator("input[name=license]").count();
  await pressButton(/^Tick all shown$/);
  await changeTicked(2, async () => (await tabTo("#bulk textarea[name=note]"), await type("all by keys")));
  fronted.front.delay = SLOW_MILLIS / 4;
  await press("Enter");
  const changed = Number((await stopOnItsWay()).match(/It was stopped. (\d+) changed/)[1]);
  assert.ok(changed > 0 && changed < shown, `${changed} of ${shown}`);
  fronted.front.delay = 0;
  await pressButton(/^Go on$/);
  await page.getByText(`${shown} changed, 0 changed meanwhile`).waitFor({ timeout: 60_000 });
  assert.equal(stack.falconer("list", "--all", "--limit", "10000").licenses.filter((one) => one.notes === "all by keys").length, shown);
});

test("ticked licenses are exported by keys alone", async () => {
  const ids = await tick(3);
  await tabTo("#bulk button[formaction$='/licenses/export']");
  const exported = await downloaded(opened.page, () => press("Enter"));
  assert.equal(exported.trim().split("\n").length, 4);
  for (const id of ids) assert.ok(exported.includes(id), id);
});

// A walk through every kind of page and every form of the console, and what happens at each is up to the caller: a picture,
// a look with axe, or nothing.
import { pages, rich } from "./stack.mjs";

/** Delay of each answer of the store, so that a run is seen on its way. */
const SLOW_MILLIS = 1_500;
/** Rows of a history that a page shows. */
const HISTORY_ROWS = 40;

/** Somebody on the way through the console. `visit` is called with the name of each page. */
export class Walker {
  constructor(opened, { stack, front, name, visit }) {
    Object.assign(this, { page: opened.page, go: (where) => opened.go(where), stack, front, name, visit });
  }

  /** Presses the button that shows what a form does. */
  async preview(within = this.page.locator("main")) {
    await within.getByRole("button", { name: "Show what it does" }).click();
  }

  /** Waits for the end of a look or a run. */
  async ended() {
    await this.page.locator("#run:not(:has(progress))").waitFor({ timeout: 60_000 });
  }

  /** Begins something slow, visits it on its way, and lets it end. */
  async underWay(name, begin) {
    this.front.delay = SLOW_MILLIS;
    await begin();
    await this.page.locator("progress").first().waitFor();
    await this.visit(name);
    this.front.delay = 0;
  }
}

/** Gives the stack what a walk needs: a license that it changes, and one with a long history. */
export function furnished(stack) {
  const { licenses } = stack.falconer("list", "--all", "--limit", "1000");
  const id = rich(licenses).licenseId;
  const long = licenses.find((license) => license.licenseId !== id && license.devices.length > 0).licenseId;
  for (let row = 0; row < HISTORY_ROWS; row += 1) stack.falconer("note", long, `called ${row + 1} times`, "--reason", "call of Monday");
  stack.falconer("note", id, "renewal agreed by telephone", "--reason", "call of Monday");
  stack.falconer("extend", id, "--days", "30", "--reason", "order 1042");
  // A ring with a generation of each role but the distrusted, which would refuse the made-up customers.
  stack.falconer("keyring", "add");
  stack.falconer("keyring", "promote", "--now");
  stack.falconer("keyring", "add");
  return { id, long };
}

/** Texts that a walk types and that may be about people. */
export function typedBy(name) {
  return [
    `${name}-0001`, "Testa Placeholder", "testa@example.com", "pays by invoice", "Fictiva von Beispiel", "Demo Lorem", "demo@example.com",
    "Mocka Sample", "mocka@example.com", "mocka.7@example.com", `walk-${name}`, "another-machine-of-nobody", "renews in March", "nobody at all",
    "fair in May", "moving in",
  ];
}

/** Visits every kind of page. */
export async function walk(walker, { id, long }) {
  await reading(walker, { id, long });
  await changing(walker, id);
  await working(walker);
  await troubled(walker, id);
}

/** Pages that only show. */
async function reading({ page, go, visit, front, stack }, { id, long }) {
  await go("");
  await visit("home-uncounted");
  await page.getByRole("button", { name: /^Count/ }).click();
  await page.locator("img.chart").waitFor({ timeout: 60_000 });
  for (const [name, where] of Object.entries(pages(id))) {
    await go(where);
    await visit(name);
  }
  await go(`license/${long}`);
  await visit("license-long-history");
  for (const [name, where] of [["no-license", "license/lic_000000000000000000000000"], ["forgotten", `bulk/${"0".repeat(32)}`], ["ring-changed", "keyring?done=promote&generation=2"]]) {
    await go(where);
    await visit(name);
  }
  await page.keyboard.press("?");
  await visit("keys");
  await page.keyboard.press("Escape");
  await go(`license/${id}/explain`);
  await page.locator("input[name=at]").fill("2099-01-01");
  await page.locator("textarea[name=hardware]").fill('{"machineId": "another-machine-of-nobody"}');
  await page.locator("input[name=build]").fill("2027-03-01");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Build of").waitFor();
  await visit("explained");
  await page.locator("input[name=at]").fill("2020-01-01");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("an earlier moment").waitFor();
  await visit("explained-past");
  await page.locator("input[name=at]").fill("soon");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByRole("alert").first().waitFor();
  await visit("explain-refused");
  const search = async (text) => {
    await go("");
    await page.locator("#search").fill(text);
    await page.keyboard.press("Enter");
  };
  const { licenseeName, email } = stack.falconer("show", id);
  await search(licenseeName.slice(1));
  await page.waitForURL(/\/search\//);
  await page.locator("form.offer button").click();
  await page.getByText("It has seen every license").waitFor({ timeout: 60_000 });
  await visit("look-found");
  await search(email);
  await page.waitForURL(/\/(search|license)\//);
  await visit("search-found");
  await search("nobody at all");
  await page.waitForURL(/\/search\//);
  await visit("search-empty");
  front.delay = SLOW_MILLIS;
  await page.locator("form.offer button").click();
  await page.locator("progress").waitFor();
  await visit("look-running");
  front.delay = 0;
  await page.getByText("It has seen every license").waitFor({ timeout: 60_000 });
  await visit("look-empty");
}

/** One license: each form, a preview, its end, a key, and a change that is refused. */
async function changing(walker, id) {
  const { page, go, visit, name, stack } = walker;
  const open = async (summary) => {
    await go(`license/${id}`);
    await page.locator("summary", { hasText: summary }).first().click();
  };
  const send = async () => {
    await page.locator("details[open] button").first().click();
    await page.waitForURL(/\/answer\//);
  };
  for (const summary of ["Extend", "Revoke", "Tier", "Limits", "Maintenance", "Rules", "Customer", "Note", "Key", "Erase"]) {
    await open(summary);
    await visit(`form-${summary.toLowerCase()}`);
  }
  await open("Extend");
  await send();
  await visit("preview");
  await page.locator("button.primary").click();
  await page.waitForURL(/done=extend$/);
  await visit("extended");
  await open("Key");
  await send();
  await page.locator("button.primary").click();
  await page.locator("pre.key").waitFor();
  await visit("revealed");
  await open("Erase");
  await send();
  await visit("preview-erase");
  await open("Limits");
  await page.locator("details[open] input[name=limits]").fill("agents");
  await send();
  await visit("refused");
  await open("Suspend");
  await send();
  stack.falconer("note", id, `renewal agreed by telephone (${name})`, "--reason", "another operator was faster");
  await page.locator("button.primary").click();
  await page.getByRole("heading", { name: "Changed meanwhile" }).waitFor();
  await visit("changed-meanwhile");

  await go("issue");
  await page.locator("form.sheet input[name=name]").fill("Mocka Sample");
  await page.locator("form.sheet input[name=email]").fill("mocka@example.com");
  await page.locator("form.sheet input[name=order]").fill(`walk-${name}`);
  await walker.preview();
  await page.waitForURL(/\/answer\//);
  await visit("issue-preview");
  await page.locator("button.primary").click();
  await page.locator("pre.key").waitFor();
  await visit("issued");
  const issued = await page.locator("main a[href*='/license/']").getAttribute("href");
  for (const [summary, button, shown] of [["Erase", 0, "erased"], ["Key", 1, "rotated"]]) {
    await page.goto(new URL(issued, page.url()).href);
    await page.locator("summary", { hasText: summary }).first().click();
    await page.locator("details[open] form").nth(button).locator("button").click();
    await page.waitForURL(/\/answer\//);
    await visit(`preview-${shown}`);
    await page.locator("button.primary").click();
    await page.waitForURL(shown === "erased" ? /done=erase-subject$/ : /\/answer\//);
    await visit(shown);
  }
  await page.goto(new URL(issued, page.url()).href);
  await visit("license-replaced");
  await go("catalog");
  const toml = page.locator("textarea[name=toml]");
  const tier = `t_${name.toLowerCase().replaceAll("-", "_")}`;
  await toml.fill(`${(await toml.inputValue()).replace("max_transfers = 3", "max_transfers = 4")}\n[tiers.${tier}]\nextends = "pro"\n`);
  await walker.preview();
  await page.waitForURL(/\/answer\//);
  await visit("catalog-preview");
  await page.locator("button.primary").click();
  await page.waitForURL(/done=\d+$/);
  await visit("catalog-replaced");
  await go("catalog");
  await toml.fill("[tiers");
  await walker.preview();
  await page.waitForURL(/\/answer\//);
  await visit("catalog-refused");
  await go("keyring");
  await page.locator("main td button").first().click();
  await page.waitForURL(/\/answer\//);
  await visit("keyring-preview");
  for (const [button, shown] of [["Promote it now", "keyring-promote"], ["Promote the waiting one", "keyring-refused"]]) {
    await go("keyring");
    await page.getByRole("button", { name: button }).click();
    await page.waitForURL(/\/answer\//);
    await visit(shown);
  }
}

/** Work on many, at each of its stages. */
async function working(walker) {
  const { page, go, visit, name } = walker;
  const sheet = [
    "License Key;Status;License-Tier;Licensee Name;Licensee Email;Expiry Date;Notes;Color",
    `${name}-0001;aktiv;pro;Testa Placeholder;testa@example.com;30.06.2099;pays by invoice;red`,
    `${name}-0002;gesperrt;elite;Fictiva von Beispiel;;01.12.2099;"one; two";`,
    `${name}-0003;sold;pro;Demo Lorem;demo@example.com;;;`,
    `${name}-0004;aktiv;gold;;;31.12.2099;;`,
  ];
  await go("move-in");
  await page.getByLabel("Or paste its rows").fill(sheet.join("\n"));
  await page.locator("summary", { hasText: "Words, encoding, keys" }).click();
  await page.getByLabel("Words for a status").fill("aktiv=active\ngesperrt=suspended");
  await page.locator("main form input[name=reason]").fill("moving in");
  await visit("move-in-settings");
  await walker.underWay("move-in-looking", () => walker.preview());
  await walker.ended();
  await visit("move-in-look");
  await walker.underWay("move-in-running", () => page.getByRole("button", { name: /^Import 2/ }).click());
  await walker.ended();
  await visit("move-in-done");
  await go("move-in");
  await page.getByLabel("Or paste its rows").fill("color,size\nred,1");
  await walker.preview();
  await walker.ended();
  await visit("move-in-refused");

  await go("issue/many");
  const orders = Array.from({ length: 40 }, (_, row) => `pro,Mocka Sample ${row},mocka.${row}@example.com,365,${row % 3 || ""}`);
  await page.getByLabel("Or paste its rows").fill(["tier,name,email,days,seats", ...orders, `pro,${name},,30,`].join("\n"));
  await walker.preview();
  await walker.ended();
  await visit("issue-many-look");
  await walker.underWay("issue-many-running", async () => {
    await page.getByRole("button", { name: /^Issue 41/ }).click();
    await page.getByRole("button", { name: "Stop" }).click();
  });
  await walker.ended();
  await visit("issue-many-stopped");
  const goOn = page.getByRole("button", { name: "Go on" });
  if (await goOn.count()) await goOn.click();
  await page.getByText(/\d+ licenses? issued/).waitFor();
  await visit("issue-many-done");
  await page.getByRole("button", { name: "Show the keys" }).click();
  await page.locator("th.key").first().waitFor();
  await visit("issue-many-keys");
  await page.getByRole("link", { name: "Back to the run" }).click();
  await visit("issue-many-handed-out");
  await go("issue/many");
  await page.getByLabel("Or paste its rows").fill(`tier,name,days\ngold,${name},30\npro,,\npro,Demo Lorem,30`);
  await walker.preview();
  await walker.ended();
  await visit("issue-many-refused");

  await go("licenses?ending=90");
  for (const at of [0, 1, 2, 3]) await page.locator("input[name=license]").nth(at).check();
  await page.locator("summary", { hasText: "Change the ticked licenses" }).click();
  await page.locator("#bulk input[name=reason]").fill("fair in May");
  await visit("ticked");
  await page.getByLabel("extend:").check();
  await walker.preview(page.locator("#bulk"));
  await page.waitForURL(/\/bulk\//);
  await visit("bulk-preview");
  await walker.underWay("bulk-running", () => page.locator("main button.primary").click());
  await page.getByText(/\d+ changed, \d+ changed meanwhile/).waitFor();
  await visit("bulk-done");
}

/** A store that does not answer, credentials that have ended, and what is empty. */
async function troubled({ page, go, visit, front }, id) {
  front.state = "expired";
  await go("licenses");
  await visit("outage");
  front.state = "well";
  await go(`license/${id}`);
  await page.locator("summary", { hasText: "Note" }).click();
  await page.locator("details[open] textarea").fill("called at nine; renews in March");
  front.state = "away";
  await page.locator("details[open] button").click();
  await page.getByRole("heading", { name: "No answer" }).waitFor({ timeout: 60_000 });
  await visit("outage-typed");
  front.state = "well";
  await go("licenses?day=2099-01-01");
  await visit("licenses-empty");
}

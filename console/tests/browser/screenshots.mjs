// Pictures of every page and every state: `node screenshots.mjs FOLDER`, by `cargo xtask screenshots`.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { Front, Stack, pages, rich } from "./stack.mjs";

/** Screens of a long page that are drawn: the rest repeats what is above it. */
const MAX_SCREENS = 3;
/** Delay of each answer of the store, so that a run is seen on its way. */
const SLOW_MILLIS = 1_500;

/** Draws what the window shows, and what lies below it, screen by screen. */
function shooting(page, folder, suffix) {
  return async (name) => {
    const height = page.viewportSize().height;
    const whole = await page.evaluate(() => document.documentElement.scrollHeight);
    const screens = Math.min(MAX_SCREENS, Math.ceil(whole / height));
    for (let screen = 0; screen < screens; screen += 1) {
      await page.evaluate((top) => scrollTo(0, top), screen * height);
      const number = screen === 0 ? "" : `-${screen + 1}`;
      await page.screenshot({ path: path.join(folder, `${name}-${suffix}${number}.png`) });
    }
  };
}

/** Everything that draws one page after the other. */
class Camera {
  constructor(opened, front, folder, name) {
    Object.assign(this, { page: opened.page, go: (where) => opened.go(where), front, name });
    this.shoot = shooting(opened.page, folder, name);
  }

  /** Presses the button that shows what a form does. */
  async preview(within = this.page.locator("main")) {
    await within.getByRole("button", { name: "Show what it does" }).click();
  }

  /** Waits for the end of a look or a run. */
  async ended() {
    await this.page.locator("#run:not(:has(progress))").waitFor({ timeout: 60_000 });
  }

  /** Begins something slow, draws it on its way, and lets it end. */
  async underWay(name, begin) {
    this.front.delay = SLOW_MILLIS;
    await begin();
    await this.page.locator("progress").first().waitFor();
    await this.shoot(name);
    this.front.delay = 0;
  }
}

/** Pages that only show. */
async function reading({ page, go, shoot, front }, id) {
  await go("");
  await shoot("home-uncounted");
  await page.getByRole("button", { name: /^Count/ }).click();
  await page.locator("img.chart").waitFor({ timeout: 60_000 });
  for (const [name, where] of Object.entries(pages(id))) {
    await go(where);
    await shoot(name);
  }
  await page.keyboard.press("?");
  await shoot("keys");
  await page.keyboard.press("Escape");
  await go(`license/${id}/explain`);
  await page.locator("input[name=at]").fill("2099-01-01");
  await page.locator("textarea[name=hardware]").fill('{"machineId": "another-machine-of-nobody"}');
  await page.locator("input[name=build]").fill("2027-03-01");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Build of").waitFor();
  await shoot("explained");
  await page.locator("#search").fill("nobody at all");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search\//);
  await shoot("search-empty");
  front.delay = SLOW_MILLIS;
  await page.locator("form.offer button").click();
  await page.locator("progress").waitFor();
  await shoot("look-running");
  front.delay = 0;
  await page.getByText("It has seen every license").waitFor({ timeout: 60_000 });
  await shoot("look-empty");
}

/** One license: each form, a preview, its end, a key, and a change that is refused. */
async function changing(camera, id, stack) {
  const { page, go, shoot, name } = camera;
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
    await shoot(`form-${summary.toLowerCase()}`);
  }
  await open("Extend");
  await send();
  await shoot("preview");
  await page.locator("button.primary").click();
  await page.waitForURL(/done=extend$/);
  await shoot("extended");
  await open("Key");
  await send();
  await page.locator("button.primary").click();
  await page.locator("pre.key").waitFor();
  await shoot("revealed");
  await open("Erase");
  await send();
  await shoot("preview-erase");
  await open("Limits");
  await page.locator("details[open] input[name=limits]").fill("agents");
  await send();
  await shoot("refused");
  await open("Suspend");
  await send();
  stack.falconer("note", id, `renewal agreed by telephone (${name})`, "--reason", "another operator was faster");
  await page.locator("button.primary").click();
  await page.getByRole("heading", { name: "Changed meanwhile" }).waitFor();
  await shoot("changed-meanwhile");

  await go("issue");
  await page.locator("form.sheet input[name=name]").fill("Mocka Sample");
  await page.locator("form.sheet input[name=email]").fill("mocka@example.com");
  await camera.preview();
  await page.waitForURL(/\/answer\//);
  await shoot("issue-preview");
  await page.locator("button.primary").click();
  await page.locator("pre.key").waitFor();
  await shoot("issued");
  await go("catalog");
  const toml = page.locator("textarea[name=toml]");
  await toml.fill((await toml.inputValue()).replace("max_transfers = 3", "max_transfers = 4"));
  await camera.preview();
  await page.waitForURL(/\/answer\//);
  await shoot("catalog-preview");
  await go("catalog");
  await toml.fill("[tiers");
  await camera.preview();
  await page.waitForURL(/\/answer\//);
  await shoot("catalog-refused");
  await go("keyring");
  await page.locator("main td button").first().click();
  await page.waitForURL(/\/answer\//);
  await shoot("keyring-preview");
}

/** Work on many, at each of its stages. */
async function working(camera) {
  const { page, go, shoot, name } = camera;
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
  await shoot("move-in-settings");
  await camera.underWay("move-in-looking", () => camera.preview());
  await camera.ended();
  await shoot("move-in-look");
  await camera.underWay("move-in-running", () => page.getByRole("button", { name: /^Import 2/ }).click());
  await camera.ended();
  await shoot("move-in-done");
  await go("move-in");
  await page.getByLabel("Or paste its rows").fill("color,size\nred,1");
  await camera.preview();
  await camera.ended();
  await shoot("move-in-refused");

  await go("issue/many");
  const orders = Array.from({ length: 40 }, (_, row) => `pro,Mocka Sample ${row},mocka.${row}@example.com,365,${row % 3 || ""}`);
  await page.getByLabel("Or paste its rows").fill(["tier,name,email,days,seats", ...orders, `pro,${name},,30,`].join("\n"));
  await camera.preview();
  await camera.ended();
  await shoot("issue-many-look");
  await camera.underWay("issue-many-running", async () => {
    await page.getByRole("button", { name: /^Issue 41/ }).click();
    await page.getByRole("button", { name: "Stop" }).click();
  });
  await camera.ended();
  await shoot("issue-many-stopped");
  const goOn = page.getByRole("button", { name: "Go on" });
  if (await goOn.count()) await goOn.click();
  await page.getByText(/\d+ licenses? issued/).waitFor();
  await shoot("issue-many-done");
  await page.getByRole("button", { name: "Show the keys" }).click();
  await page.locator("th.key").first().waitFor();
  await shoot("issue-many-keys");
  await page.getByRole("link", { name: "Back to the run" }).click();
  await shoot("issue-many-handed-out");
  await go("issue/many");
  await page.getByLabel("Or paste its rows").fill(`tier,name,days\ngold,${name},30\npro,,\npro,Demo Lorem,30`);
  await camera.preview();
  await camera.ended();
  await shoot("issue-many-refused");

  await go("licenses?ending=90");
  for (const at of [0, 1, 2, 3]) await page.locator("input[name=license]").nth(at).check();
  await page.locator("summary", { hasText: "Change the ticked licenses" }).click();
  await page.locator("#bulk input[name=reason]").fill("fair in May");
  await shoot("ticked");
  await page.getByLabel("extend:").check();
  await camera.preview(page.locator("#bulk"));
  await page.waitForURL(/\/bulk\//);
  await shoot("bulk-preview");
  await camera.underWay("bulk-running", () => page.locator("main button.primary").click());
  await page.getByText(/changed meanwhile by/).waitFor();
  await shoot("bulk-done");
}

/** A store that does not answer, credentials that have ended, and what is empty. */
async function troubled({ page, go, shoot, front }, id) {
  front.state = "expired";
  await go("licenses");
  await shoot("outage");
  front.state = "well";
  await go(`license/${id}`);
  await page.locator("summary", { hasText: "Note" }).click();
  await page.locator("details[open] textarea").fill("called at nine; renews in March");
  front.state = "away";
  await page.locator("details[open] button").click();
  await page.getByRole("heading", { name: "No answer" }).waitFor({ timeout: 60_000 });
  await shoot("outage-typed");
  front.state = "well";
  await go("licenses?day=2099-01-01");
  await shoot("licenses-empty");
}

const folder = process.argv[2] ?? "screenshots";
mkdirSync(folder, { recursive: true });
const stack = await Stack.start();
const front = await Front.before(stack.env.AWS_ENDPOINT_URL_DYNAMODB);
const env = { AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
try {
  const { licenses } = stack.falconer("list", "--all", "--limit", "1000");
  const id = rich(licenses).licenseId;
  stack.falconer("note", id, "renewal agreed by telephone", "--reason", "call of Monday");
  stack.falconer("extend", id, "--days", "30", "--reason", "order 1042");
  // A ring with a generation of each role but the distrusted, which would refuse the made-up customers.
  stack.falconer("keyring", "add");
  stack.falconer("keyring", "promote", "--now");
  stack.falconer("keyring", "add");
  // The two pictures of the documents: small, and of the same pages.
  for (const [name, page, colorScheme] of [["license", `license/${id}`, "light"], ["licenses", "licenses?ending=30", "dark"]]) {
    const opened = await stack.console({ colorScheme, viewport: { width: 1100, height: 620 } });
    await opened.go(page);
    await opened.page.screenshot({ path: path.join(folder, `${name}.png`) });
    await opened.close();
  }
  for (const colorScheme of ["light", "dark"]) {
    for (const [width, height] of [[1280, 800], [400, 800]]) {
      const opened = await stack.console({ env, colorScheme, viewport: { width, height } }, "--files", stack.folder);
      const camera = new Camera(opened, front, folder, `${width}-${colorScheme}`);
      await reading(camera, id);
      await changing(camera, id, stack);
      await working(camera);
      await troubled(camera, id);
      await opened.close();
      const reader = await stack.console({ colorScheme, viewport: { width, height } }, "--read-only");
      await reader.go(`license/${id}`);
      await shooting(reader.page, folder, `${width}-${colorScheme}`)("read-only");
      await reader.close();
    }
  }
} finally {
  front.close();
  await stack.stop();
}

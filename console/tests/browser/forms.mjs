// Forms in a real Chromium: what was typed is there again after Back, by the link and by the browser's button, with script
// and without, and the pages of refusals are as good to read as the others.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Stack, axeFinds, cutOff, rich, test } from "./stack.mjs";

let stack;
let id;

before(async () => {
  stack = await Stack.start();
  id = rich(stack.falconer("list", "--all", "--limit", "1000").licenses).licenseId;
});
after(() => stack?.stop());

/** What was typed into a form, or ticked. */
function typed(page, form) {
  return page.locator(form).first().evaluate((it) => {
    const own = ["csrf", "back", "shown"];
    return [...new FormData(it)].filter(([name]) => !own.includes(name));
  });
}

/** Forms, and how a person fills them. */
const forms = [
  ["issue", "form[action$='issue/preview']", async (page) => {
    await page.locator("select[name=tier]").selectOption("elite");
    await page.locator("input[name=name]").fill("Zo\u00eb <b>");
    await page.locator("input[name=email]").fill("zoe@example.com");
    await page.getByRole("radio", { name: "from the first activation on" }).check();
  }],
  ["catalog", "form[action$='catalog/preview']", async (page) => {
    const text = page.getByLabel("Tiers, features and rules");
    await text.fill(`${await text.inputValue()}\n[tiers.gold]\nfeatures = []\n`);
  }],
  ["license", "form:has(input[value=note])", async (page) => {
    await page.locator("summary", { hasText: "Note" }).click();
    await page.locator("textarea[name=note]").fill("typed\nin two lines");
  }],
  ["license", "form:has(input[value=extend])", async (page) => {
    await page.locator("summary", { hasText: "Extend" }).click();
    await page.getByRole("radio", { name: "until the end of this day" }).check();
    await page.locator("form:has(input[value=extend]) input[name=until]").fill("2099-12-31");
  }],
  ["licenses", "#bulk", async (page) => {
    await page.locator("input[name=license]").nth(1).check();
    await page.locator("input[name=license]").nth(3).check();
    await page.locator("summary", { hasText: "Change the ticked" }).click();
    await page.locator("input[value=note]").check();
    await page.locator("#bulk textarea[name=note]").fill("typed");
  }],
];

async function previewed(opened, [name, form, fill]) {
  const { page } = opened;
  await opened.go(name === "license" ? `license/${id}` : name);
  await fill(page);
  const was = await typed(page, form);
  await page.locator(form).first().getByRole("button", { name: "Show what it does" }).click();
  await page.getByText("Nothing is changed yet").waitFor();
  return was;
}

test("Back of the browser keeps what was typed", async () => {
  const opened = await stack.console();
  for (const one of forms) {
    const was = await previewed(opened, one);
    await opened.page.goBack();
    await opened.page.locator(one[1]).first().waitFor({ state: "attached" });
    assert.deepEqual(await typed(opened.page, one[1]), was, one.join(" "));
    for (const part of ["zoe", "example.com", "typed", "tiers.gold"]) assert.ok(!opened.page.url().includes(part));
    assert.deepEqual(await axeFinds(opened.page), [], one[1]);
  }
  await opened.close();
});

test("the way back keeps what was typed without script", async () => {
  const opened = await stack.console({ javaScriptEnabled: false });
  for (const one of forms) {
    const was = await previewed(opened, one);
    await opened.page.getByRole("link", { name: "Back, without a change" }).click();
    await opened.page.locator(one[1]).first().waitFor({ state: "attached" });
    const fields = await opened.page.locator(one[1]).first().evaluate((it) => [...new FormData(it)].filter(([name]) => !["csrf", "back", "shown"].includes(name)));
    assert.deepEqual(fields, was, one.join(" "));
  }
  await opened.close();
});

test("pages of refusals break no rule and are not cut off", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const opened = await stack.console({ colorScheme, viewport: { width: 400, height: 800 } });
    const { page, base } = opened;
    const looksRight = async (name) => {
      assert.deepEqual(await axeFinds(page), [], name);
      assert.deepEqual(await cutOff(page), [], name);
    };
    await opened.go("licenses");
    await page.locator("summary", { hasText: "Change the ticked" }).click();
    await page.getByRole("button", { name: "Show what it does" }).click();
    await page.getByText("No license is ticked").waitFor();
    await looksRight("nothing ticked");
    await page.getByRole("link", { name: "Back to the licenses" }).click();
    await page.locator("input[name=license]").first().check();
    await page.getByRole("radio", { name: "extend" }).check();
    await page.getByLabel("Days", { exact: true }).fill("");
    await page.getByRole("button", { name: "Show what it does" }).click();
    await page.getByText("whole number").waitFor();
    assert.equal(await page.locator("main input:not([type=hidden])").count(), 1, "the wrong field alone");
    await looksRight("a wrong field");
    await page.getByLabel("Days").fill("30");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("Nothing is changed yet").waitFor();
    await opened.go("issue");
    await page.getByLabel("Product").fill("Q");
    await page.getByRole("button", { name: "Show what it does" }).click();
    await page.getByText("Nothing is issued").waitFor();
    await looksRight("a refused order");
    await opened.go("issue/many");
    await page.getByLabel("Or paste its rows").fill("tier,user,days\ngold,u,30\n");
    await page.getByRole("button", { name: "Show what it does" }).click();
    await page.getByText("1 of 1 order cannot be issued").waitFor();
    await looksRight("refused orders");
    await page.getByLabel("The rows").fill("tier,user,days\npro,u,30\n");
    await page.getByRole("button", { name: "Show what it does" }).click();
    await page.getByText("1 order can be issued").waitFor();
    await page.goto(`${new URL(base).origin}/${"0".repeat(32)}/licenses`);
    await page.getByText("of an earlier run of the console").waitFor();
    await looksRight("an address of an earlier run");
    await opened.close();
  }
});

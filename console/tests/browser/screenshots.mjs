// Pictures of every page: `node screenshots.mjs FOLDER`, by `cargo xtask screenshots`.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { Stack, pages, rich } from "./stack.mjs";

/** Work on many, at each of its stages. */
async function work({ page, go }, shoot, name) {
  const show = () => page.getByRole("button", { name: "Show what it does" }).click();
  const ended = () => page.locator("#run:not(:has(progress))").waitFor({ timeout: 60_000 });
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
  await show();
  await ended();
  await shoot("move-in-look");
  await page.getByRole("button", { name: /^Import 2/ }).click();
  await ended();
  await shoot("move-in-done");
  await go("issue/many");
  const orders = Array.from({ length: 40 }, (_, row) => `pro,Mocka Sample ${row},mocka.${row}@example.com,365,${row % 3 || ""}`);
  await page.getByLabel("Or paste its rows").fill(["tier,name,email,days,seats", ...orders, `pro,${name},,30,`].join("\n"));
  await show();
  await ended();
  await shoot("issue-many-look");
  await page.getByRole("button", { name: /^Issue 41/ }).click();
  await page.getByText("41 licenses issued").waitFor();
  await shoot("issue-many-done");
  await page.getByRole("button", { name: "Show the keys" }).click();
  await page.locator("th.key").first().waitFor();
  await shoot("issue-many-keys");
  await go("licenses?ending=90");
  for (const at of [0, 1, 2, 3]) await page.locator("input[name=license]").nth(at).check();
  await page.locator("summary", { hasText: "Change the ticked licenses" }).click();
  await page.locator("#bulk").scrollIntoViewIfNeeded();
  await page.locator("#bulk input[name=reason]").fill("fair in May");
  await shoot("ticked");
  await page.getByLabel("extend:").check();
  await page.locator("#bulk").getByRole("button", { name: "Show what it does" }).click();
  await page.waitForURL(/\/bulk\//);
  await shoot("bulk-preview");
  await page.locator("main button.primary").click();
  await page.getByText(/changed meanwhile by/).waitFor();
  await shoot("bulk-done");
}

const folder = process.argv[2] ?? "screenshots";
mkdirSync(folder, { recursive: true });
const stack = await Stack.start();
try {
  const { licenses } = stack.falconer("list", "--all", "--limit", "1000");
  const id = rich(licenses).licenseId;
  stack.falconer("note", id, "renewal agreed by telephone", "--reason", "call of Monday");
  stack.falconer("extend", id, "--days", "30", "--reason", "order 1042");
  for (const colorScheme of ["light", "dark"]) {
    for (const [width, height] of [[1280, 800], [400, 800]]) {
      const opened = await stack.console({ colorScheme, viewport: { width, height } }, "--files", stack.folder);
      const shoot = (name) => opened.page.screenshot({ path: path.join(folder, `${name}-${width}-${colorScheme}.png`) });
      await opened.go("");
      await opened.page.getByRole("button", { name: /^Count/ }).click();
      await opened.page.locator("img.chart").waitFor({ timeout: 60_000 });
      for (const [name, page] of Object.entries(pages(id))) {
        await opened.go(page);
        await shoot(name);
      }
      await opened.go(`license/${id}`);
      await opened.page.locator("summary", { hasText: "Extend" }).click();
      await shoot("extend");
      await opened.page.locator("details[open] button").click();
      await opened.page.waitForURL(/\/answer\//);
      await shoot("preview");
      await work({ page: opened.page, go: (page) => opened.go(page) }, shoot, `${width}-${colorScheme}`);
      await opened.close();
    }
  }
  // The two pictures of the documents: small, and of the same pages.
  for (const [name, page, colorScheme] of [["license", `license/${id}`, "light"], ["licenses", "licenses?ending=30", "dark"]]) {
    const opened = await stack.console({ colorScheme, viewport: { width: 1100, height: 620 } });
    await opened.go(page);
    await opened.page.screenshot({ path: path.join(folder, `${name}.png`) });
    await opened.close();
  }
} finally {
  stack.stop();
}

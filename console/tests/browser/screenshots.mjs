// Pictures of every page: `node screenshots.mjs FOLDER`, by `cargo xtask screenshots`.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { Stack, pages, rich } from "./stack.mjs";

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
      const opened = await stack.console({ colorScheme, viewport: { width, height } });
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

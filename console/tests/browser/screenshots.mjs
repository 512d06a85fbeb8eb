// Pictures of every page and every state: `node screenshots.mjs FOLDER`, by `cargo xtask screenshots`.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { Front, Stack } from "./stack.mjs";
import { Walker, furnished, walk } from "./walk.mjs";

/** Screens of a long page that are drawn: the rest repeats what is above it. */
const MAX_SCREENS = 3;

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

const folder = process.argv[2] ?? "screenshots";
mkdirSync(folder, { recursive: true });
const stack = await Stack.start();
const front = await Front.before(stack.env.AWS_ENDPOINT_URL_DYNAMODB);
const env = { AWS_ENDPOINT_URL_DYNAMODB: front.endpoint };
try {
  const { id, long } = furnished(stack);
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
      const name = `${width}-${colorScheme}`;
      await walk(new Walker(opened, { stack, front, name, visit: shooting(opened.page, folder, name) }), { id, long });
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

// Attacks in a real Chromium: other servers and sites, frames, the cache. Each was seen red without its guard.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before } from "node:test";
import { Stack, elsewhere, pages, rich, test } from "./stack.mjs";

let stack;
let id;

before(async () => {
  stack = await Stack.start();
  id = rich(stack.falconer("list", "--all", "--limit", "1000").licenses).licenseId;
});
after(() => stack?.stop());

/** Runs a test with a console that has been opened, and another server on the loopback with a page of its own. */
function withConsole(name, run) {
  test(name, async () => {
    const opened = await stack.console();
    const others = [];
    const other = async (body) => {
      others.push(await elsewhere(body));
      return others.at(-1);
    };
    try {
      await run(opened, other);
    } finally {
      for (const one of others) one.close();
      await opened.close();
    }
  });
}

/** Follows an address as a link of the page does. */
async function follow(page, url) {
  await Promise.all([page.waitForURL(url), page.evaluate((address) => (location.href = address), url)]);
}

withConsole("the cookie goes to no other server", async ({ page, context, base }, other) => {
  const server = await other();
  assert.equal((await context.cookies(base)).length, 1, "the console has its cookie");
  await page.goto(server.url);
  await page.goto(`${server.url}licenses`);
  assert.ok(server.requests.length > 1);
  for (const headers of server.requests) assert.equal(headers.cookie, undefined);
});

withConsole("no referrer tells the secret path", async (opened, other) => {
  const server = await other();
  await opened.go("licenses");
  await follow(opened.page, server.url);
  assert.ok(server.requests.length > 0);
  const console = new URL(opened.base).origin;
  for (const headers of server.requests) assert.ok(!headers.referer?.startsWith(console), headers.referer);
});

withConsole("a page of another server posts in vain", async (opened, other) => {
  const { page, base } = opened;
  await opened.go("licenses");
  const csrf = await page.locator("input[name=csrf]").first().getAttribute("value");
  // It knows the secret path and the token, as if both had leaked, and the browser sends it the cookie: a port makes no
  // other site.
  const form = `<form method="post" action="${base}license/${id}/preview"><input name="csrf" value="${csrf}"><input name="action" value="suspend"></form>`;
  const server = await other(`${form}<script>document.forms[0].submit()</script>`);
  const sent = page.waitForRequest((request) => request.url().endsWith("/preview"));
  const [posted] = await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith("/preview")),
    page.goto(server.url).catch(() => {}),
  ]);
  assert.match((await (await sent).allHeaders()).cookie ?? "", /falconer=/, "the cookie is no guard here");
  assert.equal(posted.status(), 403);
  assert.match(await page.textContent("body"), /has to come from a page of this console/);
  assert.notEqual(stack.falconer("show", id).status, "suspended");
});

withConsole("a page without the token posts in vain", async (opened) => {
  const { page, base } = opened;
  await opened.go("licenses");
  // The page is the console's own, as if a form of somebody else had come into it.
  const [posted] = await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith("/preview")),
    page.evaluate((action) => {
      const form = document.createElement("form");
      Object.assign(form, { method: "post", action, innerHTML: '<input name="action" value="suspend">' });
      document.body.append(form);
      form.submit();
    }, `${base}license/${id}/preview`),
  ]);
  assert.equal(posted.status(), 403);
  assert.match(await page.textContent("body"), /lacks the token of this run/);
});

withConsole("a link of another site opens nothing", async (opened, other) => {
  const { page, base } = opened;
  // `localhost` is another site than 127.0.0.1, so a strict cookie does not come along.
  const server = await other();
  await page.goto(`http://localhost:${server.port}/`);
  await follow(page, `${base}licenses`);
  assert.ok(!(await page.content()).includes("Customer"), "the page of licenses is not shown");
  assert.match(await page.textContent("body"), /has not opened the console/);
});

withConsole("no page of elsewhere frames the console", async (opened, other) => {
  const { page, base } = opened;
  const server = await other(`<iframe src="${base}licenses"></iframe><object data="${base}licenses"></object>`);
  await page.goto(server.url);
  await page.waitForTimeout(500);
  const framed = await Promise.all(page.frames().slice(1).map((frame) => frame.content().catch(() => "")));
  assert.ok(framed.length > 0);
  assert.ok(framed.every((content) => !content.includes("Customer")), "a frame shows no license");
});

withConsole("no page of elsewhere loads parts of the console", async (opened, other) => {
  const { page, base } = opened;
  await opened.go("");
  await page.getByRole("button", { name: /^Count/ }).click();
  await page.locator("img.chart").waitFor({ timeout: 60_000 });
  const parts = `<img src="${base}chart.svg"><script src="${base}console.js"></script><link rel="stylesheet" href="${base}console.css">`;
  const server = await other(parts);
  await page.goto(server.url);
  const loaded = await page.evaluate(() => ({
    picture: document.images[0].naturalWidth,
    script: typeof step,
    style: getComputedStyle(document.body).backgroundColor,
  }));
  assert.deepEqual(loaded, { picture: 0, script: "undefined", style: "rgba(0, 0, 0, 0)" });
});

withConsole("the console loads nothing from elsewhere", async (opened) => {
  const requests = [];
  opened.page.on("request", (request) => requests.push(request.url()));
  for (const one of Object.values(pages(id))) await opened.go(one);
  assert.ok(requests.length > 10);
  assert.deepEqual(requests.filter((url) => !url.startsWith(opened.base)), []);
});

withConsole("a script that came into a page does not run", async (opened) => {
  const { page } = opened;
  await opened.go("licenses");
  // As if a text of a customer had become markup after all: the policy is the second guard.
  await page.evaluate(() => {
    const held = document.createElement("div");
    held.innerHTML = `<img src="x" onerror="window.taken = 'handler'">`;
    const script = document.createElement("script");
    script.textContent = "window.taken = 'script'";
    held.append(script);
    document.body.append(held);
  });
  await page.waitForTimeout(300);
  assert.equal(await page.evaluate(() => window.taken), undefined);
});

withConsole("no page stays in the browser's cache", async (opened, other) => {
  const { page, base, program } = opened;
  const key = stack.falconer("reveal", id).licenseKey;
  await opened.go(`license/${id}`);
  await page.locator("details:has(input[value=reveal]) > summary").click();
  await page.locator("form:has(input[value=reveal]) button").click();
  await page.locator("button.primary").click();
  await page.locator("pre.key").waitFor();
  const cached = await page.evaluate(async (urls) => {
    const ask = (url) => fetch(url, { cache: "only-if-cached", mode: "same-origin" }).then((answer) => answer.text(), () => "");
    return Promise.all(urls.map(ask));
  }, [`${base}license/${id}`, `${base}licenses`, page.url()]);
  assert.deepEqual(cached, ["", "", ""]);
  // The console has ended, and somebody presses Back.
  const server = await other();
  await follow(page, server.url);
  program.kill("SIGINT");
  await once(program, "exit");
  await page.goBack({ timeout: 5_000 }).catch(() => {});
  await page.waitForTimeout(500);
  const shown = await page.content();
  assert.ok(!shown.includes(key) && !shown.includes(id), "Back shows neither a key nor a license");
});

// A console in a real Chromium whose DynamoDB dies, whose credentials end, and whose licenses others change meanwhile.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { FrontedStack, cutOff, pages, rich, test } from "./stack.mjs";

/** A note that nobody wants to type twice, of several lines and signs. */
const note = `called at nine; "renews" in March & pays by <invoice>\n${"and more of it; ".repeat(40)}`.trim();

/** Pages that ask DynamoDB for nothing until something is sent. */
const asksNoStore = ["issue", "issueMany", "moveIn", "keyring", "missing"];

let fronted;
let stack;
let front;
let opened;
let id;

before(async () => {
  fronted = await FrontedStack.start();
  ({ stack, front, opened } = fronted);
  id = rich(stack.falconer("list", "--all", "--limit", "1000").licenses).licenseId;
});
after(() => fronted?.stop());

/** What the page of an outage says: the cause, the next step, and that the console goes on. */
async function isOut(sentence) {
  const { page } = opened;
  await page.getByRole("heading", { name: "No answer" }).waitFor({ timeout: 60_000 });
  assert.match(await page.getByRole("alert").textContent(), sentence);
  assert.deepEqual(await cutOff(page), []);
}

for (const [state, sentence] of [["away", /Try again/], ["expired", /sign in again.*The console goes on/s]]) {
  test(`a tour goes on after a DynamoDB that is ${state}`, async () => {
    const { page } = opened;
    for (const [name, path] of Object.entries(pages(id)).filter(([name]) => !asksNoStore.includes(name))) {
      front.state = state;
      await opened.go(path);
      await isOut(sentence);
      front.state = "well";
      await page.getByRole("link", { name: "Try again" }).click();
      await page.waitForURL(opened.base + path);
      assert.notEqual(await page.textContent("h1"), "No answer", name);
    }
  });

  test(`nothing typed is lost by a DynamoDB that is ${state}`, async () => {
    const { page } = opened;
    const typed = `${state}: ${note}`;
    await opened.go(`license/${id}`);
    await page.locator("summary", { hasText: "Note" }).click();
    await page.locator("details[open] textarea").fill(typed);
    await page.locator("details[open] input[name=reason]").fill("typed once");
    front.state = state;
    await page.locator("details[open] button").click();
    await isOut(sentence);
    assert.match(await page.textContent("main"), /Everything that you typed is kept here/);
    front.state = "well";
    await page.locator("button.primary:focus").waitFor();
    await page.keyboard.press("Enter");
    await page.getByText("Nothing is changed yet").waitFor();
    assert.ok((await page.textContent("main")).includes(typed), "the preview has the whole note");

    front.state = state;
    await page.locator("button.primary").click();
    await isOut(sentence);
    assert.match(await page.getByRole("alert").textContent(), /the change is made once at most/);
    assert.notEqual(stack.falconer("show", id).notes, typed);
    front.state = "well";
    await page.keyboard.press("Enter");
    await page.waitForURL(/done=note$/);
    const shown = stack.falconer("show", id);
    assert.equal(shown.notes, typed);
    assert.equal(shown.audit.filter((row) => row.reason === "typed once" && row.code === "NOTED").length, state === "away" ? 1 : 2);
  });
}

test("a license stays on the screen while DynamoDB is away, and its history comes back", async () => {
  const { page } = opened;
  await opened.go(`license/${id}`);
  const rows = await page.locator(".audit li").count();
  front.state = "away";
  await page.getByText("This part is not up to date").waitFor({ timeout: 60_000 });
  assert.equal(await page.locator(".audit li").count(), rows, "what was there is still there");
  front.state = "well";
  stack.falconer("note", id, "from elsewhere", "--reason", "written after the outage");
  await page.getByText("written after the outage").waitFor({ timeout: 60_000 });
  assert.equal(await page.getByText("This part is not up to date").isVisible(), false);
});

test("a change of somebody else is told, and kept", async () => {
  const { page } = opened;
  const ben = await stack.console({ env: { USER: "ben" } });
  try {
    const open = async (console, summary) => {
      await console.go(`license/${id}`);
      await console.page.locator("summary", { hasText: summary }).click();
    };
    await open(opened, "Suspend");
    await page.locator("details[open] button").click();
    await page.getByText("Nothing is changed yet").waitFor();

    await open(ben, "Seats");
    await ben.page.locator("details[open] input[name=seats]").fill("7");
    await ben.page.locator("details[open] input[name=reason]").fill("ben was faster");
    await ben.page.locator("details[open] button").click();
    await ben.page.locator("button.primary").click();
    await ben.page.waitForURL(/done=set-seats$/);

    await page.locator("button.primary").click();
    await page.getByRole("heading", { name: "Changed meanwhile" }).waitFor();
    const said = await page.textContent("main");
    for (const word of ["ben was faster", "ben", "SEATS_SET", "Nothing of yours was done"]) assert.ok(said.includes(word), `${word}: ${said}`);
    const shown = stack.falconer("show", id);
    assert.deepEqual([shown.status, shown.seats.max], ["active", 7]);

    await page.getByRole("link", { name: /license/i }).first().click();
    await open(opened, "Suspend");
    await page.locator("details[open] button").click();
    await page.locator("button.primary").click();
    await page.waitForURL(/done=suspend$/);
    assert.deepEqual([stack.falconer("show", id).status, stack.falconer("show", id).seats.max], ["suspended", 7]);
  } finally {
    await ben.close();
  }
});

// The pages without JavaScript: everything can be read, filtered, sorted, paged; forms work.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { Api } from "./lib/api.mjs";
import { assert, equal, run, signIn } from "./lib/desk.mjs";
import { everyPage } from "./lib/pages.mjs";
import { target } from "./lib/target.mjs";

await run(async (desk) => {
  const { email, password } = desk.given;
  const api = new Api(desk.given);
  const shop = await target();
  const page = await desk.visitor({ javaScriptEnabled: false });
  const button = (name) => page.getByRole("button", { name, exact: true });
  const link = (name) => page.getByRole("link", { name, exact: true });
  const titles = () => page.locator("#list a.row").allInnerTexts();
  let webhook;
  mkdirSync(path.join(desk.given.plugins, "named"), { recursive: true });
  writeFileSync(path.join(desk.given.plugins, "named", "all.rhai"), "fn filter(event) { true }\n");

  await desk.step("sign in", page, () => signIn(page, email, password));

  await desk.step("add a webhook", page, async () => {
    await link("Webhooks").first().click();
    await link("Add a webhook").click();
    await page.getByLabel("Title").fill("Warehouse");
    await page.getByLabel("URL").fill(`${shop.url}orders`);
    await page.getByLabel("Other names and patterns").fill("ORDER_*\nPRODUCT_*");
    equal(await page.getByLabel("Search event types").isVisible(), false, "what needs a script");
    await button("Add webhook").click();
    await page.getByRole("status").filter({ hasText: "The webhook was added" }).waitFor();
    webhook = new URL(page.url()).pathname;
  });

  await desk.step("send a test and read its answer", page, async () => {
    await button("Send a test").click();
    await page.getByText(/The target answered 204|The test is under way/).first().waitFor();
  });

  await desk.step("pause and resume it", page, async () => {
    await page.goto(webhook);
    await button("Pause").click();
    await page.getByRole("status").filter({ hasText: "is paused" }).waitFor();
    await link("Resume…").click();
    await button("Resume").click();
    await page.getByRole("status").filter({ hasText: "was resumed" }).waitFor();
  });

  await desk.step("filter, sort and page the webhooks", page, async () => {
    for (let n = 0; n < 55; n += 1) await api.subscribe(`Number ${n}`, `${shop.url}${n}`, ["PUBLISH"], { state: "paused" });
    await page.goto("/webhooks");
    await page.getByLabel("State", { exact: true }).selectOption("enabled");
    await button("Filter").click();
    equal(await titles(), ["Warehouse"], "the enabled ones");
    await page.getByRole("link", { name: /^Clear State/ }).click();
    equal((await titles()).length, 50, "a page");
    await link("Next page").click();
    equal((await titles()).length, 6, "the second page");
    await link("First page").click();
    await page.getByRole("navigation", { name: "Sort by" }).getByRole("link", { name: /^Created/ }).click();
    equal((await titles())[0], "Warehouse", "the oldest first");
    await page.getByRole("navigation", { name: "Show as" }).getByRole("link", { name: "List" }).click();
    equal(await page.getByRole("table").count(), 1, "tables");
    await page.getByLabel("Search", { exact: true }).fill("number 12");
    await button("Filter").click();
    equal(await titles(), ["Number 12"], "what has the text");
  });

  await desk.step("read a delivery and resend it", page, async () => {
    const id = webhook.split("/").pop();
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id: "7" } });
    await api.delivered(event, id, "sent");
    await page.goto("/deliveries");
    await page.locator("#list a.row").first().click();
    await page.getByText(/The target answered 204/).first().waitFor();
    const before = shop.requests.length;
    await button("Resend").click();
    await page.getByRole("status").waitFor();
    await api.delivered(event, id, "sent");
    assert(shop.requests.length > before, "the target got it again");
  });

  await desk.step("filter deliveries, activities and mails", page, async () => {
    await api.post("/v1/activities", { user: "mia@example.com", group: "Order", activity: "Review", payload: { n: 1 } });
    await api.post("/v1/mails", { topic: "Order", to: ["emil@example.com"], subject: "For Emil", text: "Hello." });
    for (const [place, label, word, found] of [
      ["/activity", "User", "mia@example.com", 1],
      ["/activity", "User", "nobody@example.com", 0],
      ["/mail", "Search", "emil@example", 1],
      ["/mail", "Search", "nobody@example", 0],
    ]) {
      await page.goto(place);
      await page.getByLabel(label, { exact: true }).fill(word);
      await button("Filter").click();
      equal((await titles()).length, found, `${place} with ${word}`);
    }
    await page.goto("/deliveries");
    await page.getByLabel("State", { exact: true }).selectOption("sent");
    await button("Filter").click();
    assert((await titles()).length > 0, "sent deliveries");
    await page.goto("/deliveries");
    await page.getByLabel("To", { exact: true }).fill("2020-01-01");
    await button("Filter").click();
    equal((await titles()).length, 0, "deliveries before Herald was there");
  });

  await desk.step("every page reads", page, async () => {
    const pages = await everyPage(page, ["/", ...desk.given.patterns]);
    assert(pages.size === desk.given.patterns.length + 1, "all of them");
  });

  await desk.step("sign out", page, async () => {
    await button("Sign out").filter({ visible: true }).click();
    await page.waitForURL("**/sign-in");
  });
});

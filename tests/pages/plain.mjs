// The pages without JavaScript: everything can be read, filtered, sorted, paged; forms work.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { Api } from "./lib/api.mjs";
import { assert, run, signIn, until } from "./lib/desk.mjs";
import { everyPage } from "./lib/pages.mjs";
import { target } from "./lib/target.mjs";

await run(async (desk) => {
  const { email, password } = desk.given;
  const api = new Api(desk.given);
  const shop = await target();
  const page = await desk.visitor({ javaScriptEnabled: false });
  let webhook;
  mkdirSync(path.join(desk.given.plugins, "named"), { recursive: true });
  writeFileSync(path.join(desk.given.plugins, "named", "all.rhai"), "fn filter(event) { true }\n");

  await desk.step("sign in", page, () => signIn(page, email, password));

  await desk.step("add a webhook", page, async () => {
    await page.link("Webhooks").follow();
    await page.link("Add a webhook").follow();
    await page.field("Title").fill("Warehouse");
    await page.field("URL").fill(`${shop.url}orders`);
    await page.field("Other names and patterns").fill("ORDER_*\nPRODUCT_*");
    // What needs a script.
    await page.field("Search event types").visible().many(0);
    await page.button("Add webhook").follow();
    await page.role("status").with("The webhook was added").seen();
    webhook = (await page.at()).pathname;
  });

  await desk.step("send a test and read its answer", page, async () => {
    await page.button("Send a test").follow();
    await page.text(/The target answered 204|The test is under way/).seen();
  });

  await desk.step("pause and resume it", page, async () => {
    await page.open(webhook);
    await page.button("Pause").follow();
    await page.role("status").with("is paused").seen();
    await page.link("Resume…").follow();
    await page.button("Resume").follow();
    await page.role("status").with("was resumed").seen();
  });

  await desk.step("filter, sort and page the webhooks", page, async () => {
    for (let n = 0; n < 55; n += 1) await api.subscribe(`Number ${n}`, `${shop.url}${n}`, ["PUBLISH"], { state: "paused" });
    await page.open("/webhooks");
    await page.field("State").choose("enabled");
    await page.button("Filter").follow();
    await page.rows.texts("Warehouse");
    await page.link(/^Clear State/).follow();
    await page.rows.many(50);
    await page.link("Next page").follow();
    await page.rows.many(6);
    await page.link("First page").follow();
    await page.role("navigation", { name: "Sort by" }).link(/^Created/).follow();
    await page.rows.first().texts("Warehouse");
    await page.role("navigation", { name: "Show as" }).link("List").follow();
    await page.role("table").many(1);
    await page.field("Search").fill("number 12");
    await page.button("Filter").follow();
    await page.rows.texts("Number 12");
  });

  await desk.step("read a delivery and resend it", page, async () => {
    const id = webhook.split("/").pop();
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id: "7" } });
    await api.delivered(event, id, "sent");
    await page.open("/deliveries");
    await page.rows.first().follow();
    await page.text(/The target answered 204/).seen();
    const before = shop.requests.length;
    await page.button("Resend").follow();
    await page.role("status").seen();
    await until("the target to get it again", () => shop.requests.length > before);
    await api.delivered(event, id, "sent");
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
      await page.open(place);
      await page.field(label).fill(word);
      await page.button("Filter").follow();
      await page.rows.many(found);
    }
    await page.open("/deliveries");
    await page.field("State").choose("sent");
    await page.button("Filter").follow();
    await page.rows.any();
    await page.open("/deliveries");
    await page.field("To").fill("2020-01-01");
    await page.button("Filter").follow();
    await page.rows.many(0);
  });

  await desk.step("every page reads", page, async () => {
    const pages = await everyPage(page, ["/", ...desk.given.patterns]);
    assert(pages.size === desk.given.patterns.length + 1, "all of them");
  });

  await desk.step("sign out", page, async () => {
    await page.button("Sign out").follow();
    await page.at("/sign-in");
  });
});

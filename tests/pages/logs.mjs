// Finding what happened, by mouse: activities, mails, events and their reference, plugins.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { Api } from "./lib/api.mjs";
import { equal, run, until } from "./lib/desk.mjs";
import { target } from "./lib/target.mjs";

const day = (back) => new Date(Date.now() - back * 86_400_000).toISOString();

await run(async (desk) => {
  const api = new Api(desk.given);
  const shop = await target();
  const page = await desk.person();
  // Fills in a field of the filters, and waits for the list of so many rows.
  const filter = async (label, value, rows) => {
    await page.listed(() => (typeof value === "string" ? page.field(label).fill(value) : page.field(label).choose(value)));
    await page.rows.many(rows);
  };
  const clear = async (label, rows) => {
    await page.listed(() => page.link(new RegExp(`^Clear ${label}`)).click());
    await page.rows.many(rows);
  };

  await desk.step("an activity is found by e-mail, by its kind and by date, and its payload is seen", page, async () => {
    const done = (user, group, activity, back, payload) =>
      api.post("/v1/activities", { user, group, activity, at: day(back), payload });
    await done("mia@example.com", "Order", "Review", 0, { order: "A-417", note: "rather large" });
    await done("mia@example.com", "Product", "Edit", 3, { product: 12 });
    await done("jo@example.com", "Order", "Submit", 3, null);
    await page.open("/");
    await page.link("Activity").follow();
    await filter("User", "mia@example.com", 2);
    await filter("Activity", { label: "Order Review" }, 1);
    await filter("Activity", { label: "All of Product" }, 1);
    await clear("Activity", 2);
    await filter("To", day(2).slice(0, 10), 1);
    await clear("To", 2);
    await page.role("row", { name: /Review/ }).link(/Review/).follow();
    await page.text("mia@example.com").seen();
    await page.text("A-417").seen();
    await page.exactly("Raw").click();
    await page.text('"note":"rather large"').seen();
  });

  await desk.step("what people do in Herald stands there, too", page, async () => {
    await page.link("← Activity").follow();
    await page.listed(() => page.field("Activity").choose({ label: "All of Herald" }));
    await page.css("#list").text("Signed In").seen();
  });

  await desk.step("a mail is found by its receiver, topic and state, and seen as HTML and text", page, async () => {
    const mail = (topic, to, html) =>
      api.post("/v1/mails", { topic, to: [to], subject: `${topic} for ${to}`, text: `Hello ${to}.`, html });
    const { id } = await mail("Order Confirmation", "emil@example.com", "<h1>Thank you</h1><p>It is on its way.</p>");
    await mail("Password Reset", "sofia@example.com", undefined);
    await until("the mail to be sent", async () => (await api.get(`/v1/mails/${id}`)).state === "sent");
    await page.link("Mail").follow();
    await filter("Search", "emil@", 1);
    await filter("Search", "", 2);
    await filter("Topic", { value: "Password Reset" }, 1);
    await page.rows.with("sofia").many(1);
    await filter("Topic", { value: "" }, 2);
    await filter("State", { value: "failed" }, 0);
    await filter("State", { value: "sent" }, 2);
    await filter("Search", "emil@", 1);
    await page.rows.first().follow();
    await page.text("No mail server is set").seen();
    equal(await page.css("iframe").attribute("sandbox"), "", "what the frame may do");
    await page.css("iframe").scroll();
    await page.frame("iframe").role("heading", { name: "Thank you" }).seen();
    await page.text("Hello emil@example.com.").seen();
  });

  await desk.step("an event type tells its fields, and its example is published", page, async () => {
    await api.subscribe("Warehouse", shop.url, ["STORE_ORDER_*"]);
    await page.link("Events").follow();
    await page.link(/Order placed in a third-party store/).follow();
    await page.text("data.data.orderId").seen();
    await page.text("The order. Ask the API for its details").seen();
    await page.button("Publish").follow();
    await until("the target to get it", () => shop.requests.length === 1);
    equal(JSON.parse(shop.requests[0].body).event_type, "STORE_ORDER_CREATED", "what it got");
  });

  await desk.step("an event tells who got it, and of each other webhook why not", page, async () => {
    await api.subscribe("Only members", shop.url, ["MEMBER_*"]);
    await page.open("/events/log");
    await page.rows.first().follow();
    await page.text("Warehouse").seen();
    await page.text("Only members").seen();
  });

  await desk.step("a plugin is tried out with an example, and what it changes is shown", page, async () => {
    mkdirSync(path.join(desk.given.plugins, "named"), { recursive: true });
    const save = (name, text) => writeFileSync(path.join(desk.given.plugins, "named", name), text);
    save("greeting.rhai", "fn transform(event) {\n    event.payload.greeting = \"hello there\";\n    event.payload\n}\n");
    save("torn.rhai", "fn filter(event) {\n    true false\n}\n");
    await until("both to be known", async () => (await api.get("/v1/plugins")).data.length === 2);
    await page.link("Plugins").follow();
    const torn = page.role("row", { name: /torn/ });
    await torn.text("Broken").seen();
    await torn.text(/Line 2/).seen();
    await page.link("named/greeting.rhai").follow();
    await page.field("Example of").choose("ORDER_CREATED");
    await page.button("Run").click();
    await page.css("#ran").text(/hello there/).seen();
    // The address can be shared.
    await page.at(/type=ORDER_CREATED/);
  });

  await desk.step("all that a filter shows is resent, with the number told first", page, async () => {
    shop.answer = { status: 500 };
    const webhook = await api.subscribe("Errs", `${shop.url}errs`, ["PUBLISH"], { retry_schedule: [] });
    for (let n = 0; n < 3; n += 1) {
      const event = await api.publish({ event_type: "PUBLISH", data: {} });
      await api.delivered(event, webhook, "failed");
    }
    await page.open("/deliveries");
    await filter("Topic", { value: "PUBLISH" }, 3);
    await filter("State", { value: "error" }, 3);
    shop.answer = { status: 204 };
    const before = shop.requests.length;
    await page.link(/Resend all of these/).follow();
    await page.text("3 deliveries will be resent.").seen();
    await page.button("Resend 3 deliveries").follow();
    await page.text("3 deliveries were resent.").seen();
    await until("the target to get them", () => shop.requests.length === before + 3);
    // Loading the page again sends nothing.
    await page.reload();
    await page.at(/^\/deliveries\?/);
    equal(shop.requests.length, before + 3, "what the target got");
    await page.open("/activity");
    await page.rows.with("Deliveries Resent").many(1);
  });
});

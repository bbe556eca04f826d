// Finding what happened, by mouse: activities, mails, events and their reference, plugins.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { Api } from "./lib/api.mjs";
import { assert, equal, run, until } from "./lib/desk.mjs";
import { target } from "./lib/target.mjs";

const day = (back) => new Date(Date.now() - back * 86_400_000).toISOString();

await run(async (desk) => {
  const api = new Api(desk.given);
  const shop = await target();
  const page = await desk.person();
  const rows = page.locator("#list a.row");
  const button = (name) => page.getByRole("button", { name, exact: true });
  const link = (name) => page.getByRole("link", { name, exact: true });
  const count = (number) => until(`${number} rows`, async () => (await rows.count()) === number);

  await desk.step("an activity is found by e-mail, by its kind and by date, and its payload is seen", page, async () => {
    const done = (user, group, activity, back, payload) =>
      api.post("/v1/activities", { user, group, activity, at: day(back), payload });
    await done("mia@example.com", "Order", "Review", 0, { order: "A-417", note: "rather large" });
    await done("mia@example.com", "Product", "Edit", 3, { product: 12 });
    await done("jo@example.com", "Order", "Submit", 3, null);
    await page.goto("/");
    await link("Activity").first().click();
    await page.getByLabel("User").fill("mia@example.com");
    await count(2);
    await page.getByLabel("Activity", { exact: true }).selectOption({ label: "Order Review" });
    await count(1);
    await page.getByLabel("Activity", { exact: true }).selectOption({ label: "All of Product" });
    await count(1);
    await page.getByRole("link", { name: /^Clear Activity/ }).click();
    await count(2);
    await page.getByLabel("To").fill(day(2).slice(0, 10));
    await count(1);
    await page.getByRole("link", { name: /^Clear To/ }).click();
    await count(2);
    await page.getByRole("row", { name: /Review/ }).getByRole("link", { name: /Review/ }).click();
    await page.getByText("mia@example.com").first().waitFor();
    await page.getByText("A-417").first().waitFor();
    await page.getByText("Raw", { exact: true }).click();
    await page.getByText('"note":"rather large"').waitFor();
  });

  await desk.step("what people do in Herald stands there, too", page, async () => {
    await link("← Activity").click();
    await page.getByLabel("Activity", { exact: true }).selectOption({ label: "All of Herald" });
    await page.locator("#list").getByText("Signed In").first().waitFor();
  });

  await desk.step("a mail is found by its receiver, topic and state, and seen as HTML and text", page, async () => {
    const mail = (topic, to, html) =>
      api.post("/v1/mails", { topic, to: [to], subject: `${topic} for ${to}`, text: `Hello ${to}.`, html });
    const { id } = await mail("Order Confirmation", "emil@example.com", "<h1>Thank you</h1><p>It is on its way.</p>");
    await mail("Password Reset", "sofia@example.com", undefined);
    await until("the mail to be sent", async () => (await api.get(`/v1/mails/${id}`)).state === "sent");
    await link("Mail").first().click();
    await page.getByLabel("Search").fill("emil@");
    await count(1);
    await page.getByLabel("Search").fill("");
    await page.getByLabel("Topic").selectOption("Password Reset");
    await until("the other one", async () => /sofia/.test((await rows.allInnerTexts()).join()));
    await page.getByLabel("Topic").selectOption("");
    await page.getByLabel("State").selectOption("failed");
    await count(0);
    await page.getByLabel("State").selectOption("sent");
    await page.getByLabel("Search").fill("emil@");
    await count(1);
    await rows.first().click();
    await page.getByText("The mail server took it.").waitFor();
    const frame = page.locator("iframe");
    equal(await frame.getAttribute("sandbox"), "", "what the frame may do");
    await frame.scrollIntoViewIfNeeded();
    await page.frameLocator("iframe").getByRole("heading", { name: "Thank you" }).waitFor();
    await page.getByText("Hello emil@example.com.").waitFor();
  });

  await desk.step("an event type tells its fields, and its example is published", page, async () => {
    await api.subscribe("Warehouse", shop.url, ["STORE_ORDER_*"]);
    await link("Events").first().click();
    await link("STORE_ORDER_CREATED").first().click();
    await page.getByText("data.data.orderId").first().waitFor();
    await page.getByText("The order. Ask the API for its details").first().waitFor();
    await button("Publish").click();
    await until("the target to get it", () => shop.requests.length === 1);
    equal(JSON.parse(shop.requests[0].body).event_type, "STORE_ORDER_CREATED", "what it got");
  });

  await desk.step("an event tells who got it, and of each other webhook why not", page, async () => {
    await api.subscribe("Only members", shop.url, ["MEMBER_*"]);
    await page.goto("/events/log");
    await rows.first().click();
    await page.getByText("Warehouse").first().waitFor();
    await page.getByText("Only members").first().waitFor();
  });

  await desk.step("a plugin is tried out with an example, and what it changes is shown", page, async () => {
    mkdirSync(path.join(desk.given.plugins, "named"), { recursive: true });
    const save = (name, text) => writeFileSync(path.join(desk.given.plugins, "named", name), text);
    save("greeting.rhai", "fn transform(event) {\n    event.payload.greeting = \"hello there\";\n    event.payload\n}\n");
    save("torn.rhai", "fn filter(event) {\n    true false\n}\n");
    await until("both to be known", async () => (await api.get("/v1/plugins")).data.length === 2);
    await link("Plugins").first().click();
    const torn = page.getByRole("row", { name: /torn/ });
    await torn.getByText("Broken").waitFor();
    await torn.getByText(/Line 2/).waitFor();
    await link("named/greeting.rhai").click();
    await page.getByLabel("Example of").selectOption("ORDER_CREATED");
    await button("Run").click();
    await page.getByText(/hello there/).first().waitFor();
    assert(page.url().includes("type=ORDER_CREATED"), "the address can be shared");
  });

  await desk.step("all that a filter shows is resent, with the number told first", page, async () => {
    shop.answer = { status: 500 };
    const webhook = await api.subscribe("Errs", `${shop.url}errs`, ["PUBLISH"], { retry_schedule: [] });
    for (let n = 0; n < 3; n += 1) {
      const event = await api.publish({ event_type: "PUBLISH", data: {} });
      await api.delivered(event, webhook, "failed");
    }
    await page.goto("/deliveries");
    await page.getByLabel("Topic").selectOption("PUBLISH");
    await count(3);
    await page.getByLabel("State").selectOption("error");
    await count(3);
    shop.answer = { status: 204 };
    const before = shop.requests.length;
    await page.getByRole("link", { name: /Resend all of these/ }).click();
    await page.getByText("3 deliveries will be resent.").waitFor();
    await button("Resend 3 deliveries").click();
    await page.getByText("3 deliveries were resent.").waitFor();
    await until("the target to get them", () => shop.requests.length === before + 3);
  });
});

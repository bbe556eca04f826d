// A webhook from its making to its end, by mouse: what the pages say of it at each step, and what
// its target got.

import { Api } from "./lib/api.mjs";
import { assert, equal, run, signIn, until } from "./lib/desk.mjs";
import { target } from "./lib/target.mjs";

const order = (number) => ({ event_type: "ORDER_CREATED", data: { id: String(number), total: 12.5 } });

await run(async (desk) => {
  const { email, password } = desk.given;
  const api = new Api(desk.given);
  const shop = await target();
  const page = await desk.visitor();
  const told = (text) => page.role("status").with(text).seen();
  let webhook, event;

  await desk.step("somebody signs in and finds no webhooks, and what to do about it", page, async () => {
    await signIn(page, email, password);
    await page.link("Webhooks").follow();
    await page.link("Add the first webhook").follow();
    await page.role("heading", { level: 1, name: "Add a webhook" }).seen();
  });

  await desk.step("a form that is not right says what to mend, beside the field", page, async () => {
    page.complaints.expect(/status of 422/);
    await page.field("Title").fill("Warehouse");
    await page.field("URL").fill("ftp://example.com/");
    await page.button("Add webhook").follow();
    await page.role("alert").seen();
    await page.field("Title").value("Warehouse");
    equal(await page.field("URL").attribute("aria-invalid"), "true", "the field is marked");
    const described = await page.field("URL").attribute("aria-describedby");
    const error = await page.css(`#${described.split(" ")[0]}`).reading();
    assert(/https/.test(error), `the error says what may stand there: ${error}`);
  });

  await desk.step("triggers are picked from groups, with a search", page, async () => {
    await page.field("URL").fill(`${shop.url}orders?key=1`);
    await page.field("Search event types").fill("order_created");
    await page.css("#trigger-groups").role("checkbox").visible().few(8);
    await page.role("checkbox", { name: /^ORDER_CREATED/ }).check();
    await page.field("Search event types").fill("nothing is called so");
    await page.text("No event type matches.").seen();
    await page.field("Search event types").fill("");
    await page.field("Other names and patterns").fill("PRODUCT_*");
    await page.text(/matches 3 today: /).seen();
    await page.button("Add webhook").follow();
    await told("The webhook was added");
    webhook = (await page.at()).pathname;
  });

  await desk.step("a test is sent and its answer is shown in place", page, async () => {
    shop.answer = { status: 200, body: "well received" };
    await page.button("Send a test").click();
    await page.css("#answer").text("The target answered 200").seen();
    await page.css("#answer").text("well received").seen();
    await page.at(webhook);
    equal(shop.requests[0].headers["webhook-test"], "true", "the test's header");
  });

  await desk.step("the secret is shown on demand and is the one that signs", page, async () => {
    await page.text(/whsec_/).many(0);
    await page.button("Show the secret").click();
    const secret = await page.css("#secret-0").reading();
    const whole = await api.get(`/v1/subscriptions/${webhook.split("/").pop()}/secret`);
    equal(secret, whole.secret, "the secret");
  });

  await desk.step("what it delivers is seen as Sent", page, async () => {
    const event = await api.publish(order(1));
    await api.delivered(event, webhook.split("/").pop(), "sent");
    await page.open(webhook);
    await page.role("region", { name: "State" }).exactly("Sent").seen();
    await page.role("row", { name: /ORDER_CREATED/ }).without("test").exactly("Sent").seen();
  });

  await desk.step("its target breaks: Error, and why in words", page, async () => {
    shop.answer = { status: 500, body: "out of paper" };
    event = await api.publish(order(2));
    await api.delivered(event, webhook.split("/").pop(), "retrying");
    await page.open("/webhooks");
    await page.role("listitem").with("Warehouse").exactly("Error").seen();
    await page.link("Warehouse").follow();
    await page.role("row", { name: /ORDER_CREATED/ }).exactly("Error").seen();
    await page.text("500").seen();
  });

  await desk.step("the delivery tells its story, and is resent when the target is mended", page, async () => {
    await page.link(/ORDER_CREATED/).follow();
    await page.text(/The target answered 500 .*It took/).seen();
    await page.text("out of paper").seen();
    shop.answer = { status: 204 };
    const before = shop.requests.length;
    await page.button("Resend").follow();
    await until("the target to get it again", () => shop.requests.length > before);
    await api.delivered(event, webhook.split("/").pop(), "sent");
    await page.reload();
    await page.css("main").exactly("Sent").seen();
  });

  await desk.step("its payload is shown folded and raw", page, async () => {
    const raw = JSON.stringify(order(2));
    await page.exactly("Raw").click();
    await page.text(raw).seen();
  });

  await desk.step("it is edited, and what was not touched stays", page, async () => {
    await page.open(webhook);
    await page.link("Edit").follow();
    await page.field("Title").fill("Warehouse, hall 2");
    await page.field("Name of header 1").fill("x-api-key");
    await page.field("Value of header 1").fill("k-1");
    await page.button("Save").follow();
    await told("The webhook was changed");
    const now = await api.get(`/v1/subscriptions/${webhook.split("/").pop()}`);
    equal([now.title, now.triggers.length, now.headers], ["Warehouse, hall 2", 2, { "x-api-key": "k-1" }], "it");
  });

  await desk.step("it is paused and resumed with the choice what happens to what it held", page, async () => {
    await page.button("Pause").follow();
    await told("The webhook is paused");
    const first = await api.publish(order(3));
    const second = await api.publish(order(4));
    const id = webhook.split("/").pop();
    await api.delivered(second, id, "held");
    await page.open(webhook);
    await page.text("2 deliveries").seen();
    await page.link("Resume…").follow();
    await page.role("radio", { name: /Deliver the newest/ }).check();
    await page.button("Resume").follow();
    await told("The webhook was resumed");
    await api.delivered(second, id, "sent");
    await api.delivered(first, id, "cancelled");
  });

  await desk.step("it is disabled and enabled", page, async () => {
    await page.button("Disable").follow();
    await told("The webhook is disabled");
    await page.button("Enable").follow();
    await told("The webhook is enabled");
  });

  await desk.step("its secret is replaced, and the time left of the old one is told", page, async () => {
    await page.css("summary").with("Replace the secret").click();
    await page.field("Hours of overlap").fill("2");
    await page.button("Replace the secret").follow();
    await told("The secret was replaced");
    await page.text(/A replaced secret stays valid until/).seen();
    await page.text(/in 1 h|in 2 h|in 119 min|in 120 min/).seen();
  });

  await desk.step("the list is filtered by text, state and date, and the address can be shared", page, async () => {
    await api.subscribe("Zoo", `${shop.url}zoo`, ["PUBLISH"], { state: "paused" });
    await page.open("/webhooks");
    await page.rows.texts("Zoo", "Warehouse, hall 2");
    await page.listed(() => page.field("Search").fill("zoo"));
    await page.rows.texts("Zoo");
    await page.at(/q=zoo/);
    await page.listed(() => page.link(/Clear Search/).click());
    await page.rows.many(2);
    await page.listed(() => page.field("State").choose("paused"));
    await page.rows.texts("Zoo");
    const shared = await desk.person();
    await shared.open((await page.at(/state=paused/)).href);
    await shared.rows.texts("Zoo");
    await desk.leave(shared);
    await page.link("Clear all").follow();
    await page.listed(() => page.field("To").fill("2020-01-01"));
    await page.text("No webhook matches these filters.").seen();
    await page.link("Clear the filters").follow();
    const today = new Date().toISOString().slice(0, 10);
    await page.listed(() => page.field("From").fill(today));
    await page.rows.many(2);
  });

  await desk.step("cards and list are switched, and the choice outlives reload and sign-in", page, async () => {
    await page.open("/webhooks");
    await page.role("table").many(0);
    const show = page.role("navigation", { name: "Show as" });
    await show.link("List").follow();
    await page.role("table").seen();
    await page.open("/webhooks");
    await page.role("table").seen();
    await page.button("Sign out").follow();
    await page.at("/sign-in");
    await signIn(page, email, password);
    await page.link("Webhooks").follow();
    await page.role("table").seen();
    await show.link("Cards").follow();
    await page.role("listitem").with("Zoo").seen();
  });

  await desk.step("it is sorted by creation, update and ID, both ways", page, async () => {
    const sort = page.role("navigation", { name: "Sort by" });
    const ids = [await api.get("/v1/subscriptions?sort=id&order=desc"), await api.get("/v1/subscriptions?sort=updated_at&order=desc")];
    const [byId, byUpdate] = ids.map((list) => list.data.map((it) => it.title));
    await sort.link(/^Updated/).follow();
    await page.rows.texts(...byUpdate);
    await sort.link(/^ID/).follow();
    await page.rows.texts(...byId);
    await sort.link(/^ID/).follow();
    await page.rows.texts(...byId.toReversed());
    await sort.link(/^Created/).follow();
    await page.rows.first().texts("Zoo");
  });

  await desk.step("it is deleted after a plain question", page, async () => {
    await page.open(webhook);
    await page.link("Delete…").follow();
    await page.role("heading", { level: 1, name: /Delete “Warehouse, hall 2”/ }).seen();
    await page.button("Delete the webhook").follow();
    await told("The webhook was deleted");
    await page.rows.texts("Zoo");
  });
});

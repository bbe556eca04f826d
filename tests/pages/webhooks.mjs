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
  const button = (name) => page.getByRole("button", { name, exact: true });
  const link = (name) => page.getByRole("link", { name, exact: true });
  const told = (text) => page.getByRole("status").filter({ hasText: text }).waitFor();
  let webhook;

  await desk.step("somebody signs in and finds no webhooks, and what to do about it", page, async () => {
    await signIn(page, email, password);
    await link("Webhooks").click();
    await link("Add the first webhook").click();
    await page.getByRole("heading", { level: 1, name: "Add a webhook" }).waitFor();
  });

  await desk.step("a form that is not right says what to mend, beside the field", page, async () => {
    page.complaints.expect(/status of 422/);
    await page.getByLabel("Title").fill("Warehouse");
    await page.getByLabel("URL").fill("ftp://example.com/");
    await button("Add webhook").click();
    await page.getByRole("alert").waitFor();
    equal(await page.getByLabel("Title").inputValue(), "Warehouse", "what was written stays");
    const field = page.getByLabel("URL");
    equal(await field.getAttribute("aria-invalid"), "true", "the field is marked");
    const described = await field.getAttribute("aria-describedby");
    const error = await page.locator(`#${described.split(" ")[0]}`).innerText();
    assert(/https/.test(error), `the error says what may stand there: ${error}`);
  });

  await desk.step("triggers are picked from groups, with a search", page, async () => {
    await page.getByLabel("URL").fill(`${shop.url}orders?key=1`);
    await page.getByLabel("Search event types").fill("order_created");
    const boxes = page.locator("#trigger-groups").getByRole("checkbox");
    await until("the search to leave few", async () => (await boxes.filter({ visible: true }).count()) < 8);
    await page.getByRole("checkbox", { name: /^ORDER_CREATED/ }).check();
    await page.getByLabel("Search event types").fill("nothing is called so");
    await page.getByText("No event type fits.").waitFor();
    await page.getByLabel("Search event types").fill("");
    await page.getByLabel("Other names and patterns").fill("PRODUCT_*");
    await page.getByText(/matches 3 today: /).waitFor();
    await button("Add webhook").click();
    await told("The webhook was added");
    webhook = new URL(page.url()).pathname;
  });

  await desk.step("a test is sent and its answer is shown in place", page, async () => {
    shop.answer = { status: 200, body: "well received" };
    const before = page.url();
    await button("Send a test").click();
    await page.locator("#answer").getByText("The target answered 200").waitFor();
    await page.locator("#answer").getByText("well received").waitFor();
    equal(page.url(), before, "the address");
    equal(shop.requests[0].headers["webhook-test"], "true", "the test's header");
  });

  await desk.step("the secret is shown on demand and is the one that signs", page, async () => {
    equal(await page.getByText(/whsec_/).count(), 0, "secrets that nobody asked for");
    await button("Show the secret").click();
    const secret = await page.locator("#secret-0").innerText();
    const whole = await api.get(`/v1/subscriptions/${webhook.split("/").pop()}/secret`);
    equal(secret.trim(), whole.secret, "the secret");
  });

  await desk.step("what it delivers is seen as Sent", page, async () => {
    const event = await api.publish(order(1));
    await api.delivered(event, webhook.split("/").pop(), "sent");
    await page.goto(webhook);
    await page.getByRole("region", { name: "State" }).getByText("Sent", { exact: true }).first().waitFor();
    const row = page.getByRole("row", { name: /ORDER_CREATED/ }).filter({ hasNotText: "test" });
    await row.getByText("Sent", { exact: true }).first().waitFor();
  });

  await desk.step("its target breaks: Error, and why in words", page, async () => {
    shop.answer = { status: 500, body: "out of paper" };
    const event = await api.publish(order(2));
    await api.delivered(event, webhook.split("/").pop(), "retrying");
    await page.goto("/webhooks");
    await page.getByRole("listitem").filter({ hasText: "Warehouse" }).getByText("Error", { exact: true }).waitFor();
    await link("Warehouse").click();
    await page.getByRole("row", { name: /ORDER_CREATED/ }).getByText("Error", { exact: true }).first().waitFor();
    await page.getByText("500").first().waitFor();
  });

  await desk.step("the delivery tells its story, and is resent when the target is mended", page, async () => {
    await page.getByRole("link", { name: "ORDER_CREATED" }).first().click();
    await page.getByText(/The target answered 500 .*after/).first().waitFor();
    await page.getByText("out of paper").first().waitFor();
    shop.answer = { status: 204 };
    const before = shop.requests.length;
    await button("Resend").first().click();
    await until("the target to get it again", () => shop.requests.length > before);
    await until("the page to say Sent", async () => {
      await page.reload();
      return (await page.locator("main").getByText("Sent", { exact: true }).count()) > 0;
    });
  });

  await desk.step("its payload is shown folded and raw", page, async () => {
    const raw = JSON.stringify(order(2));
    await page.getByText("Raw", { exact: true }).first().click();
    await page.getByText(raw).first().waitFor();
  });

  await desk.step("it is edited, and what was not touched stays", page, async () => {
    await page.goto(webhook);
    await link("Edit").click();
    await page.getByLabel("Title").fill("Warehouse, hall 2");
    await page.getByLabel("Name of header 1").fill("x-api-key");
    await page.getByLabel("Value of header 1").fill("k-1");
    await button("Save").click();
    await told("The webhook was changed");
    const now = await api.get(`/v1/subscriptions/${webhook.split("/").pop()}`);
    equal([now.title, now.triggers.length, now.headers], ["Warehouse, hall 2", 2, { "x-api-key": "k-1" }], "it");
  });

  await desk.step("it is paused and resumed with the choice what happens to what it held", page, async () => {
    await button("Pause").click();
    await told("The webhook is paused");
    const first = await api.publish(order(3));
    const second = await api.publish(order(4));
    const id = webhook.split("/").pop();
    await api.delivered(second, id, "held");
    await page.goto(webhook);
    await page.getByText("2 deliveries").first().waitFor();
    await link("Resume…").click();
    await page.getByRole("radio", { name: /Deliver the newest/ }).check();
    await button("Resume").click();
    await told("The webhook was resumed");
    await api.delivered(second, id, "sent");
    await api.delivered(first, id, "cancelled");
  });

  await desk.step("it is disabled and enabled", page, async () => {
    await button("Disable").click();
    await told("The webhook is disabled");
    await button("Enable").click();
    await told("The webhook is enabled");
  });

  await desk.step("its secret is replaced, and the time left of the old one is told", page, async () => {
    await page.getByText("Replace the secret").first().click();
    await page.getByLabel("Hours of overlap").fill("2");
    await button("Replace the secret").click();
    await told("The secret was replaced");
    await page.getByText(/A replaced secret signs as well until/).waitFor();
    await page.getByText(/in 1 h|in 2 h|in 119 min|in 120 min/).first().waitFor();
  });

  await desk.step("the list is filtered by text, state and date, and the address can be shared", page, async () => {
    await api.subscribe("Zoo", `${shop.url}zoo`, ["PUBLISH"], { state: "paused" });
    await page.goto("/webhooks");
    const titles = page.locator("#list a.row");
    equal(await titles.allInnerTexts(), ["Zoo", "Warehouse, hall 2"], "the newest first");
    await page.getByLabel("Search", { exact: true }).fill("zoo");
    await until("the text to filter", async () => (await titles.count()) === 1);
    assert(page.url().includes("q=zoo"), `the address holds the filter: ${page.url()}`);
    await page.getByRole("link", { name: /Clear Search/ }).click();
    await until("the filter to be cleared", async () => (await titles.count()) === 2);
    await page.getByLabel("State", { exact: true }).selectOption("paused");
    await until("the state to filter", async () => (await titles.allInnerTexts()).join() === "Zoo");
    const shared = await desk.person();
    await shared.goto(page.url());
    equal(await shared.locator("#list a.row").allInnerTexts(), ["Zoo"], "what another one sees");
    await desk.leave(shared);
    await link("Clear all").click();
    await page.getByLabel("To", { exact: true }).fill("2020-01-01");
    await page.getByText("No webhook fits these filters.").waitFor();
    await link("Clear the filters").click();
    const today = new Date().toISOString().slice(0, 10);
    await page.getByLabel("From", { exact: true }).fill(today);
    await until("today's to be there", async () => (await titles.count()) === 2);
  });

  await desk.step("cards and list are switched, and the choice outlives reload and sign-in", page, async () => {
    await page.goto("/webhooks");
    equal(await page.getByRole("table").count(), 0, "tables among cards");
    const show = page.getByRole("navigation", { name: "Show as" });
    await show.getByRole("link", { name: "List" }).click();
    await page.getByRole("table").waitFor();
    await page.goto("/webhooks");
    await page.getByRole("table").waitFor();
    await button("Sign out").click();
    await page.waitForURL("**/sign-in");
    await signIn(page, email, password);
    await link("Webhooks").click();
    await page.getByRole("table").waitFor();
    await show.getByRole("link", { name: "Cards" }).click();
    await page.getByRole("listitem").filter({ hasText: "Zoo" }).waitFor();
  });

  await desk.step("it is sorted by creation, update and ID, both ways", page, async () => {
    const titles = () => page.locator("#list a.row").allInnerTexts();
    const sort = page.getByRole("navigation", { name: "Sort by" });
    const ids = [await api.get("/v1/subscriptions?sort=id&order=desc"), await api.get("/v1/subscriptions?sort=updated_at&order=desc")];
    const [byId, byUpdate] = ids.map((list) => list.data.map((it) => it.title).join());
    await sort.getByRole("link", { name: "Updated" }).click();
    await until("the last changed first", async () => (await titles()).join() === byUpdate);
    await sort.getByRole("link", { name: /^ID/ }).click();
    await until("the highest ID first", async () => (await titles()).join() === byId);
    await sort.getByRole("link", { name: /^ID/ }).click();
    await until("the lowest ID first", async () => (await titles()).reverse().join() === byId);
    await sort.getByRole("link", { name: /^Created/ }).click();
    await until("the newest first", async () => (await titles())[0] === "Zoo");
  });

  await desk.step("it is deleted after a plain question", page, async () => {
    await page.goto(webhook);
    await link("Delete…").click();
    await page.getByRole("heading", { level: 1, name: /Delete “Warehouse, hall 2”/ }).waitFor();
    await button("Delete the webhook").click();
    await told("The webhook was deleted");
    equal(await page.locator("#list a.row").allInnerTexts(), ["Zoo"], "what is left");
  });
});

// The main way through the pages by keyboard alone.

import { Api } from "./lib/api.mjs";
import { assert, equal, run, until } from "./lib/desk.mjs";
import { Keys } from "./lib/keys.mjs";
import { target } from "./lib/target.mjs";

await run(async (desk) => {
  const { email, password, token } = desk.given;
  const api = new Api(desk.given, token);
  const shop = await target();
  const page = await desk.visitor();
  const keys = new Keys(page);
  const titles = () => page.locator("#list a.row").allInnerTexts();
  let id;

  await desk.step("sign in", page, async () => {
    await page.goto("/sign-in");
    await keys.write("E-mail", email);
    await keys.write("Password", password);
    await Promise.all([page.waitForURL((url) => url.pathname === "/"), page.keyboard.press("Enter")]);
  });

  await desk.step("the first stop leads past the places to the content", page, async () => {
    equal((await keys.press("Tab")).name, "To the content", "the first stop");
    await page.keyboard.press("Enter");
    equal(await page.evaluate(() => document.activeElement.id), "main", "where it leads");
  });

  await desk.step("add a webhook, with a trigger that is searched for", page, async () => {
    await page.goto("/");
    await keys.go("Webhooks");
    await keys.go("Add the first webhook");
    await keys.write("Title", "Warehouse");
    await keys.write("URL", `${shop.url}orders`);
    await keys.write("Search event types", "order_created");
    // Enter goes to the first that fits.
    await keys.press("Enter");
    await until("the focus on a trigger", async () => /ORDER_CREATED/.test((await keys.focused()).name));
    if (!/^ORDER_CREATED/.test((await keys.focused()).name)) await keys.to(/^ORDER_CREATED/);
    await keys.press("Space");
    await keys.go("Add webhook");
    await page.getByRole("status").filter({ hasText: "The webhook was added" }).waitFor();
    id = new URL(page.url()).pathname.split("/").pop();
    equal((await api.get(`/v1/subscriptions/${id}`)).triggers, ["ORDER_CREATED"], "its triggers");
  });

  await desk.step("see it deliver", page, async () => {
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id: "1" } });
    await api.delivered(event, id, "sent");
    await page.goto(`/webhooks/${id}`);
    await page.getByRole("region", { name: "State" }).getByText("Sent").waitFor();
  });

  await desk.step("break its target, see Error and why, mend it, resend", page, async () => {
    shop.answer = { status: 503, body: "closed for today" };
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id: "2" } });
    await api.delivered(event, id, "retrying");
    await page.goto("/");
    await keys.go("Deliveries");
    // The first row: j goes to it, Enter opens it.
    await keys.press("j");
    await Promise.all([page.waitForURL("**/deliveries/evt_**"), page.keyboard.press("Enter")]);
    await page.getByText(/The target answered 503/).first().waitFor();
    await page.getByText("closed for today").first().waitFor();
    shop.answer = { status: 204 };
    const before = shop.requests.length;
    await keys.go("Resend");
    await until("the target to get it again", () => shop.requests.length > before);
    await api.delivered(event, id, "sent");
  });

  await desk.step("view a payload, folded and raw", page, async () => {
    await page.reload();
    await keys.use("Raw");
    await page.getByText('"data":{"id":"2"}').first().waitFor();
  });

  await desk.step("rows are walked by j and k, and opened by Enter", page, async () => {
    await page.goto("/deliveries");
    const rows = page.locator("#list a.row");
    const at = () => rows.evaluateAll((all) => all.indexOf(document.activeElement));
    await keys.press("j");
    equal(await at(), 0, "after j");
    await keys.press("j");
    equal(await at(), 1, "after j j");
    await keys.press("j", "j");
    equal(await at(), 1, "at the end");
    await keys.press("k");
    equal(await at(), 0, "after k");
  });

  await desk.step("filter by date, and the focus stays in the field", page, async () => {
    await page.goto("/webhooks");
    await keys.press("/");
    equal((await keys.focused()).name, "Search", "where / leads");
    // Digits go into the parts of a date: month, day, year.
    await keys.to("From");
    await page.keyboard.type("01012020");
    await page.waitForURL(/from=2020-01-01/);
    await page.locator("#list").getByText("Warehouse").waitFor();
    equal((await keys.focused()).name, "From", "the focus after the list was exchanged");
    await keys.use(/^Clear From/);
    await page.waitForURL((url) => !url.search.includes("from="));
    await keys.focused();
  });

  await desk.step("filter by state with arrows", page, async () => {
    await keys.press("/");
    await keys.to("State");
    await page.keyboard.press("ArrowDown");
    await page.waitForURL(/state=enabled/);
    equal((await keys.focused()).name, "State", "the focus after the list was exchanged");
  });

  await desk.step("switch card and list, and sort", page, async () => {
    await api.subscribe("Zoo", `${shop.url}zoo`, ["PUBLISH"]);
    await page.goto("/webhooks");
    await keys.go("List");
    await page.getByRole("table").waitFor();
    await keys.use(/^ID/);
    await page.waitForURL(/sort=id/);
    await until("the highest ID first", async () => (await titles()).join() === "Zoo,Warehouse");
    await keys.use(/^ID/);
    await until("the order to be turned", async () => (await titles()).join() === "Warehouse,Zoo");
    await keys.go("Cards");
  });

  await desk.step("find an activity by e-mail and view its payload", page, async () => {
    await api.post("/v1/activities", { user: "mia@example.com", group: "Order", activity: "Review", payload: { n: 417 } });
    await api.post("/v1/activities", { user: "jo@example.com", group: "Order", activity: "Submit" });
    await keys.go("Activity");
    await keys.press("/");
    await page.keyboard.type("mia@example");
    await page.waitForURL(/user=mia/);
    await until("one row", async () => (await page.locator("#list a.row").count()) === 1);
    await page.keyboard.press("Tab");
    await keys.press("Escape");
    await page.evaluate(() => document.activeElement.blur());
    await keys.press("j");
    await Promise.all([page.waitForURL("**/activity/**"), page.keyboard.press("Enter")]);
    await page.getByText("417").first().waitFor();
  });

  await desk.step("find a mail by its receiver", page, async () => {
    const mail = (to) => ({ topic: "Order", to: [to], subject: `For ${to}`, text: "Hello." });
    await api.post("/v1/mails", mail("emil@example.com"));
    await api.post("/v1/mails", mail("sofia@example.com"));
    await keys.go("Mail");
    await keys.press("/");
    await page.keyboard.type("emil@example");
    await page.waitForURL(/q=emil/);
    await until("one row", async () => (await page.locator("#list a.row").count()) === 1);
    equal((await keys.focused()).name, "Search", "the focus after the list was exchanged");
  });

  await desk.step("help opens by ? and closes by Escape, and the focus comes back", page, async () => {
    await page.goto("/webhooks");
    await keys.press("j");
    const before = await keys.focused();
    await keys.press("?");
    assert(await page.getByRole("dialog").isVisible(), "the help is there");
    await page.keyboard.press("Escape");
    equal((await keys.focused()).name, before.name, "the focus after the help");
  });

  await desk.step("sign out", page, async () => {
    await Promise.all([page.waitForURL("**/sign-in"), keys.use("Sign out")]);
  });
});

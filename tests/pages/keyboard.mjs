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
  let id;

  await desk.step("sign in", page, async () => {
    await page.open("/sign-in");
    await keys.write("E-mail", email);
    await keys.write("Password", password);
    await keys.enter();
    await page.at("/");
  });

  await desk.step("the first stop leads past the places to the content", page, async () => {
    equal((await keys.press("Tab")).name, "Skip to the content", "the first stop");
    await keys.press("Enter");
    await page.css("main#main").focused();
  });

  await desk.step("add a webhook, with a trigger that is searched for", page, async () => {
    await page.open("/");
    await keys.go("Webhooks");
    await keys.go("Add the first webhook");
    await keys.write("Title", "Warehouse");
    await keys.write("URL", `${shop.url}orders`);
    await keys.write("Search event types", "order_created");
    // Enter goes to the first that fits.
    await keys.press("Enter");
    const found = await keys.on(/ORDER_CREATED/);
    if (!/^ORDER_CREATED/.test(found.name)) await keys.to(/^ORDER_CREATED/);
    await keys.press("Space");
    await keys.go("Add webhook");
    await page.role("status").with("The webhook was added").seen();
    id = (await page.at()).pathname.split("/").pop();
    equal((await api.get(`/v1/subscriptions/${id}`)).triggers, ["ORDER_CREATED"], "its triggers");
  });

  await desk.step("see it deliver", page, async () => {
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id: "1" } });
    await api.delivered(event, id, "sent");
    await page.open(`/webhooks/${id}`);
    await page.role("region", { name: "State" }).text("Sent").seen();
  });

  await desk.step("break its target, see Error and why, mend it, resend", page, async () => {
    shop.answer = { status: 503, body: "closed for today" };
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id: "2" } });
    await api.delivered(event, id, "retrying");
    await page.open("/");
    await keys.go("Deliveries");
    // The first row: j goes to it, Enter opens it.
    await keys.press("j");
    await keys.enter();
    await page.at(/^\/deliveries\/evt_/);
    await page.text(/The target answered 503/).seen();
    await page.text("closed for today").seen();
    shop.answer = { status: 204 };
    const before = shop.requests.length;
    await keys.go("Resend");
    await until("the target to get it again", () => shop.requests.length > before);
    await api.delivered(event, id, "sent");
  });

  await desk.step("view a payload, folded and raw", page, async () => {
    await page.reload();
    await keys.use("Raw");
    await page.text('"data":{"id":"2"}').seen();
  });

  await desk.step("rows are walked by j and k, and opened by Enter", page, async () => {
    await page.open("/deliveries");
    const at = () =>
      page.inside(() => Array.from(document.querySelectorAll("#list a.row")).indexOf(document.activeElement));
    await page.rows.many(2);
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
    await page.open("/webhooks");
    await keys.press("/");
    await keys.on("Search");
    // Digits go into the parts of a date: month, day, year.
    await keys.to("From");
    await keys.type("01012020");
    await page.at(/from=2020-01-01/);
    await page.css("#list").text("Warehouse").seen();
    equal((await keys.focused()).name, "From", "the focus after the list was exchanged");
    await page.listed(() => keys.use(/^Clear From/));
    await page.at((url) => !url.search.includes("from="));
    await keys.focused();
  });

  await desk.step("a row keeps the focus when its list is exchanged, before the next key is heard", page, async () => {
    await page.open("/webhooks");
    const row = await keys.press("j");
    // The page's own listeners come first: they have put the focus back by then.
    await page.inside(() => document.addEventListener("htmx:afterSwap", () => {
      window.focusAfterSwap = document.activeElement.getAttribute("href");
    }));
    await page.listed(() => page.inside(() => {
      const field = document.getElementById("filter-from");
      field.value = "2020-01-02";
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }));
    equal(await page.inside(() => window.focusAfterSwap), `/webhooks/${id}`, "the focus after the exchange");
    await keys.on(row.name);
  });

  await desk.step("filter by state with arrows", page, async () => {
    await keys.press("/");
    await keys.to("State");
    await page.listed(() => keys.press("ArrowDown"));
    await page.at(/state=enabled/);
    equal((await keys.focused()).name, "State", "the focus after the list was exchanged");
  });

  await desk.step("switch card and list, and sort", page, async () => {
    await api.subscribe("Zoo", `${shop.url}zoo`, ["PUBLISH"]);
    await page.open("/webhooks");
    await keys.go("List");
    await page.role("table").seen();
    await keys.go(/^ID/);
    await page.at(/sort=id/);
    await page.rows.texts("Zoo", "Warehouse");
    await keys.go(/^ID/);
    await page.rows.texts("Warehouse", "Zoo");
    await keys.go("Cards");
  });

  await desk.step("find an activity by e-mail and view its payload", page, async () => {
    await api.post("/v1/activities", { user: "mia@example.com", group: "Order", activity: "Review", payload: { n: 417 } });
    await api.post("/v1/activities", { user: "jo@example.com", group: "Order", activity: "Submit" });
    await keys.go("Activity");
    // Counted as they are sent: the browser's own list has a request only some time after its end.
    await page.inside(() => {
      window.sent = 0;
      document.addEventListener("htmx:beforeSend", () => { window.sent += 1; });
    });
    const sent = () => page.inside(() => window.sent);
    await keys.press("/");
    await keys.type("mia@example");
    await page.at(/user=mia%40example$/);
    await page.rows.many(1);
    // What was found is not fetched again when the field is left, while somebody goes on.
    const before = await sent();
    assert(before > 0, "the search made no request");
    await keys.press("Tab");
    await keys.press("Escape");
    await page.inside(() => document.activeElement.blur());
    equal(await sent(), before, "requests of the page");
    await keys.press("j");
    await keys.enter();
    await page.at(/^\/activity\/act/);
    await page.text("417").seen();
  });

  await desk.step("find a mail by its receiver", page, async () => {
    const mail = (to) => ({ topic: "Order", to: [to], subject: `For ${to}`, text: "Hello." });
    await api.post("/v1/mails", mail("emil@example.com"));
    await api.post("/v1/mails", mail("sofia@example.com"));
    await keys.go("Mail");
    await keys.press("/");
    await keys.type("emil@example");
    await page.at(/q=emil%40example$/);
    await page.rows.many(1);
    equal((await keys.focused()).name, "Search", "the focus after the list was exchanged");
  });

  await desk.step("help opens by ? and closes by Escape, and the focus comes back", page, async () => {
    await page.open("/webhooks");
    const before = await keys.press("j");
    await keys.press("?");
    await page.role("dialog").seen();
    await keys.press("Escape");
    await keys.on(before.name);
  });

  await desk.step("sign out", page, async () => {
    await keys.go("Sign out");
    await page.at("/sign-in");
  });
});

// The live tail of deliveries: new ones come in by themselves, until it is paused.

import { Api } from "./lib/api.mjs";
import { equal, run, until } from "./lib/desk.mjs";
import { target } from "./lib/target.mjs";

await run(async (desk) => {
  const api = new Api(desk.given);
  const shop = await target();
  const page = await desk.person();
  const rows = page.locator("#list tbody tr");
  const button = (name) => page.getByRole("button", { name, exact: true });
  let webhook;
  const happen = async (id) => {
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id } });
    await api.delivered(event, webhook, "sent", "retrying");
    return event;
  };

  await desk.step("an empty list says what to do", page, async () => {
    webhook = await api.subscribe("Warehouse", shop.url, ["ORDER_*"]);
    await page.goto("/deliveries");
    await page.getByText("Nothing was delivered yet.").waitFor();
  });

  await desk.step("what is delivered appears without a reload", page, async () => {
    await button("Live").click();
    await page.evaluate(() => { window.sameDocument = true; });
    await happen("1");
    await until("the first row", async () => (await rows.count()) === 1);
    await happen("2");
    await until("the second row, on top", async () => (await rows.count()) === 2);
    equal(await page.evaluate(() => window.sameDocument), true, "the document");
    await rows.first().getByText("Sent", { exact: true }).waitFor();
  });

  await desk.step("a row that changes is exchanged in its place, and keeps the focus", page, async () => {
    shop.answer = { status: 500 };
    const event = await happen("3");
    await until("the third row", async () => (await rows.count()) === 3);
    await rows.first().getByText("Error", { exact: true }).waitFor();
    await rows.first().getByRole("link").focus();
    shop.answer = { status: 204 };
    await api.post(`/v1/deliveries/${event}/${webhook}/resend`);
    await rows.first().getByText("Sent", { exact: true }).waitFor();
    equal(await rows.count(), 3, "rows");
    equal(await rows.first().evaluate((row) => row.contains(document.activeElement)), true, "the focus");
  });

  await desk.step("paused, it lets nothing in", page, async () => {
    const closed = page.waitForEvent("requestfailed", (request) => request.url().includes("/deliveries/live"));
    await button("Pause").click();
    await closed;
    await happen("4");
    equal(await rows.count(), 3, "rows while it is paused");
  });

  await desk.step("resumed, it catches up", page, async () => {
    await button("Resume").click();
    await until("the row that came meanwhile", async () => (await rows.count()) === 4);
  });

  await desk.step("other filters mean another tail", page, async () => {
    await page.getByLabel("State").selectOption("error");
    await until("nothing to be left", async () => (await rows.filter({ visible: true }).count()) === 0);
    shop.answer = { status: 500 };
    await happen("5");
    await until("the one that fits", async () => (await rows.filter({ visible: true }).count()) === 1);
    await rows.first().getByText("Error", { exact: true }).waitFor();
  });
});

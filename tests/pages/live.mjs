// The live tail of deliveries: new ones come in by themselves, until it is paused.

import { Api } from "./lib/api.mjs";
import { equal, run } from "./lib/desk.mjs";
import { target } from "./lib/target.mjs";

await run(async (desk) => {
  const api = new Api(desk.given);
  const shop = await target();
  const page = await desk.person();
  const rows = page.css("#list tbody tr");
  let webhook;
  const happen = async (id) => {
    const event = await api.publish({ event_type: "ORDER_CREATED", data: { id } });
    await api.delivered(event, webhook, "sent", "retrying");
    return event;
  };

  await desk.step("an empty list says what to do", page, async () => {
    webhook = await api.subscribe("Warehouse", shop.url, ["ORDER_*"]);
    await page.open("/deliveries");
    await page.text("Nothing was delivered yet.").seen();
  });

  await desk.step("what is delivered appears without a reload", page, async () => {
    await page.button("Live").click();
    await page.inside(() => { window.sameDocument = true; });
    await happen("1");
    await rows.many(1);
    await happen("2");
    await rows.many(2);
    equal(await page.inside(() => window.sameDocument), true, "the document");
    await rows.first().exactly("Sent").seen();
  });

  await desk.step("a row that changes is exchanged in its place, and keeps the focus", page, async () => {
    shop.answer = { status: 500 };
    const event = await happen("3");
    await rows.many(3);
    await rows.first().exactly("Error").seen();
    await rows.first().role("link").focus();
    shop.answer = { status: 204 };
    await api.post(`/v1/deliveries/${event}/${webhook}/resend`);
    await rows.first().exactly("Sent").seen();
    await rows.many(3);
    await rows.first().focused();
  });

  await desk.step("paused, it lets nothing in", page, async () => {
    await page.ending("/deliveries/live", () => page.button("Pause").click());
    await happen("4");
    await rows.many(3);
  });

  await desk.step("resumed, it catches up", page, async () => {
    await page.button("Resume").click();
    await rows.many(4);
  });

  await desk.step("other filters mean another tail", page, async () => {
    await page.listed(() => page.field("State").choose("error"));
    await rows.visible().many(0);
    shop.answer = { status: 500 };
    await happen("5");
    await rows.visible().many(1);
    await rows.first().exactly("Error").seen();
  });
});

// A payload of thousands of lines: read, searched, and copied byte for byte.

import { Api } from "./lib/api.mjs";
import { assert, equal, run } from "./lib/desk.mjs";

const item = (n) => `    {\n      "sku": "A-${n}",\n      "name": "K\\u00e4se ${n}",\n      "turned": "\\u202e${n}"\n    }`;

await run(async (desk) => {
  const api = new Api(desk.given);
  const page = await desk.person({ permissions: ["clipboard-read", "clipboard-write"] });
  const copied = () => page.inside(() => navigator.clipboard.readText());

  // Publishes a text as it is, and opens the event.
  const event = async (text) => {
    const { id } = await api.post("/v1/events", text);
    await page.open(`/events/${id}`);
  };

  await desk.step("4,000 lines are read and searched, with letters as letters", page, async () => {
    const items = Array.from({ length: 1_000 }, (_, n) => item(n)).join(",\n");
    const text = `{\n  "event_type": "ORDER_CREATED",\n  "items": [\n${items}\n  ]\n}`;
    assert(text.split("\n").length > 5_000, "lines");
    await event(text);
    await page.css(".json").text("The rest is not shown here").many(0);
    await page.button("Unfold all").click();
    await page.css(".json").text("Käse 999").seen();
    // What turns the direction of writing stays an escape.
    await page.css(".json").text("\\u202e999").seen();
    equal(await page.inside(() => window.find("Käse 777")), true, "what the browser's own search finds");
    await page.css(".payload").button("Copy").click();
    await page.css(".payload").button("Copied").seen();
    equal(await copied(), text, "what was copied");
    await page.exactly("Raw").click();
    equal(await page.inside(() => document.querySelector("details.raw pre").textContent), text, "the raw text");
    const weight = await page.inside(() => performance.getEntriesByType("navigation")[0].decodedBodySize);
    assert(weight < 1_500_000, `the page has ${weight} bytes`);
  });

  await desk.step("what is beyond a page is copied whole as well, byte for byte", page, async () => {
    const lines = Array.from({ length: 14_000 }, (_, n) => `"line ${n}: \u202e Käse"`).join(",\r\n");
    const text = `{"event_type": "ORDER_CREATED", "lines": [\r\n${lines}\r\n]}`;
    assert(text.length > 256 << 10, "more than a page shows");
    await event(text);
    const weight = await page.inside(() => performance.getEntriesByType("navigation")[0].decodedBodySize);
    assert(weight < 1_500_000, `the page has ${weight} bytes`);
    await page.css(".payload").button("Copy").click();
    await page.css(".payload").button("Copied").seen();
    equal(await copied(), text, "what was copied");
  });
});

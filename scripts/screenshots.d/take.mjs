// Takes a picture of each page of a Herald that it fills first, light and dark, wide and narrow,
// and tells what is wrong with how they look. `given`: as for the tests of the pages, and
// `operator` (a token for all accounts), `patterns` (the pages, by route), `folder` (where the
// pictures go), `only` (part of a name), `readme` (whether those that the documents show are taken
// anew as well).

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { Api } from "../../tests/pages/lib/api.mjs";
import { run } from "../../tests/pages/lib/desk.mjs";
import { cut, overlapping, sideways } from "../../tests/pages/lib/looks.mjs";
import { everyPage } from "../../tests/pages/lib/pages.mjs";
import { pageOf } from "../../tests/pages/lib/screen.mjs";
import { shop } from "../../tests/pages/lib/shop.mjs";

const HISTORY = fileURLToPath(new URL("history.sql", import.meta.url));

const HERE = fileURLToPath(new URL(".", import.meta.url));

// What the documents show: its name there, the page, the colours, the size.
const README = [
  ["overview", "overview", "light", 1280, 960],
  ["webhooks", "webhooks", "dark", 1280, 800],
  ["delivery", "delivery-failing", "light", 1280, 1000],
  ["mail", "mail-html", "light", 900, 900],
  ["narrow", "overview", "light", 320, 900],
];

// Views that no link leads to under an address of their own: name, address, and what is done there.
const VIEWS = [
  ["sign-in", "/sign-in"],
  ["reset", "/reset"],
];

await run(async (desk) => {
  const { given } = desk;
  mkdirSync(given.folder, { recursive: true });
  await fetch(given.invitation, {
    method: "POST",
    headers: { origin: given.url, "content-type": "application/json" },
    body: JSON.stringify({ password: given.password }),
  });
  await new Api(given, given.operator).post("/v1/accounts", { name: "outlet" });
  const made = await shop(given);
  execFileSync("psql", ["-X", "-q", "-f", HISTORY], { stdio: ["ignore", "ignore", "inherit"] });
  const guide = await desk.person();
  const found = await everyPage(guide, ["/", ...given.patterns]);
  await desk.forget(guide);
  const pages = Array.from(found, ([pattern, address]) => [nameOf(pattern), address, true]);
  pages.push(...views(made), ...VIEWS.map(([name, address]) => [name, address, false]));

  const faults = [];
  for (const colorScheme of ["light", "dark"]) {
    const options = { colorScheme, reducedMotion: "reduce" };
    const inside = await desk.person(options);
    const outside = await desk.visitor(options);
    for (const [name, address, signedIn] of pages) {
      if (given.only && !name.includes(given.only)) continue;
      const page = signedIn ? inside : outside;
      for (const [width, height] of [[1280, 800], [320, 640]]) {
        await page.resize(width, height);
        await page.open(address);
        const file = `${name}-${colorScheme}-${width}.png`;
        await pageOf(page).screenshot({ path: path.join(given.folder, file), fullPage: true, animations: "disabled" });
        const wrong = [
          ...(await sideways(page)).map((it) => `sideways: ${it}`),
          ...(await cut(page)).map((it) => `cut: ${it}`),
          ...(await overlapping(page)).map((it) => `overlapping: ${it}`),
          ...page.complaints.told.splice(0).filter((it) => name !== "nothing-here" || !/404/.test(it)),
        ];
        faults.push(...wrong.map((it) => `${file}: ${it}`));
      }
    }
  }
  for (const [file, name, colorScheme, width, height] of given.readme ? README : []) {
    const screen = await desk.person({ colorScheme, viewport: { width, height } });
    await screen.open(pages.find((it) => it[0] === name)[1]);
    const page = pageOf(screen);
    // A frame is fetched when it comes into sight.
    for (const frame of await page.locator("iframe").all()) await frame.scrollIntoViewIfNeeded();
    await page.waitForLoadState("networkidle");
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: path.join(HERE, "../../docs/images", `${file}.png`) });
    await desk.forget(screen);
  }
  writeFileSync(path.join(given.folder, "faults.txt"), faults.map((it) => `${it}\n`).join(""));
  for (const fault of faults) console.log(fault);
  console.log(`${pages.length * 4} pictures in ${given.folder}, ${faults.length} faults`);
});

// The same pages with something else in them.
function views({ webhooks, events, letters }) {
  return [
    ["mail-html", `/mail/${letters[0]}`, true],
    ["webhook-failing", `/webhooks/${webhooks.stocksync}`, true],
    ["webhook-paused", `/webhooks/${webhooks.letterbird}`, true],
    ["webhook-resume", `/webhooks/${webhooks.letterbird}/resume`, true],
    ["delivery-failing", `/deliveries/${events[1]}/${webhooks.stocksync}`, true],
    ["deliveries-none", "/deliveries?topic=DOMAIN_UPDATED", true],
    ["nothing-here", "/webhooks/sub_01h455vb4pex5vsknk084sn02q", true],
  ];
}

function nameOf(pattern) {
  const words = pattern.split("/").filter((it) => it !== "");
  return words.map((it) => it.replace(/[{}]/g, "")).join("-") || "overview";
}

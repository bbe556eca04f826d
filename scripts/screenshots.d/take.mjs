// Takes a picture of each page of a Herald that it fills first, light and dark, wide and narrow,
// and tells what is wrong with how they look. `given`: as for the tests of the pages, and
// `patterns` (the pages, by route), `folder` (where the pictures go), `only` (part of a name).

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { run } from "../../tests/pages/lib/desk.mjs";
import { cut, overlapping, sideways } from "../../tests/pages/lib/looks.mjs";
import { everyPage } from "../../tests/pages/lib/pages.mjs";
import { shop } from "../../tests/pages/lib/shop.mjs";

const HISTORY = fileURLToPath(new URL("history.sql", import.meta.url));

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
        await page.setViewportSize({ width, height });
        await page.goto(address);
        const file = `${name}-${colorScheme}-${width}.png`;
        await page.screenshot({ path: path.join(given.folder, file), fullPage: true, animations: "disabled" });
        const wrong = [
          ...(await sideways(page)).map((it) => `sideways: ${it}`),
          ...(await cut(page)).map((it) => `cut: ${it}`),
          ...(await overlapping(page)).map((it) => `overlapping: ${it}`),
          ...page.complaints.told.splice(0),
        ];
        faults.push(...wrong.map((it) => `${file}: ${it}`));
      }
    }
  }
  writeFileSync(path.join(given.folder, "faults.txt"), faults.map((it) => `${it}\n`).join(""));
  for (const fault of faults) console.log(fault);
  console.log(`${pages.length * 4} pictures in ${given.folder}, ${faults.length} faults`);
});

// The same pages with something else in them.
function views({ webhooks, events }) {
  return [
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

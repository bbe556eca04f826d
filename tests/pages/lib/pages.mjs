// Which pages there are: every pattern of the daemon's own table of routes, each with an address
// that a link of another page leads to.

import { assert } from "./expect.mjs";

// Goes from link to link as the signed-in person; answers pattern → address. Each pattern must be
// reached: what nothing leads to is no part of the pages.
export async function everyPage(screen, patterns) {
  const found = new Map();
  const seen = new Set();
  const queue = ["/"];
  const left = () => patterns.filter((it) => !found.has(it));
  while (queue.length > 0 && left().length > 0) {
    const address = queue.shift();
    await screen.open(address);
    // What a form is sent to can be the address that people are at afterwards.
    const links = await screen.inside(() =>
      Array.from(document.querySelectorAll("a[href], form, iframe[src]"), (it) => it.href || it.action || it.src),
    );
    const here = await screen.at();
    for (const link of [here.href, ...links]) {
      const url = new URL(link);
      if (url.origin !== here.origin) continue;
      // A fixed word wins over a variable part: /webhooks/new is no webhook.
      const fitting = patterns.filter((it) => fits(it, url.pathname));
      const pattern = fitting.sort((a, b) => a.split("{").length - b.split("{").length)[0];
      if (pattern === undefined || seen.has(url.pathname)) continue;
      seen.add(url.pathname);
      if (!found.has(pattern)) found.set(pattern, url.pathname + url.search);
      // A few of each kind: not every webhook has each button.
      const alike = Array.from(seen).filter((it) => fits(pattern, it)).length;
      if (alike <= 12) queue.push(url.pathname + url.search);
    }
  }
  assert(left().length === 0, `nothing leads to ${left().join(", ")}`);
  return found;
}

function fits(pattern, pathname) {
  const [wanted, given] = [pattern.split("/"), pathname.split("/")];
  return wanted.length === given.length && wanted.every((part, n) => part === given[n] || part.startsWith("{"));
}

// Every page, light and dark, wide and narrow: what axe-core finds, and whether it scrolls
// sideways. `given.patterns`: the pages of the daemon's table of routes.

import { none, run } from "./lib/desk.mjs";
import { faults, sideways, undrawn } from "./lib/looks.mjs";
import { everyPage } from "./lib/pages.mjs";
import { shop } from "./lib/shop.mjs";

await run(async (desk) => {
  await shop(desk.given);
  const guide = await desk.person();
  const addresses = Array.from((await everyPage(guide, ["/", ...desk.given.patterns])).values());
  await desk.leave(guide);
  const alone = ["/sign-in", "/reset", desk.given.invitation, "/invitation/of-nobody"];

  for (const colorScheme of ["light", "dark"]) {
    const page = await desk.person({ colorScheme });
    const stranger = await desk.visitor({ colorScheme });
    stranger.complaints.expect(/status of 404/);
    const all = [...addresses.map((it) => [page, it]), ...alone.map((it) => [stranger, it])];
    for (const [who, address] of all) {
      await desk.step(`${address}, ${colorScheme}`, who, async () => {
        await who.resize(1280, 800);
        await who.open(address);
        none(await faults(who), "axe at 1280 px");
        none(await sideways(who), "sideways at 1280 px");
        none(await undrawn(who), "shapes that are not drawn");
        // 200 % of 1280 px.
        await who.resize(640, 400);
        none(await sideways(who), "sideways at 200 %");
        await who.resize(320, 640);
        none(await sideways(who), "sideways at 320 px");
        none(await faults(who), "axe at 320 px");
      });
    }
    await desk.step(`the menu, ${colorScheme}`, page, async () => {
      await page.open("/");
      await page.exactly("Menu").click();
      none(await faults(page), "axe with the menu");
      none(await sideways(page), "sideways with the menu");
    });
    await desk.step(`the help, ${colorScheme}`, page, async () => {
      await page.press("Escape");
      await page.press("?");
      await page.role("dialog").seen();
      none(await faults(page), "axe with the help");
      none(await sideways(page), "sideways with the help");
    });
  }
});

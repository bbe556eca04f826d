// Every other script trusts the watch over its pages: here they do what they must not do.

import { assert, run, until } from "./lib/desk.mjs";

const WRONGS = {
  "a word on the console": () => console.log("a word"),
  "a script that fails": () => void setTimeout(() => { throw new Error("failed on purpose"); }),
  "a style within the page": () => {
    document.body.append(Object.assign(document.createElement("style"), { textContent: "p{}" }));
  },
  "a script within the page": () => {
    document.body.append(Object.assign(document.createElement("script"), { text: "pwned = 1" }));
  },
  "a picture from elsewhere": () => {
    document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/x.png" }));
  },
  "a request to elsewhere": () => void fetch("http://127.0.0.1:9/").catch(() => {}),
  "a dialog": () => alert("a dialog"),
};

const noticed = (page, name) => until(`${name} to be noticed`, () => page.complaints.told.length > 0);

await run(async (desk) => {
  for (const [name, wrong] of Object.entries(WRONGS)) {
    const page = await desk.visitor();
    await page.open("/sign-in");
    page.complaints.check();
    await page.inside(wrong);
    await noticed(page, name);
    assert(await page.inside(() => window.pwned === undefined), `${name} ran`);
    console.log(`ok ${name}`);
    await desk.forget(page);
  }
  const page = await desk.visitor();
  await page.open("/sign-in");
  const elsewhere = await page.another();
  await elsewhere.tryToOpen("http://127.0.0.1:9/");
  await noticed(page, "a page elsewhere");
  await desk.forget(page);

  // A click that leads away is followed, or the next step would look before the page is there.
  const hasty = await desk.visitor();
  await hasty.open("/sign-in");
  await hasty.link("Forgotten your password?").click();
  await noticed(hasty, "a click that nobody followed");
  await desk.forget(hasty);
});

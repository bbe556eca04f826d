// Every other script trusts the watch over its pages: here they do what they must not do.

import { assert, run } from "./lib/desk.mjs";

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

await run(async (desk) => {
  for (const [name, wrong] of Object.entries(WRONGS)) {
    const page = await desk.visitor();
    await page.goto("/sign-in");
    page.complaints.check();
    await page.evaluate(wrong);
    await page.complaints.any();
    assert(page.complaints.told.length > 0, `${name} went unnoticed`);
    assert(await page.evaluate(() => window.pwned === undefined), `${name} ran`);
    console.log(`ok ${name}`);
    await desk.forget(page);
  }
  const page = await desk.visitor();
  await page.goto("/sign-in");
  const elsewhere = await page.context().newPage();
  await elsewhere.goto("http://127.0.0.1:9/").catch(() => {});
  assert(page.complaints.told.length > 0, "a page elsewhere went unnoticed");
  await desk.forget(page);
});

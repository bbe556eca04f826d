// Markup and script in everything that others write: each page shows it as text, and nothing of
// it runs or is fetched.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { Api } from "./lib/api.mjs";
import { assert, equal, none, run, signIn, until } from "./lib/desk.mjs";
import { everyPage } from "./lib/pages.mjs";
import { target } from "./lib/target.mjs";

// Who listens here would hear of anything that a page fetches.
const trap = await target({ status: 200, headers: { "access-control-allow-origin": "*" } });

// The end tells which field it stood in: each must be found again, letter by letter.
const nasty = (field) =>
  `</textarea></title><script>window.pwned=1</script>"><img src=x onerror=window.pwned=1>{{97*991}}'${field}'`;
// Where 100 characters are the most.
const small = (field) => `<script>pwned=1</script>"><img src=x onerror=window.pwned=1>{{97*991}}'${field}'`;
const seen = (field) => `<img src=x onerror=window.pwned=1>{{97*991}}'${field}'`;

const ADDRESSES = [
  "javascript:window.pwned=1",
  `${trap.url}picture.png`,
  "<svg/onload=window.pwned=1>",
  "\u202egnp.exe",
  "<iframe srcdoc='<script>parent.pwned=1</script>'>",
];

const HTML = `<h1>${nasty("mail-html")}</h1>
<script>window.top.pwned = 1; window.pwned = 1</script><script src="${trap.url}script.js"></script>
<img src="${trap.url}pixel.gif"><img src=x onerror="top.pwned=1"><svg onload="top.pwned=1"></svg>
<link rel="stylesheet" href="${trap.url}style.css"><style>@import "${trap.url}import.css"; h1 { background: url(${trap.url}h1.png) }</style>
<iframe src="${trap.url}frame"></iframe><object data="${trap.url}object"></object>
<meta http-equiv="refresh" content="0;url=${trap.url}refresh"><base href="${trap.url}">
<a id="out" href="${trap.url}link">Click here</a> <a id="run" href="javascript:top.pwned=1">or here</a>
<form action="${trap.url}form"><button id="send">or here</button></form>`;

async function seed(given) {
  const api = new Api(given);
  const shown = [];
  const text = (field) => {
    shown.push(field);
    return nasty(field);
  };
  // Scripts: one that does not compile, one that fails, one that logs.
  mkdirSync(path.join(given.plugins, "named"), { recursive: true });
  mkdirSync(path.join(given.plugins, "triggers"), { recursive: true });
  const script = (name, source) => writeFileSync(path.join(given.plugins, name), source);
  script("named/broken.rhai", "fn filter(event) { `" + text("script-source") + "` ) }");
  script("named/throws.rhai", "fn filter(event) { throw `" + text("script-throws") + "` }");
  script("named/logs.rhai", "fn transform(event) { log(`" + text("script-logs") + "`); event.payload.note = `" +
    text("script-makes") + "`; event.payload }");
  const answers = (await api.get("/v1/plugins")).data;
  if (answers.length < 3) await until("the scripts", async () => (await api.get("/v1/plugins")).data.length === 3);

  const property = text("schema-field");
  await api.post("/v1/event-types", {
    name: "NASTY",
    group: text("type-group"),
    title: text("type-title"),
    description: text("type-description"),
    schema: {
      type: "object",
      properties: { data: { type: "object", properties: { [property]: { type: "string", description: text("schema-words") } } } },
    },
    example: { event_type: "NASTY", data: { [property]: text("type-example") } },
    validation: "warn",
  });
  const shop = await target({
    status: 500,
    headers: { "x-note": nasty("answer-header").replaceAll("\u202e", ""), "content-type": "text/html" },
    body: text("answer-body"),
  });
  shown.push("answer-header");
  const subscribe = (title, more) => api.subscribe(title, `${shop.url}?a=<script>window.pwned=1</script>&b="><img/src=x/onerror=window.pwned=1>`,
    ["NASTY"], { retry_schedule: [86400], ...more });
  const failing = await subscribe(text("webhook-title"), { headers: { "x-own": nasty("header-value") } });
  shown.push("header-value");
  await subscribe("Paused", { state: "paused" });
  const throwing = await subscribe("Throws", { plugin: "throws" });
  const logging = await subscribe("Logs", { plugin: "logs" });
  const gone = await target({ status: 410, body: text("gone-body") });
  await api.subscribe("Gone", gone.url, ["NASTY"], {});
  const event = await api.publish({
    event_type: "NASTY",
    [text("payload-name")]: text("payload-value"),
    data: { list: [...ADDRESSES], [property]: 7 },
  });
  for (const id of [failing, throwing, logging]) await api.delivered(event, id, "retrying", "held", "failed");

  await api.post("/v1/activity-types", { group: small("activity-group"), activity: small("activity-name") });
  const { id: activity } = await api.post("/v1/activities", {
    user: text("activity-user"),
    group: small("activity-group"),
    activity: small("activity-name"),
    payload: { [text("activity-key")]: text("activity-value"), more: ADDRESSES },
  });
  shown.push("activity-group", "activity-name", "mail-topic");
  const mail = {
    topic: small("mail-topic"),
    from: `"${nasty("mail-from").replaceAll('"', "'")}" <shop@nordlicht.example>`,
    to: [`"${nasty("mail-to").replaceAll('"', "'")}" <ann@example.com>`],
    subject: text("mail-subject"),
    text: text("mail-text"),
    html: HTML,
  };
  shown.push("mail-html");
  const letter = (await api.post("/v1/mails", mail)).id;
  await api.post("/v1/tokens", { title: text("token-title"), role: "viewer" });
  await api.post("/v1/users", { email: "nasty@example.com", name: nasty("user-name"), role: "viewer" });
  if (given.patterns.some((it) => it.startsWith("/settings"))) shown.push("user-name");
  return { api, shown, activity, failing, throwing, logging, event, letter };
}

await run(async (desk) => {
  const { given } = desk;
  const made = await seed(given);
  const agent = nasty("agent");
  const page = await desk.visitor({ userAgent: agent });
  page.complaints.expect(/status of 4\d\d/);
  // What a mail's own policy keeps away is told on the console, with the frame's address.
  page.complaints.expect(/\/mail\/mail_\w+\/(html|x: csp)/);
  page.complaints.expect(new RegExp(new URL(trap.url).origin));
  const texts = [];

  // What a page says in texts and fields; and that nothing became more than text.
  async function read() {
    const found = await page.inside(() => {
      const alive = Array.from(document.querySelectorAll(
        'script:not([src^="/assets/"]), img, [onerror], [onload], [srcdoc], object, embed, base, meta[http-equiv], ' +
        '[href^="javascript:" i], [src^="javascript:" i], [action^="javascript:" i], [style], style',
      ));
      const values = Array.from(document.querySelectorAll("input, textarea, option"), (it) => it.value);
      const titles = Array.from(document.querySelectorAll("[title]"), (it) => it.title);
      return {
        pwned: window.pwned !== undefined,
        alive: alive.map((it) => it.outerHTML.slice(0, 120)),
        text: [document.documentElement.textContent, document.title, ...values, ...titles].join("\n"),
      };
    });
    equal(found.pwned, false, "a script that ran");
    equal(found.alive, [], "markup that came alive");
    // No shorter number: signatures and times end in each of them now and then.
    assert(!found.text.includes("96127'"), "a template was filled in");
    texts.push(found.text);
  }

  await desk.step("sign in with a browser of a hostile name", page, async () => {
    await signIn(page, given.email, given.password);
    await page.at("/");
  });

  let addresses;
  await desk.step("every page is reached", page, async () => {
    addresses = Array.from((await everyPage(page, ["/", ...given.patterns])).values());
  });

  const { activity, event, failing, throwing, logging, letter } = made;
  const more = [
    `/webhooks/${failing}`, `/webhooks/${failing}/edit`, `/webhooks/${failing}/delete`,
    `/deliveries/${event}/${failing}`, `/deliveries/${event}/${throwing}`, `/deliveries/${event}/${logging}`,
    `/events/${event}`, `/activity/${activity}`, "/events/types/NASTY", "/plugins/named/broken.rhai", "/plugins/named/throws.rhai",
    "/plugins/named/throws.rhai?type=NASTY", "/plugins/named/logs.rhai?type=NASTY", `/mail/${letter}`, "/settings/profile",
    `/webhooks?view=list`, "/webhooks?view=cards",
  ];
  for (const address of [...new Set([...addresses, ...more])]) {
    await desk.step(`${address} shows it as text`, page, async () => {
      await page.open(address);
      await read();
    });
  }

  await desk.step("what stands in the address is text as well", page, async () => {
    const words = encodeURIComponent(nasty("address"));
    for (const place of ["/webhooks?q=", "/webhooks?state=", "/webhooks?from=", "/webhooks?cursor=", "/webhooks?done=",
      "/deliveries?topic=", "/deliveries?webhook=", "/deliveries?state=", "/activity?user=", "/activity?activity=",
      "/mail?q=", "/mail?topic=", "/plugins?q=", "/plugins?state=", "/events?q=", "/sign-in?next=", "/nothing/", "/?range=",
      "/webhooks/new?trigger=", "/webhooks?"]) {
      await page.open(place + words);
      await read();
    }
  });

  await desk.step("what a form gives back is text as well", page, async () => {
    await page.open("/webhooks/new");
    await page.field("Title").fill(nasty("form-title"));
    await page.field("URL").fill(`javascript:window.pwned=1//${nasty("form-url")}`);
    await page.field("Other names and patterns").fill(nasty("form-pattern"));
    await page.button("Add webhook").follow();
    await page.role("alert").seen();
    await read();
    await page.field("Title").value(nasty("form-title"));
  });

  await desk.step("a mail's HTML is in a frame that runs nothing and asks nobody", page, async () => {
    const inside = page.frame("iframe");
    await page.open(`/mail/${letter}`);
    await page.css("iframe").scroll();
    await inside.text("Click here").seen();
    equal(await page.css("iframe").attribute("sandbox"), "", "what the frame may do");
    for (const id of ["run", "send", "out"]) {
      await inside.css(`#${id}`).click();
      // What a click begins has begun by then.
      await page.inside(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    }
    equal(await page.inside(() => window.pwned), undefined, "what the mail's scripts did");
    await page.at(`/mail/${letter}`);
    // By its own address it is held as tightly, if a browser shows it at all.
    const alone = await desk.person();
    alone.complaints.expect(/./);
    await alone.tryToOpen(`/mail/${letter}/html`);
    await desk.forget(alone);
    equal(trap.requests.map((it) => it.path), [], "what was fetched from elsewhere");
  });

  await desk.step("every field was shown, letter by letter", page, async () => {
    const all = texts.join("\n");
    none(made.shown.filter((field) => !all.includes(seen(field))), "fields that no page showed");
  });
});

// A shop as Herald sees it on a busy day: partners that work, fail, were paused or went away;
// people at work; mails; scripts that work, are broken or were suspended.

import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { Api } from "./api.mjs";
import { until } from "./expect.mjs";
import { target } from "./target.mjs";

const OWN_SCRIPTS = fileURLToPath(new URL("../../../plugins/named", import.meta.url));

// Scripts beside those that come with Herald.
const SCRIPTS = {
  "named/tax-report.rhai": `// Adds the tax to each order for the accountants.
fn transform(event) {
    event.payload.tax = event.payload.total * 0.19
    event
}
`,
  "triggers/NEW_COMMENT.rhai": `// Comments go out once somebody looked at them.
fn filter(event) {
    throw "the moderation list cannot be read"
}
`,
};

const UPGRADE = `<html><head><title>503 Service Unavailable</title></head>
<body><h1>Stocksync is being upgraded</h1><p>We are back at 18:00.</p></body></html>`;

// The webhooks, in the order in which they were made.
const WEBHOOKS = [
  ["parcelworks", "Parcelworks: ship new orders", ["STORE_ORDER_*"], {}],
  ["ledgerly", "Ledgerly: book paid orders", ["ECOMM_ORDER_CREATED"], { plugin: "only-paid-orders" }],
  ["stocksync", "Stocksync: keep the warehouse in step", ["STORE_PRODUCT_*"],
    { headers: { "x-shop": "nordlicht", "x-api-key": "k-5d1f" } }],
  ["chat", "Orders to the team's chat", ["STORE_ORDER_CREATED"], { plugin: "slack-order" }],
  ["letterbird", "Letterbird: welcome new members", ["MEMBER_*"], {}],
  ["erp", "Old ERP, until the end of the year", ["ORDER_*"], {}],
  ["search", "Search index", ["*"], { max_in_flight: 16 }],
  ["reviews", "Reviews and comments to Trustmark, with everything that was said on the product pages",
    ["NEW_COMMENT", "NEW_CONVERSATION", "COMMENT_*"], {}],
];

const PEOPLE = [
  "mia.krause@nordlicht.example",
  "jonas.lindqvist@nordlicht.example",
  "amara.okafor@nordlicht.example",
  "the-long-address-of-a-colleague-in-the-returns-department@nordlicht.example",
];

const DONE = [
  ["Order", "Review", { order: "A-20417", total: 129.9 }],
  ["Order", "Submit", { order: "A-20417" }],
  ["Product", "Edit", { product: "Trail Jacket", fields: ["price", "title"] }],
  ["Product", "Update", { product: "Wool Socks", stock: { from: 12, to: 80 } }],
  ["Order", "Bulk Submit", { orders: ["A-20418", "A-20419", "A-20420"] }],
  ["Profile", "Update Info", { name: "Mia Krause" }],
  ["Mockup", "Studio Create", { design: "Northern lights" }],
  ["Product", "Delete", { product: "Camp Stove (old)" }],
];

const MAILS = [
  ["Order Confirmation", "Emil Berg <emil.berg@mail.example>", "Your order A-20417 is on its way",
    "<h1>Thank you, Emil</h1><p>Your <b>Trail Jacket</b> leaves our warehouse today.</p>" +
      "<table border=1 cellpadding=6><tr><th>Article</th><th>Price</th></tr>" +
      "<tr><td>Trail Jacket, M</td><td>129.90 €</td></tr></table>"],
  ["Password Reset", "Sofia Marino <sofia@mail.example>", "Set another password", null],
  ["Newsletter", "Li Wei <li.wei@mail.example>", "Autumn is here: new colours, lighter tents", null],
  ["Order Confirmation", "Noor Haddad <noor@mail.example>", "Your order A-20418", null],
];

const order = (number, paid) => ({
  event_type: "STORE_ORDER_CREATED",
  data: {
    siteAlias: "nordlicht",
    eventType: "order.created",
    eventId: `7f0c${number}`,
    storeId: 100217,
    eventCreated: 1795327200 + number,
    data: { orderId: `A-${number}`, newPaymentStatus: paid, newFulfillmentStatus: "AWAITING_PROCESSING" },
  },
  source: null,
  resource_data: { site_name: "nordlicht" },
  event_timestamp: 1795327200000 + number * 1000,
});

const EVENTS = [
  (n) => order(20000 + n, n % 3 ? "PAID" : "AWAITING_PAYMENT"),
  (n) => ({ event_type: "STORE_PRODUCT_UPDATED", data: { data: { productId: 400 + n, quantity: 90 - n } } }),
  (n) => ({ event_type: "ECOMM_ORDER_CREATED", data: { id: `E-${n}`, payment: { status: n % 2 ? "PAID" : "OPEN" } } }),
  (n) => ({ event_type: "MEMBER_CREATED", data: { email: `member${n}@mail.example`, plan: "Club" } }),
  (n) => ({ event_type: "ORDER_UPDATED", data: { id: n, state: "packed" } }),
];

// Fills a daemon; answers what is where. `given.plugins` is its folder of scripts.
export async function shop(given) {
  const api = new Api(given);
  putScripts(given.plugins);
  await until("the scripts to be known", async () => {
    const known = (await api.get("/v1/plugins")).data;
    const broken = known.find((it) => it.name.includes("tax-report"))?.state === "broken";
    return broken && known.length > 6;
  });
  const targets = {};
  const webhooks = {};
  for (const [name, title, triggers, more] of WEBHOOKS) {
    targets[name] = await target();
    webhooks[name] = await api.subscribe(title, `${targets[name].url}hooks/${name}`, triggers, more);
  }
  webhooks.desk = await api.subscribe("Contact forms to the service desk", "mailto:desk@nordlicht.example",
    ["CONTACT_FORM_SENT_V2"], { plugin: "contact-form-mail" });
  targets.stocksync.answer = {
    status: 503,
    headers: { "content-type": "text/html", "retry-after": "900" },
    body: UPGRADE,
  };
  targets.erp.answer = { status: 410, body: "This system was switched off." };
  await api.post(`/v1/subscriptions/${webhooks.letterbird}/pause`);

  const batch = (events) => api.post("/v1/events/batch", events.map((it) => JSON.stringify(it)).join("\n"));
  await batch(Array.from({ length: 60 }, (_, n) => ({ event_type: "NEW_COMMENT", data: { comment: n } })));
  const events = [];
  for (let n = 0; n < 60; n += 1) events.push(EVENTS[n % EVENTS.length](n));
  const { ids } = await batch(events);
  const form = {
    event_type: "CONTACT_FORM_SENT_V2",
    data: {
      fieldsData: [
        { field_label: "Name", field_value: "Emil Berg", field_type: "text" },
        { field_label: "Message", field_value: "When is the blue tent back?", field_type: "message" },
      ],
      emailSubject: "A question about the blue tent",
    },
    resource_data: { site_name: "nordlicht" },
  };
  await api.publish(form);

  await people(api);
  const letters = await mails(api);
  const states = async (id) => (await api.get(`/v1/subscriptions/${id}`)).state;
  await until("the old ERP to be disabled", async () => (await states(webhooks.erp)) === "disabled");
  await until("a script to be suspended", async () => {
    const known = (await api.get("/v1/plugins")).data;
    return known.some((it) => it.state === "suspended");
  });
  await api.delivered(ids[0], webhooks.parcelworks, "sent");
  await api.delivered(ids[1], webhooks.stocksync, "retrying");
  return { api, targets, webhooks, events: ids, letters };
}

function putScripts(folder) {
  for (const kind of ["named", "triggers"]) mkdirSync(path.join(folder, kind), { recursive: true });
  for (const name of readdirSync(OWN_SCRIPTS)) {
    copyFileSync(path.join(OWN_SCRIPTS, name), path.join(folder, "named", name));
  }
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(path.join(folder, name), text);
}

async function people(api) {
  const lines = [];
  for (let n = 0; n < 120; n += 1) {
    const [group, activity, payload] = DONE[n % DONE.length];
    const user = PEOPLE[(n * 7 + Math.floor(n / 5)) % PEOPLE.length];
    const at = new Date(Date.now() - n * n * 9_000).toISOString();
    lines.push(JSON.stringify({ user, group, activity, payload, at }));
  }
  await api.post("/v1/activities/batch", lines.join("\n"));
  await api.post("/v1/users", { email: "amara.okafor@nordlicht.example", name: "Amara Okafor", role: "viewer" });
  await api.post("/v1/users", { email: "jonas.lindqvist@nordlicht.example", name: "Jonas Lindqvist", role: "admin" });
  await api.post("/v1/tokens", { title: "The shop's back office", role: "publisher" });
  await api.post("/v1/tokens", { title: "Grafana", role: "viewer" });
}

async function mails(api) {
  const ids = [];
  for (const [topic, to, subject, html] of MAILS) {
    const text = `Hello,\n\n${subject}.\n\nNordlicht Outdoor\n`;
    const mail = { topic, from: "Nordlicht Outdoor <shop@nordlicht.example>", to: [to], subject, text };
    ids.push((await api.post("/v1/mails", html === null ? mail : { ...mail, html })).id);
  }
  await api.post("/v1/mails", {
    topic: "Invoice",
    to: ["Accounts <accounts@ledgerly.example>"],
    subject: "Invoice 2026-1187",
    text: "",
    record_only: true,
  });
  return ids;
}

// The API as an application uses it, with a token.

import { assert, until } from "./expect.mjs";

export class Api {
  constructor(given, token = given.token) {
    this.url = given.url;
    this.token = token;
  }

  async ask(method, path, body) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  get(path) {
    return this.ask("GET", path);
  }

  post(path, body = {}) {
    return this.ask("POST", path, body);
  }

  // The id of a new subscription.
  async subscribe(title, url, triggers, more = {}) {
    return (await this.post("/v1/subscriptions", { title, url, triggers, ...more })).id;
  }

  // The id of a new event.
  async publish(event) {
    return (await this.post("/v1/events", event)).id;
  }

  // Waits until the delivery is in one of the states.
  async delivered(event, subscription, ...states) {
    return until(`${event} to be ${states}`, async () => {
      const delivery = await this.get(`/v1/deliveries/${event}/${subscription}`);
      return states.includes(delivery.state) && delivery;
    });
  }
}

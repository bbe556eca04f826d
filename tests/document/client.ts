// Does the whole work by the client that @hey-api/openapi-ts made, and ends at the first surprise.
import assert from "node:assert/strict";
import { client } from "./client/client.gen";
import {
  deliveriesList,
  deliveriesResend,
  deliveriesShow,
  eventsPublish,
  subscriptionsCreate,
  subscriptionsSecretRotate,
  subscriptionsSecretShow,
} from "./client/sdk.gen";
import type { DeliveryView } from "./client/types.gen";

const [url, token, target] = process.argv.slice(2) as [string, string, string];
client.setConfig({ baseUrl: url, auth: token });

/** What was answered; a problem ends everything. */
function good<T>(answer: { data?: T; error?: unknown }): T {
  assert.equal(answer.error, undefined, JSON.stringify(answer.error));
  assert.notEqual(answer.data, undefined);
  return answer.data as T;
}

async function waitFor<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    const found = await ask();
    if (found !== undefined) {
      return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`no ${what} within 60 s`);
}

async function work(): Promise<void> {
  const made = good(
    await subscriptionsCreate({ body: { url: target, triggers: ["*"], title: "Made by TypeScript" } }),
  );
  assert.equal(made.state, "enabled");

  const events: string[] = [];
  for (let number = 0; number < 3; number += 1) {
    const published = good(
      await eventsPublish({
        body: { event_type: "ORDER_CREATED", data: { id: String(number) } },
        headers: { "Idempotency-Key": `typescript-${number}` },
      }),
    );
    assert.equal(published.duplicate, false);
    events.push(published.id);
  }

  async function pages(): Promise<DeliveryView[]> {
    const found: DeliveryView[] = [];
    let cursor: string | undefined;
    do {
      const page = good(await deliveriesList({ query: { subscription: made.id, limit: 1, cursor } }));
      found.push(...page.data);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    return found;
  }

  const sent = await waitFor("three deliveries", async () => {
    const found = await pages();
    return found.length === 3 && found.every((one) => one.state === "sent") ? found : undefined;
  });
  assert.deepEqual(new Set(sent.map((one) => one.event_id)), new Set(events));

  const path = { event_id: events[0]!, subscription_id: made.id };
  const shown = good(await deliveriesShow({ path }));
  assert.equal(shown.attempts[0]?.outcome, "sent");
  good(await deliveriesResend({ path }));
  await waitFor("a second attempt", async () => {
    const now = good(await deliveriesShow({ path }));
    return now.attempts.length === 2 ? now : undefined;
  });

  const rotated = good(
    await subscriptionsSecretRotate({ path: { id: made.id }, body: { overlap_hours: 1 } }),
  );
  assert.equal(rotated.previous[0]?.secret, made.secret);
  const now = good(await subscriptionsSecretShow({ path: { id: made.id } }));
  assert.equal(now.secret, rotated.secret);

  const missing = await deliveriesShow({
    path: { ...path, subscription_id: "sub_01h455vb4pex5vsknk084sn02q" },
  });
  assert.equal(missing.error?.status, 404);
  console.log("typescript: made, published, paged through 3 deliveries, resent, rotated");
}

void work().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

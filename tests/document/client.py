"""Does the whole work by the client that openapi-python-client made, and ends at the first surprise."""

import sys
import time

from herald_client import AuthenticatedClient
from herald_client.api.deliveries import deliveries_list, deliveries_resend, deliveries_show
from herald_client.api.events import events_publish, events_publish_batch
from herald_client.api.subscriptions import (
    subscriptions_create,
    subscriptions_list,
    subscriptions_secret_rotate,
    subscriptions_secret_show,
)
from herald_client.models import EventBody, NoInput, RotateInput, SubscriptionInput

url, token, target = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)


def wait_for(what, ask):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := ask():
            return found
        time.sleep(0.05)
    raise SystemExit(f"no {what} within 60 s")


made = subscriptions_create.sync(
    client=client, body=SubscriptionInput(url=target, triggers=["*"], title="Made by Python")
)
assert made.secret.startswith("whsec_"), made
assert made.state == "enabled", made
listed = subscriptions_list.sync(client=client, limit=1)
assert listed.data[0].id == made.id, listed

events = []
for number in range(3):
    body = EventBody(event_type="ORDER_CREATED")
    body["data"] = {"id": str(number)}
    events.append(events_publish.sync(client=client, body=body, idempotency_key=f"python-{number}"))
assert all(event.deliveries == 1 and not event.duplicate for event in events), events
again = events_publish.sync(client=client, body=body, idempotency_key="python-2")
assert again.duplicate and again.id == events[2].id, again


def pages():
    cursor, found = None, []
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = deliveries_list.sync(client=client, subscription=made.id, limit=1, **more)
        found.extend(page.data)
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


def all_sent():
    found = pages()
    return len(found) == 3 and all(one.state == "sent" for one in found) and found


sent = wait_for("three deliveries", all_sent)
assert {one.event_id for one in sent} == {event.id for event in events}, sent
shown = deliveries_show.sync(events[0].id, made.id, client=client)
assert shown.attempts[0].outcome == "sent", shown
assert 200 <= shown.attempts[0].response.status < 300, shown
resent = deliveries_resend.sync(events[0].id, made.id, client=client, body=NoInput())
assert resent.state in ("queued", "retrying"), resent
wait_for(
    "a second attempt",
    lambda: len(deliveries_show.sync(events[0].id, made.id, client=client).attempts) == 2,
)
rotated = subscriptions_secret_rotate.sync(made.id, client=client, body=RotateInput(overlap_hours=1))
assert rotated.secret != made.secret and rotated.previous[0].secret == made.secret, rotated
now = subscriptions_secret_show.sync(made.id, client=client)
assert now.secret == rotated.secret, now
missing = deliveries_show.sync_detailed(events[0].id, "sub_01h455vb4pex5vsknk084sn02q", client=client)
assert missing.status_code == 404 and missing.parsed.status == 404, missing
print("python: made, published, paged through 3 deliveries, resent, rotated")

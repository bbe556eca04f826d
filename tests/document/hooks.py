"""What schemathesis cannot know of a good request: names that must be there already, and the
reasons for them. This is the whole list of exceptions; a bad request is sent as it was made up."""

import json
import uuid
from datetime import datetime

import schemathesis
from schemathesis.generation import GenerationMode

ORDER = "STORE_ORDER_CREATED"


def body_of_an_event(body):
    # The type must be one of the catalogue.
    body["event_type"] = ORDER


def body_of_an_activity(body):
    # Both must be in the catalogue; what was done is at most 30 days ago.
    body.update(group="Order", activity="Submit")
    body.pop("at", None)


def body_of_an_activity_type(body):
    # This group is Herald's own.
    if body.get("group", "").strip().lower() == "herald":
        body["group"] = "Order"


def body_of_a_subscription(body):
    # The script must be in the plugins folder, the target's host be found, and secret headers have
    # names of their own.
    body.pop("plugin", None)
    body.pop("headers", None)
    if "url" in body:
        body["url"] = "http://127.0.0.1:9/hook"
    if "triggers" in body:
        body["triggers"] = ["*"]


def body_of_an_event_type(body):
    # A schema in a schema: what may be applied, and what it may cost, has rules of its own.
    body.pop("schema", None)
    body.pop("example", None)


def change_of_an_event_type(body):
    # Of those that are built in, this alone can be changed.
    for name in set(body) - {"validation"}:
        del body[name]
    # Else the events that are made up would be refused from then on.
    if body.get("validation") == "reject":
        body["validation"] = "warn"


def body_of_a_mail(body):
    # Who the account may send as is its own setting; no pattern says what an address is; a mail
    # that is sent has a text.
    body.pop("from", None)
    body.pop("reply_to", None)
    body.update(to=["Ann <ann@example.com>"], text="Hello Ann")


def body_of_a_test(body):
    # The type must be one of the catalogue that has an example.
    body["event_type"] = ORDER


def body_of_a_dry_run(body):
    # The event must be one that was accepted, or the body of one.
    body.clear()
    body["event"] = {"event_type": ORDER, "data": {"id": 1}}


def body_of_a_user(body):
    # Not every address that may be written is one that mail is sent to.
    body["email"] = f"{uuid.uuid4().hex}@example.com"


def body_of_an_account(body):
    # No pattern says what an address or a domain is.
    if body.get("mail_senders"):
        body["mail_senders"] = ["shop.example", "ann@example.com"]


# No schema says what is on each line of a text.
LINES = {
    "/v1/events/batch": {"event_type": ORDER, "data": {"id": 1}},
    "/v1/activities/batch": {"user": "ann", "group": "Order", "activity": "Submit"},
}

BODIES = {
    ("POST", "/v1/events"): body_of_an_event,
    ("POST", "/v1/activities"): body_of_an_activity,
    ("POST", "/v1/activity-types"): body_of_an_activity_type,
    ("POST", "/v1/subscriptions"): body_of_a_subscription,
    ("PATCH", "/v1/subscriptions/{id}"): body_of_a_subscription,
    ("POST", "/v1/subscriptions/{id}/test"): body_of_a_test,
    ("POST", "/v1/event-types"): body_of_an_event_type,
    ("PATCH", "/v1/event-types/{name}"): change_of_an_event_type,
    ("POST", "/v1/mails"): body_of_a_mail,
    ("POST", "/v1/users"): body_of_a_user,
    ("PATCH", "/v1/accounts/{id}"): body_of_an_account,
    ("POST", "/v1/plugins/{kind}/{file}/dry-run"): body_of_a_dry_run,
}


def is_far_away(text):
    """Whether a time lies outside the years of events: it is refused with 422."""
    try:
        return not 1971 <= datetime.fromisoformat(text.upper().replace("Z", "+00:00")).year <= 9998
    except ValueError:
        return True


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if case.query:
        # A cursor comes from the page before.
        case.query.pop("cursor", None)
        for name in ("from", "to", "created_from", "created_to"):
            if name in case.query and is_far_away(case.query[name]):
                del case.query[name]
        if case.path.endswith("/summary"):
            # They lie at most 92 days apart.
            case.query.pop("from", None)
    if case.headers and "Idempotency-Key" in case.headers:
        # The same key with another body is refused.
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.operation.path in LINES:
        case.body = json.dumps(LINES[case.operation.path]) + "\n"
    change = BODIES.get((case.method, case.operation.path))
    if change and isinstance(case.body, dict):
        change(case.body)


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="surrogatepass")

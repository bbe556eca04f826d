"""The part `pages`: how long the server takes for every list of the API and every page, and how
many bytes it sends, at ten million deliveries of one day over 200 webhooks (pages.sql).

The time is what a client on the loopback waits for the head of the answer; the bytes are the head
and the body as they come, compressed as a browser asks for.
"""

import gzip
import http.client
import json
import os
import statistics
import subprocess
import time
import urllib.parse

from parts import HERE, Broken

# What each page and list should keep.
MOST_MS = 100
MOST_BYTES = 60 << 10
# How often each is asked for after the first time, which is told apart.
RUNS = 7
# The whole part ends by then.
MOST_SECONDS = 1_200
STATES = ("queued", "retrying", "held", "sent", "failed", "filtered", "cancelled")
# By how frequent they are; nobody takes the fourth, and there is no event of the last.
TYPES = {
    "frequent": "STORE_ORDER_CREATED",
    "middling": "CATEGORY_CREATED",
    "rare": "DOMAIN_UPDATED",
    "to nobody": "MEMBER_UPDATED",
    "none": "SITE_CREATED",
}
# By rank; see pages.sql.
WEBHOOKS = {
    "hot": 1, "paused": 6, "mostly filtered": 30, "disabled": 50, "middling": 100,
    "dead target": 120, "tail": 200,
}
COOKIE = "bench-" + "0" * 37


class Pages:
    """One run: fill, then ask."""

    def __init__(self, herald, deliveries, say):
        self.herald = herald
        self.deliveries = deliveries
        self.say = say
        self.until = time.monotonic() + MOST_SECONDS

    def measure(self):
        begun = time.monotonic()
        self.fill()
        self.say(f"Pages: filled in {time.monotonic() - begun:.0f} s; asking for each {RUNS + 1} times.")
        figures = {
            "deliveries": self.herald.sql(
                "select sum(sent + failed + filtered + cancelled) from subscription_count")
            + self.herald.sql("select count(*) from delivery"),
            "events": self.herald.sql("select count(*) from event"),
            "database_bytes": self.herald.sql("pg_database_size('herald')"),
            "fill_seconds": time.monotonic() - begun,
            "lists": [],
            "left_out": 0,
        }
        for name, path, as_browser in self.requests():
            if time.monotonic() > self.until:
                figures["left_out"] += 1
                continue
            figures["lists"].append(self.ask(name, path, as_browser))
        return figures

    def psql(self, *arguments):
        try:
            done = subprocess.run(
                ["psql", "-Xqv", "ON_ERROR_STOP=1", *arguments], env=self.herald.environment,
                text=True, capture_output=True, timeout=self.until - time.monotonic())
        except subprocess.TimeoutExpired as late:
            raise Broken(f"pages: not filled within {MOST_SECONDS} s") from late
        if done.returncode:
            raise Broken(f"psql: {done.stderr.strip()}")
        return done.stdout

    def fill(self):
        self.psql("-v", f"deliveries={self.deliveries}", "-f", os.path.join(HERE, "pages.sql"))
        # As autovacuum would have done by then; it knows the parts, not the whole.
        parts = self.herald.sql(
            "select json_agg(inhrelid::regclass::text) from pg_inherits i join pg_class c"
            " on c.oid = i.inhrelid where c.relkind = 'r' and pg_relation_size(inhrelid) > 0")
        for table in [*parts, "delivery", "subscription", "subscription_count", "stat"]:
            self.psql("-c", f"vacuum (analyze) {table}")
        self.psql("-c", "checkpoint")
        # A user who is signed in.
        self.psql("-c", f"""
            with someone as (
                insert into herald_user (id, account_id, email, email_key, name, role)
                select gen_random_uuid(), id, 'bench@example.com', 'bench@example.com', 'Bench', 'admin'
                from account where name = 'main' returning id
            )
            insert into session (hash, user_id, csrf, expires_at)
            select sha256('{COOKIE}'), id, sha256('csrf'), now() + interval '1 day' from someone""")
        # An own event puts the lane's mark above what was filled in: else all of it could still
        # be in flight.
        make = ("token", "create", "--role", "admin")
        self.token = self.herald.run(*make, "--account", "main").strip()
        self.operator = self.herald.run(*make, "--operator").strip()
        body = json.dumps({"event_type": "SITE_CREATED", "data": {}})
        status, *_ = self.request("POST", "/v1/events", False, body)
        if status != 202:
            raise Broken(f"pages: publishing answered {status}")

    def request(self, method, path, as_browser, body=None):
        """Status, seconds to the head, bytes on the wire, and the body."""
        headers = {"Accept-Encoding": "gzip"}
        if as_browser:
            headers |= {"Cookie": f"herald_session={COOKIE}", "Accept": "text/html"}
        else:
            token = self.operator if path == "/v1/accounts" else self.token
            headers["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.herald.port, timeout=60)
        try:
            connection.connect()
            begun = time.perf_counter()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            seconds = time.perf_counter() - begun
            text = answer.read()
            head = sum(len(name) + len(value) + 4 for name, value in answer.getheaders()) + 19
            size = head + len(text)
            if answer.getheader("content-encoding") == "gzip":
                text = gzip.decompress(text)
            return answer.status, seconds, size, text
        except OSError as error:
            raise Broken(f"pages: {path}: {error}") from error
        finally:
            connection.close()

    def ask(self, name, path, as_browser):
        times = []
        for _ in range(RUNS + 1):
            status, seconds, size, text = self.request("GET", path, as_browser)
            times.append(seconds * 1_000)
            if seconds > 5:
                break
        warm = times[1:] or times
        figures = {
            "name": name,
            "path": path,
            "status": status,
            "first_ms": times[0],
            "median_ms": statistics.median(warm),
            "worst_ms": max(warm),
            "bytes": size,
        }
        if not as_browser and status == 200 and path.startswith("/v1/deliveries?"):
            figures |= self.entries(text)
        return figures

    @staticmethod
    def entries(text):
        """How many entries a list has, and whether it goes on."""
        try:
            page = json.loads(text)
        except ValueError:
            return {}
        return {"entries": len(page["data"]), "more": page["next_cursor"] is not None}

    def webhooks(self):
        found = self.herald.sql(
            "select json_object_agg(split_part(title, ' ', 2), id) from subscription"
            " where title like 'Webhook %'")
        return {name: type_id("sub", found[str(rank)]) for name, rank in WEBHOOKS.items()}

    def requests(self):
        """Name, path, and whether a browser asks."""
        webhooks = self.webhooks()
        end = self.herald.sql("select extract(epoch from max(received_at)) from event")

        def at(hours):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end - hours * 3_600))

        filters = [("first page", {}), ("deep, by date", {"to": at(12)}), ("an hour", {"from": at(7), "to": at(6)}),
                   ("no rows, by date", {"from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z"})]
        filters += [(f"type {name}", {"event_type": value}) for name, value in TYPES.items()]
        filters += [(f"webhook {name}", {"subscription": value}) for name, value in webhooks.items()]
        filters += [(state, {"state": state}) for state in STATES]
        filters += [(f"webhook {name}, {state}", {"subscription": value, "state": state})
                    for name, value in webhooks.items() for state in STATES]
        filters += [(f"type {name}, {state}", {"event_type": value, "state": state})
                    for name, value in TYPES.items() for state in STATES]
        filters += [(f"webhook {name}, type {kind}", {"subscription": webhooks[name], "event_type": value})
                    for name in ("hot", "paused", "tail") for kind, value in TYPES.items()]
        filters += [(f"{state}, deep", {"state": state, "to": at(12)}) for state in STATES]
        for name, values in filters:
            yield f"API deliveries: {name}", f"/v1/deliveries?{urllib.parse.urlencode(values)}", False
        for name, values in (("200 entries", {"limit": 200}), ("200 retrying", {"limit": 200, "state": "retrying"})):
            yield f"API deliveries: {name}", f"/v1/deliveries?{urllib.parse.urlencode(values)}", False
        for depth, path in self.deep("/v1/deliveries?limit=200", 3):
            yield f"API deliveries: {depth}", path, False

        event = self.herald.sql(
            "select json_build_array(id, targets[1]) from event where cardinality(targets) = 3"
            " order by id desc offset 1000 limit 1")
        failed = self.herald.sql(
            "select json_build_array(event_id, subscription_id) from attempt where outcome = 'failed'"
            " order by event_id desc limit 1")
        one = type_id("evt", event[0])
        delivery = f"{one}/{type_id('sub', event[1])}"
        error = f"{type_id('evt', failed[0])}/{type_id('sub', failed[1])}"
        for name, path in (
                ("events", "events"), ("events, deep", f"events?to={at(12)}"),
                *((f"events, type {name}", f"events?event_type={value}") for name, value in TYPES.items()),
                ("an event", f"events/{one}"), ("a delivery", f"deliveries/{delivery}"),
                ("a failed delivery", f"deliveries/{error}"),
                ("subscriptions", "subscriptions"), ("subscriptions, 200", "subscriptions?limit=200"),
                ("subscriptions, paused", "subscriptions?state=paused"),
                ("subscriptions, by update", "subscriptions?sort=updated_at&order=asc"),
                ("subscriptions, by id", "subscriptions?sort=id"),
                ("a subscription", f"subscriptions/{webhooks['hot']}"),
                ("event types", "event-types"), ("activities", "activities"), ("mails", "mails"),
                ("mails, words", "mails?q=customer77"), ("plugins", "plugins"), ("users", "users"),
                ("tokens", "tokens"), ("accounts", "accounts")):
            yield f"API {name}", f"/v1/{path}", False

        as_pages = {"subscription": "webhook", "event_type": "topic"}
        listed = [(name, {as_pages.get(key, key): value for key, value in values.items()})
                  for name, values in filters]
        listed += [("error", {"state": "error"}), ("error, deep", {"state": "error", "to": at(12)})]
        listed += [(f"webhook {name}, error", {"webhook": value, "state": "error"})
                   for name, value in webhooks.items()]
        pages = [("overview", "/"), ("overview, 24 hours", "/?range=24h"),
                 ("webhooks", "/webhooks?view=cards"), ("webhooks, as a list", "/webhooks?view=list"),
                 ("webhooks, by text", "/webhooks?q=shop+7"), ("webhooks, paused", "/webhooks?state=paused"),
                 ("webhooks, by update", "/webhooks?sort=updated_at&order=asc"),
                 ("webhooks, no rows", "/webhooks?q=nothing"), ("a new webhook", "/webhooks/new")]
        pages += [(f"webhook {name}", f"/webhooks/{value}") for name, value in webhooks.items()]
        pages += [(f"webhook paused, {what}", f"/webhooks/{webhooks['paused']}/{what}")
                  for what in ("edit", "resume", "delete", "test", "secret")]
        pages += [(f"deliveries: {name}", f"/deliveries?{urllib.parse.urlencode(values)}")
                  for name, values in listed]
        pages += [("deliveries, resend what failed", "/deliveries/resend?state=failed"),
                  ("a delivery", f"/deliveries/{delivery}"), ("a failed delivery", f"/deliveries/{error}"),
                  ("events and types", "/events"), ("a type", "/events/types/STORE_ORDER_CREATED"),
                  ("events", "/events/log"), ("events, deep", f"/events/log?to={at(12)}"),
                  *((f"events, type {name}", f"/events/log?topic={value}") for name, value in TYPES.items()),
                  ("an event", f"/events/{one}"),
                  ("activity", "/activity"), ("activity, by user", "/activity?user=user77"),
                  ("activity, counts", "/activity/summary"),
                  ("mail", "/mail"), ("mail, by text", "/mail?q=customer77"), ("mail, failed", "/mail?state=failed"),
                  ("plugins", "/plugins"), ("users", "/settings/users"), ("tokens", "/settings/tokens"),
                  ("accounts", "/settings/accounts"), ("profile", "/settings/profile")]
        for name, path in pages:
            yield f"Page {name}", path, True

    def deep(self, path, pages):
        """The pages that follow each other by cursor."""
        for number in range(2, pages + 2):
            _, _, _, text = self.request("GET", path, False)
            cursor = json.loads(text)["next_cursor"]
            if cursor is None:
                return
            path = f"/v1/deliveries?limit=200&cursor={urllib.parse.quote(cursor)}"
            yield f"page {number} of 200 each", path


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def type_id(prefix, uuid):
    """The text of an id, as the API has it."""
    bits = int(uuid.replace("-", ""), 16)
    return prefix + "_" + "".join(ALPHABET[bits >> 5 * place & 31] for place in reversed(range(26)))


def over(entry):
    """What of an entry is beyond its bound, in words."""
    found = []
    if entry["median_ms"] > MOST_MS:
        found.append(f"> {MOST_MS} ms")
    if entry["bytes"] > MOST_BYTES:
        found.append(f"> {MOST_BYTES >> 10} KiB")
    return ", ".join(found)


def rows(figures):
    """The table's lines."""
    yield (f"  {figures['deliveries']:,} deliveries of {figures['events']:,} events,"
           f" {figures['database_bytes'] / 1e9:.1f} GB, filled in {figures['fill_seconds']:.0f} s")
    yield f"  {'':<44} {'first':>8} {'median':>8} {'worst':>8} ms {'KiB':>7}  entries"
    for entry in figures["lists"]:
        entries = ""
        if "entries" in entry:
            entries = f"{entry['entries']}{', more' if entry['more'] else ''}"
        elif entry["status"] != 200:
            entries = f"answered {entry['status']}"
        yield (f"  {entry['name']:<44} {entry['first_ms']:>8.1f} {entry['median_ms']:>8.1f}"
               f" {entry['worst_ms']:>8.1f}    {entry['bytes'] / 1024:>7.1f}  {entries:<12} {over(entry)}").rstrip()
    if figures["left_out"]:
        yield f"  {figures['left_out']} were not asked for: the time was up"

"""scripts/bench: runs the parts one after the other and gathers the figures.

Called by scripts/bench, which has installed and built everything. The exit code is 1 if an event
was lost, doubled, refused or left open, or if a part broke; a missed bound of speed is told, but
it is the machine's fault as often as Herald's.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import machine
import report
from pages import Pages
from parts import HERE, Broken, Herald, Receiver, Second

PARTS = ("yardstick", "idle", "start", "one", "own", "plugins", "ten", "pages", "schemas")
CONNECTIONS = 64
EVENT = "tests/seeds/payloads/STORE_ORDER_CREATED.json"
SETTLE = 5.0
STARTS = 11
# As long as the built-in type whose schema it has.
TYPE, OWN_TYPE = "STORE_ORDER_CREATED", "OWNED_ORDER_CREATED"
# How long the search for the most expensive schemas takes.
SEARCH_SECONDS = 600


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    arguments = read_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    try:
        with tempfile.TemporaryDirectory(prefix="herald-bench.") as folder:
            # PostgreSQL runs as an account of its own if we are root: it must get through.
            os.chmod(folder, 0o755)
            figures = Bench(arguments, folder).run()
    except Broken as why:
        say(f"bench: {why}")
        return 1
    except KeyboardInterrupt:
        say("bench: interrupted; everything is stopped")
        return 130
    if arguments.json:
        print(json.dumps(rounded(figures)))
    else:
        print(report.table(figures))
    return 0 if figures["ok"] else 1


def read_arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures Herald on this machine.")
    parser.add_argument("--seconds", type=int, default=60, metavar="N",
                        help="how long each run publishes (60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    parser.add_argument("--only", action="append", choices=PARTS,
                        help="this part alone; may be given several times")
    parser.add_argument("--deliveries", type=int, metavar="N",
                        default=os.environ.get("HERALD_BENCH_DELIVERIES") or 10_000_000,
                        help="deliveries for the part pages (10000000, or"
                             " HERALD_BENCH_DELIVERIES)")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.seconds < 1:
        parser.error("--seconds must be at least 1")
    if arguments.deliveries < 10_000:
        parser.error("--deliveries must be at least 10000")
    return arguments


def interrupted(*_):
    """The first signal unwinds all parts in order; the next ones must not cut that short."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def rounded(value):
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return value


class Bench:
    """All runs, and what they have in common: the cores, the event, the receiver."""

    def __init__(self, arguments, folder):
        self.seconds = arguments.seconds
        self.parts = arguments.only or PARTS
        self.deliveries = arguments.deliveries
        self.root = arguments.root
        self.build = arguments.build
        self.folder = folder
        self.cores = machine.take_cores()
        self.body = os.path.join(folder, "event.json")

    def run(self):
        self.check_room()
        figures = {
            "machine": machine.describe(self.cores, self.folder),
            "seconds": self.seconds,
            "connections": CONNECTIONS,
            "event_bytes": self.write_event(),
        }
        with Receiver(self.folder) as self.receiver:
            if "yardstick" in self.parts:
                figures["yardstick"] = self.yardstick()
            if "idle" in self.parts:
                figures["idle"] = self.idle()
            if "start" in self.parts:
                figures["start"] = self.start()
            for name, targets in (("one", 1), ("own", 1), ("plugins", 1), ("ten", 10)):
                if name in self.parts:
                    figures[name] = self.load(name, targets)
        if "pages" in self.parts:
            figures["pages"] = self.pages()
        if "schemas" in self.parts:
            figures["schemas"] = self.schemas()
        figures["bounds"] = report.bounds(figures)
        figures["failures"] = report.failures(figures)
        figures["ok"] = not figures["failures"]
        return figures

    def check_room(self):
        """A run writes about 40 MB a second, and PostgreSQL keeps up to 2 GB of WAL."""
        need = (self.seconds * 40 << 20) + (3 << 30)
        if "pages" in self.parts:
            # A delivery takes about 850 bytes with its share of its event.
            need = max(need, self.deliveries * 1_000 + (4 << 30))
        if shutil.disk_usage(self.folder).free < need:
            raise Broken(f"{self.folder} needs {need >> 20} MiB free: set TMPDIR to another place")

    def write_event(self):
        """The example, laid out so that it has the 440 bytes of the design's figures, or the
        few more that whole spaces allow."""
        with open(os.path.join(self.root, EVENT)) as file:
            event = json.load(file)
        text = json.dumps(event, ensure_ascii=False, indent=1, separators=(",", ":")).encode()
        with open(self.body, "wb") as file:
            file.write(text)
        return len(text)

    def yardstick(self):
        say(f"Yardstick: awc to nginx alone, {self.seconds} s.")
        requests = self.receiver.requests()
        before, cores = self.receiver.cpu(), machine.cores_time(self.cores)
        command = [os.path.join(self.build, "examples", "yardstick"), self.receiver.url("yardstick"),
                   str(self.seconds), str(CONNECTIONS), self.body]
        status, output, _ = self.finish(command, dict(os.environ))
        if status:
            raise Broken(f"the yardstick failed:\n{output}")
        figures = json.loads(output)
        spent = self.receiver.cpu() - before
        # The receiver's own count: the yardstick must not be believed on its word.
        figures["received"] = self.receiver.requests() - requests
        figures["requests_per_second"] = figures["requests"] / figures["seconds"]
        figures["receiver_cpu_us"] = spent * 1e6 / max(1, figures["requests"])
        figures["cores"] = self.core_shares(cores)
        return figures

    def idle(self):
        say(f"Idle: nothing stored, {SETTLE:.0f} s.")
        with self.herald() as herald:
            # A length of quiet, not a wait for something: what is asked is what stays.
            time.sleep(SETTLE)
            resident, peak = machine.memory(herald.process.pid)
            return {"rss_bytes": resident, "peak_rss_bytes": peak}

    def start(self):
        say(f"Start: {STARTS} starts on a database that is migrated.")
        with self.herald() as herald:
            second = Second(herald, self.folder)
            return {"ready_ms": sorted(second.ready_ms() for _ in range(STARTS))}

    def load(self, name, targets):
        scripts = ", a filter and a transform at each" if name == "plugins" else ""
        own = ", an own event type" if name == "own" else ""
        say(f"Load: {targets} target{'s' if targets > 1 else ''}{scripts}{own}, {self.seconds} s.")
        with self.herald(os.path.join(HERE, "plugins") if scripts else None) as herald:
            urls = [self.receiver.url(f"{name}/{number}") for number in range(targets)]
            if not own:
                herald.subscribe(urls, TYPE)
                return Run(self, herald, targets).measure()
            herald.subscribe(urls, OWN_TYPE)
            herald.copy_type(TYPE, OWN_TYPE)
            with open(self.body, "rb") as file:
                given = file.read()
            try:
                with open(self.body, "wb") as file:
                    file.write(given.replace(TYPE.encode(), OWN_TYPE.encode()))
                return Run(self, herald, targets).measure()
            finally:
                with open(self.body, "wb") as file:
                    file.write(given)

    def schemas(self):
        """A test, which fails if what it finds is over the bounds."""
        say(f"Schemas: a search for those that cost the most, {SEARCH_SECONDS} s.")
        command = ["cargo", "test", "--release", "--locked", "--quiet", "--manifest-path",
                   os.path.join(self.root, "Cargo.toml"), "--test", "schemas", "--",
                   "--nocapture", "the_worst_that_a_search_finds"]
        search = {"HERALD_TEST_SEARCH_SECONDS": str(SEARCH_SECONDS),
                  "HERALD_TEST_SEARCH_SEED": str(time.time_ns() % 1_000_000)}
        status, output, _ = self.finish(command, dict(os.environ) | search)
        return {"ok": not status, "report": output.strip().splitlines()}

    def pages(self):
        say(f"Pages: filling in {self.deliveries:,} deliveries, some minutes.")
        with self.herald() as herald:
            return Pages(herald, self.deliveries, say).measure()

    def herald(self, plugins=None):
        return Herald(os.path.join(self.build, "herald"), self.folder, plugins)

    def finish(self, command, environment):
        """Runs a command to its end: exit code, output, CPU seconds of it alone."""
        with tempfile.TemporaryFile("w+", dir=self.folder) as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
                start_new_session=True)
            try:
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            except BaseException:
                process.kill()
                process.wait()
                raise
            output.seek(0)
            return process.returncode, output.read(), usage.ru_utime + usage.ru_stime

    def core_shares(self, before):
        """What the cores did since then, each as a share of all their time."""
        after = machine.cores_time(self.cores)
        spent = {name: after[name] - before[name] for name in after}
        whole = max(1e-9, sum(spent.values()))
        return {name: value / whole for name, value in spent.items()}


class Run:
    """One run under load: from a database without events to the last attempt committed."""

    def __init__(self, bench, herald, targets):
        self.bench = bench
        self.herald = herald
        self.sql = herald.sql
        self.receiver = bench.receiver
        self.targets = targets

    def measure(self):
        before = self.snapshot()
        wal, size = self.sql("pg_current_wal_lsn()"), self.sql("pg_database_size('herald')")
        requests = self.receiver.requests()

        publisher, load = self.publish()
        loaded = self.snapshot()
        after, drained = self.drain()
        # At once: reading the tables may write WAL of its own.
        wal = self.sql(f"pg_wal_lsn_diff(pg_current_wal_lsn(), '{wal}')")

        resident, peak = machine.memory(self.herald.process.pid)
        figures = {
            "targets": self.targets,
            "settings": self.settings(),
            "publisher": publisher,
            "drained": drained,
            "peak_rss_bytes": peak,
            "rss_bytes": resident,
            **self.counts(),
        }
        events, deliveries = max(1, figures["events"]), max(1, figures["attempts"])
        figures["events_per_second"] = figures["events"] / figures["whole_seconds"]
        figures["deliveries_per_second"] = figures["attempts"] / figures["whole_seconds"]
        figures["not_recorded"] = self.receiver.requests() - requests - figures["attempts"]

        spent = {name: after[name] - before[name] for name in after}
        spent["wrk"] = load["wrk"]
        figures["cpu_us_per_event"] = {name: value * 1e6 / events for name, value in spent.items()}
        figures["cpu_us_per_delivery"] = (
            (spent["herald"] + spent["postgresql"]) * 1e6 / deliveries)
        figures["wal_bytes_per_event"] = wal / events
        figures["database_bytes_per_event"] = (
            self.sql("pg_database_size('herald')") - size) / events
        for table in ("event", "attempt"):
            figures[f"{table}_table_bytes_per_event"] = self.sql(
                "select coalesce(sum(pg_total_relation_size(inhrelid)), 0) from pg_inherits "
                f"where inhparent = '{table}'::regclass") / events

        shares = {name: loaded[name] - before[name] for name in loaded} | {"wrk": load["wrk"]}
        whole = load["seconds"] * len(self.bench.cores)
        figures["load_shares"] = {name: value / whole for name, value in shares.items()}
        figures["load_shares"]["other"] = max(
            0.0, load["cores"]["busy"] - sum(figures["load_shares"].values()))
        figures["cores"] = load["cores"]
        figures["threads"] = load["threads"]
        figures["bound_by"] = report.bound_by(figures, len(self.bench.cores))

        figures["audit"] = json.loads(self.herald.run("audit", "--json", may_fail=True))
        figures["delivery_rows"] = self.delivery_rows()
        return figures

    def snapshot(self):
        """CPU seconds so far of what runs on as long as the run does."""
        return {
            "herald": self.herald.cpu(),
            "postgresql": self.herald.postgresql_cpu(),
            "nginx": self.receiver.cpu(),
        }

    def publish(self):
        """wrk, for the time that was asked for: its own figures, and what the cores did."""
        environment = self.herald.environment | {"BENCH_BODY": self.bench.body}
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{self.bench.seconds}s", "--latency",
                   "--timeout", "30s", "-s", os.path.join(HERE, "publish.lua"),
                   f"http://127.0.0.1:{self.herald.port}/v1/events"]
        cores, begin = machine.cores_time(self.bench.cores), time.monotonic()
        threads = machine.threads(self.herald.process.pid)
        status, output, wrk = self.bench.finish(command, environment)
        seconds = time.monotonic() - begin
        last = output.strip().splitlines()[-1:] or [""]
        if status or not last[0].startswith("{"):
            raise Broken(f"wrk failed:\n{output}")
        load = {
            "seconds": seconds,
            "wrk": wrk,
            "cores": self.bench.core_shares(cores),
            "threads": self.busiest(threads, seconds),
        }
        return json.loads(last[0]), load

    def busiest(self, before, seconds):
        """The four threads of Herald that worked most, as shares of one core."""
        found = [
            {"name": name, "share_of_a_core": (spent - before.get(thread, (name, 0.0))[1]) / seconds}
            for thread, (name, spent) in machine.threads(self.herald.process.pid).items()]
        return sorted(found, key=lambda thread: -thread["share_of_a_core"])[:4]

    def drain(self):
        """Waits until every target has its end, at most twice the run and a minute. The receiver
        is watched first: it costs PostgreSQL nothing. The CPU time is read before the database
        is asked, so that the asking is not counted."""
        until = time.monotonic() + 60 + 2 * self.bench.seconds
        while True:
            seen = -1
            while (now := self.receiver.requests()) != seen and time.monotonic() < until:
                seen = now
                time.sleep(0.5)
            spent = self.snapshot()
            left = self.sql(
                "(select coalesce(sum(cardinality(targets)), 0) from event)"
                " - (select coalesce(sum(sent + failed + filtered + cancelled), 0)"
                " from subscription_count)")
            if left == 0 or time.monotonic() > until:
                return spent, left == 0

    def counts(self):
        """What the database says: it alone knows what was committed, and when."""
        events = self.sql(
            "select json_build_object('events', count(*), 'first', extract(epoch from min(received_at)),"
            " 'last', extract(epoch from max(received_at)),"
            " 'warned', count(*) filter (where warnings is not null)) from event")
        attempts = self.sql(
            "select json_build_object('attempts', count(*), 'last', extract(epoch from max(at)),"
            " 'not_sent', count(*) filter (where outcome <> 'sent'),"
            " 'repeated', count(*) filter (where n > 1)) from attempt")
        if not events["events"] or not attempts["attempts"]:
            raise Broken("nothing was accepted, or nothing was delivered")
        return {
            "events": events["events"],
            "warned": events["warned"],
            "attempts": attempts["attempts"],
            "not_sent": attempts["not_sent"],
            "repeated": attempts["repeated"],
            # From the first publish to the last attempt committed.
            "whole_seconds": attempts["last"] - events["first"],
            # How long deliveries went on after the last event came.
            "tail_seconds": attempts["last"] - events["last"],
        }

    def settings(self):
        names = ("server_version", "synchronous_commit", "fsync", "full_page_writes",
                 "wal_compression", "shared_buffers")
        return {name: self.sql(f"current_setting('{name}')") for name in names}

    def delivery_rows(self):
        """Rows that went through the spill table. A connection tells its counts within 10 s of
        its last statement, so that an earlier answer may be too low."""
        time.sleep(11)
        return self.sql("select n_tup_ins from pg_stat_user_tables where relname = 'delivery'")


if __name__ == "__main__":
    sys.exit(main())

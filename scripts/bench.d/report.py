"""What the figures mean: the bounds that Herald set itself, what fails a run, and the table."""

import pages

MIB = 1 << 20


def bounds(figures):
    """Each bound with what was measured: {name, bound, measured, ok}. A speed may be met on its
    own or against the yardstick, because machines differ."""
    found = []

    def add(name, bound, measured, ok):
        found.append({"name": name, "bound": bound, "measured": measured, "ok": bool(ok)})

    yardstick, idle = figures.get("yardstick"), figures.get("idle")
    for name, rate, unit, least, share in (
            ("one", "events_per_second", "events/s", 15_000, 0.30),
            ("ten", "deliveries_per_second", "deliveries/s", 25_000, 0.50)):
        run = figures.get(name)
        if not run:
            continue
        measured, bound, ok = f"{run[rate]:,.0f}", f"at least {least:,}", run[rate] >= least
        if yardstick:
            run["share_of_yardstick"] = run[rate] / yardstick["requests_per_second"]
            measured += f", {run['share_of_yardstick']:.2f}"
            bound += f" or {share:.2f} of the yardstick"
            ok = ok or run["share_of_yardstick"] >= share
        add(f"{name}: {unit}", bound, measured, ok)

    one = figures.get("one")
    if one:
        spent = one["cpu_us_per_event"]["herald"] + one["cpu_us_per_event"]["postgresql"]
        measured, bound, ok = f"{spent:.1f} µs", "at most 80 µs", spent <= 80
        if yardstick:
            request = yardstick["cpu_us"] + yardstick["receiver_cpu_us"]
            one["cpu_in_yardsticks"] = spent / request
            one["cpu_in_yardstick_clients"] = spent / yardstick["cpu_us"]
            measured += f", {one['cpu_in_yardsticks']:.2f}"
            bound += f" or 2.2 of the yardstick's {request:.1f} µs"
            ok = ok or one["cpu_in_yardsticks"] <= 2.2
        add("one: CPU of Herald and PostgreSQL an event", bound, measured, ok)
        for place, most in (("p50", 6), ("p99", 25)):
            taken = one["publisher"][f"{place}_ms"]
            add(f"one: accept {place}", f"at most {most} ms", f"{taken:.2f} ms", taken <= most)
    plugins = figures.get("plugins")
    if one and plugins:
        share = plugins["events_per_second"] / one["events_per_second"]
        plugins["share_of_one"] = share
        add("plugins: share of the rate without", "at least 0.80", f"{share:.2f}", share >= 0.80)
    if idle:
        add("idle: resident memory, nothing stored", "at most 40 MiB",
            mib(idle["rss_bytes"]), idle["rss_bytes"] <= 40 * MIB)
    if start := figures.get("start"):
        taken = start["ready_ms"][len(start["ready_ms"]) // 2]
        add("start: ready on a migrated database, median", "at most 300 ms", f"{taken} ms",
            taken <= 300)
    if measured := figures.get("pages"):
        slowest = max(measured["lists"], key=lambda entry: entry["median_ms"])
        add("pages: the slowest, median", f"at most {pages.MOST_MS} ms",
            f"{slowest['median_ms']:.0f} ms, {slowest['name']}", slowest["median_ms"] <= pages.MOST_MS)
        largest = max(measured["lists"], key=lambda entry: entry["bytes"])
        add("pages: the largest", f"at most {pages.MOST_BYTES >> 10} KiB",
            f"{largest['bytes'] / 1024:.0f} KiB, {largest['name']}", largest["bytes"] <= pages.MOST_BYTES)
    for name in ("one", "plugins", "ten"):
        if run := figures.get(name):
            add(f"{name}: peak resident memory", "at most 100 MiB",
                mib(run["peak_rss_bytes"]), run["peak_rss_bytes"] <= 100 * MIB)
            audit = run["audit"]
            add(f"{name}: lost, double", "0, 0", f"{audit['lost']}, {audit['double']}",
                audit["difference"] == 0)
            add(f"{name}: answers that were not 2xx", "0", str(run["publisher"]["not_2xx"]),
                run["publisher"]["not_2xx"] == 0)
    return found


def failures(figures):
    """What makes a run worthless, whatever its speed; one sentence each."""
    found = []
    if yardstick := figures.get("yardstick"):
        if yardstick["failures"]:
            found.append(f"yardstick: {yardstick['failures']} requests failed")
        if yardstick["received"] != yardstick["requests"]:
            found.append(f"yardstick: nginx counted {yardstick['received']:,} requests, the client"
                         f" {yardstick['requests']:,}")
    if measured := figures.get("pages"):
        found += [f"pages: {entry['name']} answered {entry['status']}"
                  for entry in measured["lists"] if entry["status"] != 200]
    if (searched := figures.get("schemas")) and not searched["ok"]:
        found.append("schemas: the search found one over the bounds")
    for name in ("one", "own", "plugins", "ten"):
        run = figures.get(name)
        if not run:
            continue
        audit, publisher = run["audit"], run["publisher"]
        facts = {
            "the audit counts lost targets": audit["lost"],
            "the audit counts double targets": audit["double"],
            "targets were still open after the drain": audit["open"],
            "targets were still in flight after the drain": audit["in_flight"],
            "answers were not 2xx": publisher["not_2xx"],
            "requests of the publisher broke or timed out": publisher["broken"],
            "events were answered but are not stored": max(
                0, publisher["answers"] - publisher["not_2xx"] - run["events"]),
            "requests reached the receiver but no attempt says so": abs(run["not_recorded"]),
            "targets are missing or too many": abs(
                audit["targets"] - run["events"] * run["targets"]),
        }
        found += [f"{name}: {count} {what}" for what, count in facts.items() if count]
        if not run["drained"]:
            found.append(f"{name}: the deliveries did not end in the time given")
        for setting in ("synchronous_commit", "fsync", "full_page_writes"):
            if run["settings"][setting] != "on":
                found.append(f"{name}: {setting} is {run['settings'][setting]}")
    return found


def bound_by(run, cores):
    """In words, what kept the rate from being higher while events came."""
    shares = run["load_shares"]
    largest = sorted(shares.items(), key=lambda share: -share[1])
    parts = ", ".join(f"{name} {value:.0%}" for name, value in largest if value >= 0.005)
    free = run["cores"]["idle"] + run["cores"]["iowait"]
    thread = run["threads"][0]
    if shares["other"] > 0.10:
        why = "other work on this machine: measure again when it is alone"
    elif free < 0.10:
        why = f"the CPU: {cores} cores are {1 - free:.0%} busy"
    elif thread["share_of_a_core"] > 0.9:
        why = f"one thread of Herald ({thread['name']}, {thread['share_of_a_core']:.0%} of a core)"
    elif shares["nginx"] * cores > 0.9:
        why = "the receiver, which has one core at most"
    elif shares["wrk"] * cores > 0.9:
        why = "the publisher, which has one core at most"
    else:
        why = f"waiting, for commits above all: the cores are {free:.0%} free"
    return f"{why} ({parts})"


def mib(size):
    return f"{size / MIB:.1f} MiB"


def table(figures):
    """Everything, for people."""
    host = figures["machine"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, Linux {host['kernel']}, load before the runs"
        f" {host['load_before']:.2f}, fdatasync of 8 KiB {host['fdatasync_us']:.0f} µs",
        f"{figures['seconds']} s a run, {figures['connections']} connections, an event of"
        f" {figures['event_bytes']} bytes",
    ]
    if yardstick := figures.get("yardstick"):
        lines += ["", "Yardstick: awc to nginx alone"] + rows([
            ("requests/s", f"{yardstick['requests_per_second']:,.0f}"),
            ("CPU a request", f"client {yardstick['cpu_us']:.1f} µs,"
                              f" nginx {yardstick['receiver_cpu_us']:.1f} µs"),
            ("cores", cores(yardstick["cores"])),
        ])
    if idle := figures.get("idle"):
        lines += ["", "Idle, nothing stored"] + rows([
            ("resident memory of Herald",
             f"{mib(idle['rss_bytes'])}, at most {mib(idle['peak_rss_bytes'])}")])
    if start := figures.get("start"):
        taken = start["ready_ms"]
        lines += ["", "Start on a migrated database"] + rows([
            ("ready", f"{taken[0]}, {taken[len(taken) // 2]}, {taken[-1]} ms"
                      " (least, median, most)")])
    for name, title in (
            ("one", "One target"),
            ("own", "One target, an own event type with the same schema"),
            ("plugins", "One target, a filter and a transform at each delivery"),
            ("ten", "Ten targets")):
        if run := figures.get(name):
            lines += ["", title] + rows(run_rows(run))
    if measured := figures.get("pages"):
        lines += ["", "Pages and lists"] + list(pages.rows(measured))
    if searched := figures.get("schemas"):
        lines += ["", "Schemas and payloads that cost the most"] + searched["report"]
    lines += ["", "Bounds"] + bound_rows(figures["bounds"])
    lines += [""] + (figures["failures"] or ["Nothing was lost, doubled or refused."])
    return "\n".join(lines)


def run_rows(run):
    cpu, audit, publisher = run["cpu_us_per_event"], run["audit"], run["publisher"]
    both = cpu["herald"] + cpu["postgresql"]
    ratio = ""
    if "share_of_yardstick" in run:
        ratio = f" ({run['share_of_yardstick']:.2f} of the yardstick)"
    yield "events/s", f"{run['events_per_second']:,.0f}{ratio if run['targets'] == 1 else ''}"
    yield "deliveries/s", f"{run['deliveries_per_second']:,.0f}{ratio if run['targets'] > 1 else ''}"
    yield "events, attempts", (
        f"{run['events']:,}, {run['attempts']:,} in {run['whole_seconds']:.2f} s, the last"
        f" {run['tail_seconds']:.2f} s after the last event")
    yield "accept", (
        f"p50 {publisher['p50_ms']:.2f} ms, p90 {publisher['p90_ms']:.2f} ms,"
        f" p99 {publisher['p99_ms']:.2f} ms, max {publisher['max_ms']:.1f} ms")
    yield "answers", (
        f"{publisher['answers']:,}, not 2xx {publisher['not_2xx']}, broken {publisher['broken']}")
    yield "CPU an event", (
        f"Herald {cpu['herald']:.1f} + PostgreSQL {cpu['postgresql']:.1f} = {both:.1f} µs;"
        f" wrk {cpu['wrk']:.1f} µs, nginx {cpu['nginx']:.1f} µs")
    if run["targets"] > 1:
        yield "CPU a delivery", f"{run['cpu_us_per_delivery']:.1f} µs, Herald and PostgreSQL"
    if "cpu_in_yardsticks" in run:
        yield "in yardsticks", (
            f"{run['cpu_in_yardsticks']:.2f} of its client and nginx,"
            f" {run['cpu_in_yardstick_clients']:.2f} of its client alone")
    yield "resident memory of Herald", (
        f"at most {mib(run['peak_rss_bytes'])}, after the drain {mib(run['rss_bytes'])}")
    yield "WAL an event", f"{run['wal_bytes_per_event']:,.0f} bytes"
    yield "database an event", (
        f"{run['database_bytes_per_event']:,.0f} bytes (event"
        f" {run['event_table_bytes_per_event']:,.0f}, attempt"
        f" {run['attempt_table_bytes_per_event']:,.0f}, indexes included)")
    yield "rows through delivery", f"{run['delivery_rows']:,}"
    yield "attempts not sent, repeated", f"{run['not_sent']:,}, {run['repeated']:,}"
    yield "audit", ", ".join(
        f"{name.replace('_', ' ')} {audit[name]:,}"
        for name in ("targets", "sent", "failed", "open", "in_flight", "lost", "double"))
    yield "bound by", run["bound_by"]
    yield "cores under load", cores(run["cores"])
    yield "busiest threads of Herald", ", ".join(
        f"{thread['name']} {thread['share_of_a_core']:.0%}" for thread in run["threads"])
    yield "PostgreSQL", ", ".join(f"{name} {value}" for name, value in run["settings"].items())


def cores(shares):
    return ", ".join(f"{name} {value:.0%}" for name, value in shares.items())


def rows(pairs):
    return [f"  {name:<28} {value}" for name, value in pairs]


def bound_rows(found):
    columns = [("", "bound", "measured", "")] + [
        (bound["name"], bound["bound"], bound["measured"], "ok" if bound["ok"] else "NO")
        for bound in found]
    widths = [max(len(row[place]) for row in columns) for place in range(3)]
    return [
        "  " + "  ".join([*(row[place].ljust(widths[place]) for place in range(3)), row[3]]).rstrip()
        for row in columns]

"""The processes of the bench: the receiver, Herald with its PostgreSQL, and how they are ended.

Each is a context manager: what it started is stopped by its process id, and its folder is gone.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import machine

HERE = os.path.dirname(os.path.abspath(__file__))


class Broken(Exception):
    """The bench cannot go on, in words for people."""


def free_port():
    """A port on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, log, environment=None):
    """Starts a process in a session of its own: Ctrl-C must not reach it, since the parts are
    stopped in order."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env=environment, start_new_session=True)


def stop(process, seconds):
    """Asks a process to end, and kills it if it does not within the time."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def get(port, path):
    """GET on the loopback: status and text, or None while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return None
    finally:
        connection.close()


def wait_until(ready, process, seconds, name, log):
    """Waits for a started process to serve; its log is told if it ends or takes too long."""
    until = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            with open(log, errors="replace") as file:
                end = "".join(file.readlines()[-20:])
            raise Broken(f"{name} did not start:\n{end}")
        time.sleep(0.05)


class Receiver:
    """nginx with one worker, which answers 204 to everything."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "nginx")
        self.log = os.path.join(self.folder, "output.log")
        self.port = free_port()
        self.asked = 0

    def __enter__(self):
        os.mkdir(self.folder)
        with open(os.path.join(HERE, "nginx.conf")) as file:
            text = file.read()
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as file:
            file.write(text.replace("@FOLDER@", self.folder).replace("@PORT@", str(self.port)))
        self.process = start(["nginx", "-p", self.folder, "-c", path], self.log)
        try:
            wait_until(lambda: get(self.port, "/"), self.process, 10, "nginx", self.log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        stop(self.process, 5)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def requests(self):
        """How many requests came so far, without those that asked for this number."""
        self.asked += 1
        answer = get(self.port, "/status")
        if answer is None or answer[0] != 200:
            raise Broken("nginx does not tell its status")
        numbers = answer[1].splitlines()[2].split()
        return int(numbers[2]) - self.asked

    def cpu(self):
        return machine.family_cpu(self.process.pid)


class Herald:
    """A daemon with default settings, a new data folder and a private PostgreSQL in it."""

    def __init__(self, program, folder, plugins):
        self.program = program
        self.data = os.path.join(folder, "data")
        self.log = os.path.join(folder, "herald.log")
        self.port = free_port()
        # Nothing from outside may change the configuration that is measured.
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("HERALD_", "PG"))}
        self.environment |= {
            "HERALD_DATA_DIR": self.data,
            "HERALD_LISTEN": f"127.0.0.1:{self.port}",
            "HERALD_URL": f"http://127.0.0.1:{self.port}",
            "HERALD_ALLOW_NETWORKS": "127.0.0.0/8",
            "HERALD_PLUGINS_DIR": plugins or os.path.join(folder, "no-plugins"),
        }

    def __enter__(self):
        self.process = start([self.program, "serve"], self.log, self.environment)
        try:
            wait_until(self._ready, self.process, 120, "Herald", self.log)
            with open(os.path.join(self.data, "postgresql", "socket-folder")) as file:
                self.environment["PGHOST"] = file.read().strip()
            self.environment |= {"PGUSER": "herald", "PGDATABASE": "herald"}
            self.postmaster = self._postmaster()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Herald gives 20 s to what is in flight, and its PostgreSQL a checkpoint.
        stop(self.process, 60)
        self._stop_postgresql()
        shutil.rmtree(self.data, ignore_errors=True)

    def _ready(self):
        answer = get(self.port, "/readyz")
        return answer is not None and answer[0] == 200

    def _postmaster(self):
        with open(os.path.join(self.data, "postgresql", "data", "postmaster.pid")) as file:
            return int(file.readline())

    def _stop_postgresql(self):
        """Herald stops its PostgreSQL; only one that was killed leaves it behind."""
        try:
            pid = self._postmaster()
            os.kill(pid, signal.SIGINT)
        except (OSError, ValueError):
            return
        until = time.monotonic() + 30
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < until:
            time.sleep(0.1)

    def run(self, *arguments, may_fail=False):
        """Runs a command of the program against this daemon and gives what it printed."""
        done = subprocess.run(
            [self.program, *arguments], env=self.environment, text=True, capture_output=True)
        if done.returncode and not may_fail:
            raise Broken(f"herald {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done.stdout

    def subscribe(self, urls, event_type):
        """Makes a token and one subscription for each target, all else by default."""
        token = self.run("token", "create", "--account", "main", "--role", "admin").strip()
        self.environment["HERALD_TOKEN"] = token
        for url in urls:
            self.run("subscription", "add", "--title", url, "--url", url,
                     "--trigger", event_type)

    def copy_type(self, name, copy):
        """Makes an own event type with the schema of a built-in one."""
        headers = {"Authorization": f"Bearer {self.environment['HERALD_TOKEN']}",
                   "Content-Type": "application/json"}
        base = f"{self.environment['HERALD_URL']}/v1/event-types"
        asked = urllib.request.Request(f"{base}/{name}", headers=headers)
        with urllib.request.urlopen(asked, timeout=10) as answer:
            schema = json.load(answer)["schema"]
        text = json.dumps({"name": copy, "schema": schema}).replace(name, copy)
        made = urllib.request.Request(base, text.encode(), headers)
        with urllib.request.urlopen(made, timeout=10):
            pass

    def sql(self, query):
        """The one value of an expression or a query, read as JSON."""
        done = subprocess.run(
            ["psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-c", f"select to_json(({query}))"],
            env=self.environment, text=True, capture_output=True)
        if done.returncode:
            raise Broken(f"psql: {done.stderr.strip()}")
        return json.loads(done.stdout or "null")

    def cpu(self):
        return machine.own_cpu(self.process.pid)[0]

    def postgresql_cpu(self):
        return machine.family_cpu(self.postmaster)


class Second:
    """A daemon that is started and stopped on the database of another one, which runs."""

    def __init__(self, herald, folder):
        self.program = herald.program
        self.log = os.path.join(folder, "second.log")
        self.environment = herald.environment | {
            "HERALD_DATABASE_URL": f"host={herald.environment['PGHOST']} user=herald dbname=herald",
            "HERALD_DATA_DIR": os.path.join(folder, "second"),
            "HERALD_KEY_FILE": os.path.join(herald.data, "key"),
            "HERALD_LISTEN": "127.0.0.1:0",
        }

    def ready_ms(self):
        """One start, from the process's own first moment until it takes events; then its stop."""
        with open(self.log, "wb"):
            pass
        process = start([self.program, "serve"], self.log, self.environment)
        try:
            wait_until(lambda: self._told() is not None, process, 60, "Herald", self.log)
        finally:
            stop(process, 60)
        return self._told()

    def _told(self):
        with open(self.log) as file:
            _, _, after = file.read().partition("ready_ms=")
        number, end, _ = after.partition("\n")
        return int(number) if end else None

"""What the kernel says about the machine and its processes: CPU time, memory, the disk's speed.

Reads /proc; knows nothing of Herald. All times are seconds, all sizes bytes.
"""

import os
import platform
import statistics
import time

TICK = 1 / os.sysconf("SC_CLK_TCK")
CORES = 2


def take_cores():
    """Keeps this process and all that it starts on the first two cores: the yardstick's terms."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    return cores


def describe(cores, folder):
    """What the figures were measured on."""
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(cores),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "fdatasync_us": sync_time(folder),
    }


def sync_time(folder):
    """Median microseconds to append 8 KiB and have them on disk: the floor of a commit."""
    path = os.path.join(folder, "sync")
    block = os.urandom(8192)
    times = []
    with open(path, "wb", buffering=0) as file:
        file.write(block * 64)
        os.fsync(file.fileno())
        file.seek(0)
        for _ in range(64):
            begin = time.perf_counter()
            file.write(block)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    os.unlink(path)
    return statistics.median(times) * 1e6


def _fields(path):
    """The fields of a stat file after the name in brackets: the name may hold spaces."""
    with open(path) as file:
        return file.read().rsplit(")", 1)[1].split()


def own_cpu(pid):
    """CPU time of a process and of the children that it has waited for."""
    fields = _fields(f"/proc/{pid}/stat")
    own, waited = fields[11:13], fields[13:15]
    return sum(map(int, own)) * TICK, sum(map(int, waited)) * TICK


def children(pid):
    """The processes that a process has started and that still run."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if int(_fields(f"/proc/{entry}/stat")[1]) == pid:
                    found.append(int(entry))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def family_cpu(pid):
    """CPU time of a process and all its children, those that have ended among them."""
    total = sum(own_cpu(pid))
    for child in children(pid):
        try:
            total += own_cpu(child)[0]
        except (FileNotFoundError, ProcessLookupError):
            # Ended between the two looks: the next snapshot has it in its parent's account.
            continue
    return total


def threads(pid):
    """CPU time of each thread of a process: {thread id: (name, seconds)}."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            folder = f"/proc/{pid}/task/{thread}"
            fields = _fields(f"{folder}/stat")
            with open(f"{folder}/comm") as file:
                found[thread] = (file.read().strip(), sum(map(int, fields[11:13])) * TICK)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def memory(pid):
    """Resident bytes of a process: now, and at most so far."""
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return tuple(int(lines[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def cores_time(cores):
    """What these cores did since the start of the machine: busy, idle, iowait."""
    names = {f"cpu{core}" for core in cores}
    busy = idle = waiting = 0
    with open("/proc/stat") as file:
        for line in file:
            name, *fields = line.split()
            if name in names:
                # user nice system idle iowait irq softirq steal; guests are counted in user.
                values = list(map(int, fields[:8]))
                idle += values[3]
                waiting += values[4]
                busy += sum(values) - values[3] - values[4]
    return {"busy": busy * TICK, "idle": idle * TICK, "iowait": waiting * TICK}

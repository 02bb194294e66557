"""Processes that are measured, and what the kernel says of them: servers under load, programs that measure themselves."""

import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from contestants import BUILD

DATA = BUILD / "data"  # what the workloads write; removed at the end of a run
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
TIMEOUT = 120
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    pass


def prepared(cpu=None, nice=0):
    """What a child does before it becomes the program: it keeps to a CPU, and ends when this process does, however it ends."""

    def prepare():
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(nice)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    return prepare


def spoken(command):
    """A command as it is named in messages."""
    return " ".join(map(str, command)).replace(f"{BUILD}/", "")


def figures(line):
    """ "operations 100 seconds 0.2" -> {"operations": 100.0, ...} """
    words = line.split()
    return {words[i]: float(words[i + 1]) for i in range(0, len(words) - 1, 2)}


def tasks(pid):
    return pathlib.Path(f"/proc/{pid}/task").iterdir()


def cpu_seconds(pid):
    """Of all threads, from the scheduler: nanoseconds, not ticks."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks(pid)) / 1e9


def switches(pid):
    """How often its threads have gone to sleep, or were taken off the CPU: as often they have been woken."""
    counts = [re.findall(r"ctxt_switches:\s+(\d+)", (task / "status").read_text()) for task in tasks(pid)]
    return sum(int(count) for found in counts for count in found)


def resident_bytes(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def asleep(pid):
    """Whether all threads wait for something; one that only waits for the CPU does not."""
    return all((task / "stat").read_text().rpartition(")")[2].split()[0] in "SI" for task in tasks(pid))


def settled(pid):
    """Waits until the process has done what it had to do. Gives: its CPU time."""
    before = -1
    for _ in range(500):
        now = cpu_seconds(pid)
        if now == before and asleep(pid):
            return now
        before = now
        time.sleep(0.02)
    return before


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A measured server, from when it listens to the end of the block. `command` may be under a tool."""

    def __init__(self, command, environment, port, cpu=SERVER_CPU, nice=0, end=signal.SIGTERM):
        self.port = port
        self.end = end
        self.process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **environment},
            preexec_fn=prepared(cpu, nice),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self.process.pid

    def __enter__(self):
        for _ in range(2000):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                settled(self.pid)
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        self.__exit__()
        raise Failure(f"the server does not listen: {spoken(self.process.args)}")

    def __exit__(self, *_):
        died = self.process.poll()
        self.process.send_signal(self.end)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if died is not None:
            raise Failure(f"the server has ended: {spoken(self.process.args)}: {died}")


class Load:
    """A load generator: connected, then started, then its line of figures."""

    def __init__(self, name, *arguments, cpu=LOAD_CPU):
        command = [str(BUILD / "bench" / name), *map(str, arguments)]
        self.process = subprocess.Popen(
            command, preexec_fn=prepared(cpu), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.expect("connected")

    def expect(self, what):
        line = self.process.stdout.readline()
        if not line.startswith(what):
            self.process.kill()
            raise Failure(f"{spoken(self.process.args)}: {self.process.communicate()[1].strip()}")
        return line

    def start(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return figures(self.expect("operations"))

    def end(self):
        self.process.communicate(timeout=TIMEOUT)


def per_operation(seen):
    result = {"per_second": seen["operations"] / seen["seconds"]}
    if "cpu" in seen:
        result["cpu_us"] = seen["cpu"] / seen["operations"] * 1e6
    return {**result, **{f"{name}_us": seen[name] for name in ("p50", "p99", "p999") if name in seen}}


def under_load(server, name, *arguments):
    """The server's CPU time for each operation, its memory, and what the load generator saw."""
    load = Load(name, *arguments)
    before = settled(server.pid)
    seen = load.start()
    cpu = cpu_seconds(server.pid) - before
    resident = resident_bytes(server.pid)
    load.end()
    return {**per_operation({**seen, "cpu": cpu}), "resident_kib": resident / 1024}


def run_program(arguments, environment, cpu=None):
    """A program that measures itself. Gives: its line of figures."""
    done = subprocess.run(
        [str(word) for word in arguments],
        env={**os.environ, **environment},
        preexec_fn=prepared(cpu),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    if done.returncode:
        raise Failure(f"{spoken(arguments)}: exit code {done.returncode} {done.stderr.strip()}")
    return figures(done.stdout)

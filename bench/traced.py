"""What recording costs (hark/trace.h): the same program without it, with it, and, as root, while `hark trace` joins it to the kernel's
tracepoints.

The ratio is taken on one backend, round by round, so it stands whatever else the machine does. CPU time is the measured program's
own: what `hark trace` itself uses is not in it. Instructions are those in user space, counted by callgrind, which makes a system call
of each reading of the clock: what that takes is in the CPU time alone."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import types

from contestants import BUILD, environment, program
from counts import Callgrind, count
from measure import DATA, TIMEOUT, Failure, Server, figures, free_port, per_operation, spoken, under_load
from results import turned

HARK = BUILD / "cmd" / "hark" / "hark"
BACKENDS = {"uring": "hark", "epoll": "hark, epoll"}
OFF, ON, JOINED = "not recorded", "recorded", "joined to the kernel"
CONNECTIONS, MESSAGES, READS, UNDER_WAY = 50, 60000, 250000, 32


@contextlib.contextmanager
def rings(way):
    """The environment of a program that records, or not. The rings are in memory: on a disk their pages would be written to it."""
    memory = pathlib.Path("/dev/shm")
    if way != ON:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="hark-bench-", dir=memory if memory.is_dir() else DATA) as directory:
        yield {"HARK_TRACE": directory}


def command(way, *words):
    return [HARK, "trace", "--slowest", "0", "--", *words] if way == JOINED else list(words)


def child_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def echo(results, contestant, path, way):
    port = free_port()
    with rings(way) as recording, Server(command(way, path, port), {**environment(contestant), **recording}, port) as server:
        measured = types.SimpleNamespace(pid=child_of(server.pid) if way == JOINED else server.pid)
        seen = under_load(measured, "load_echo", port, CONNECTIONS, 64, 1, results.count(MESSAGES, CONNECTIONS))
    return {name: seen[name] for name in ("cpu_us", "per_second")}


def echo_counted(results, contestant, path, way):
    with rings(way) as recording:
        messages = 200 if results.quick else 10000
        connections = 10 if results.quick else CONNECTIONS
        return count(Callgrind, path, {**environment(contestant), **recording}, connections, 64, 1, messages) / messages


def read_once(contestant, words, way):
    with rings(way) as recording:
        done = subprocess.run(
            [str(word) for word in command(way, *words)],
            env={**os.environ, **environment(contestant), **recording},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    if done.returncode:
        raise Failure(f"{spoken(words)}: exit code {done.returncode} {done.stderr.strip()}")
    return done


def files(results, contestant, path, way, file):
    done = read_once(contestant, [path, file, UNDER_WAY, results.count(READS), "cached"], way)
    seen = per_operation(figures(re.search(r"^operations .*$", done.stdout, re.MULTILINE)[0]))
    return {name: seen[name] for name in ("cpu_us", "per_second")}


def files_counted(results, contestant, path, way, file):
    """What a longer run takes more than a shorter one."""

    def instructions(reads):
        words = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", path, file, UNDER_WAY, reads, "cached"]
        return int(re.search(r"Collected : (\d+)", read_once(contestant, words, way).stderr)[1])

    few, many = (100, 400) if results.quick else (2000, 12000)
    return (instructions(many) - instructions(few)) / (many - few)


def traced(results, random_file):
    file = random_file(DATA / "file", (4 << 20) if results.quick else 64 << 20)
    ways = [OFF, ON]
    if os.geteuid() == 0 and HARK.exists():
        ways.append(JOINED)
    else:
        results.skip("trace: the kernel's tracepoints need root")
    for workload, timed, counted, extra in (("echo", echo, echo_counted, ()), ("files", files, files_counted, (file,))):
        for backend, contestant in BACKENDS.items():
            path, form = program(workload, contestant), f"{workload}, {backend}"
            if not path:
                continue
            for way in turned(ways, results.round_number):
                results.attempt("trace", form, way, lambda: timed(results, contestant, path, way, *extra))
            if results.round_number > 0:
                continue
            if not shutil.which("valgrind"):
                results.skip("trace, instructions: there is no valgrind")
                continue
            for way in (OFF, ON):
                results.attempt("trace", form, way, lambda: {"instructions": counted(results, contestant, path, way, *extra)})
    # The table begins with what the others are put in a ratio to, whoever was measured first.
    for form, found in results.results.get("trace", {}).items():
        results.results["trace"][form] = {way: found[way] for way in ways if way in found}

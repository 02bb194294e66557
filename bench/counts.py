"""What is counted rather than timed: the system calls and the user-space instructions of an echoed message.

What is done once is left out: instructions are counted from when all are connected to when all is answered; of system calls, which
strace counts from the beginning, two runs of different length are taken, and their difference. The server runs on the load
generator's CPU, at a lower priority: so it finds, at each look, all that can be under way, and how much that is does not depend on
what else the machine does."""

import re
import shutil
import signal
import subprocess
import time

from contestants import ECHO, environment, program
from measure import DATA, SERVER_CPU, TIMEOUT, Failure, Load, Server, free_port, settled

NICE = 5
OUTPUT = DATA / "counted"
# form: connections, size, pipelined, messages in the short run and in the long one
FORMS = {
    "1": (1, 64, 1, 500, 2500),
    "50": (50, 64, 1, 2000, 10000),
    "1,000": (1000, 64, 1, 4000, 12000),
    "50, pipelined 16": (50, 64, 16, 4000, 20000),
    "200, 4 KiB": (200, 4096, 1, 2000, 10000),
}


class Strace:
    """Counts system calls, and writes the sums once the server has ended."""

    name, figure, program, end = "strace", "system_calls", "strace", signal.SIGTERM
    from_the_beginning = True
    command = ["strace", "-D", "-f", "-c", "-o", OUTPUT]
    forms = ["1", "50", "1,000", "200, 4 KiB"]

    @staticmethod
    def forget(_):
        pass

    @staticmethod
    def ask(_):
        pass

    @staticmethod
    def read():
        text = OUTPUT.read_text() if OUTPUT.exists() else ""
        total = re.search(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total$", text, re.MULTILINE)
        return int(total[1]) if total else None


class Callgrind:
    """Counts instructions in user space. It is asked for its sums while the server runs, and the server is then killed: valgrind
    sees no other signal while a program waits in io_uring_enter."""

    name, figure, program, end = "callgrind", "instructions", "callgrind_control", signal.SIGKILL
    from_the_beginning = False
    command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={OUTPUT}"]
    forms = ["1,000", "50, pipelined 16", "200, 4 KiB"]

    @staticmethod
    def control(pid, order):
        subprocess.run(["callgrind_control", order, str(pid)], capture_output=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)

    @staticmethod
    def forget(pid):
        Callgrind.control(pid, "-z")

    @staticmethod
    def ask(pid):
        Callgrind.control(pid, "-d")
        sums(Callgrind)

    @staticmethod
    def read():
        for path in OUTPUT.parent.glob(OUTPUT.name + ".*"):
            if totals := re.findall(r"^(?:summary|totals): (\d+)", path.read_text(), re.MULTILINE):
                return int(totals[-1])
        return None


def sums(tool):
    """What the tool has written, once it has."""
    for _ in range(500):
        found = tool.read()
        if found is not None:
            return found
        time.sleep(0.01)
    raise Failure(f"{tool.name} says nothing")


def count(tool, path, variables, connections, size, depth, messages):
    """What the tool counts of a server that is started, connected to, and sent so many messages."""
    for old in OUTPUT.parent.glob(OUTPUT.name + "*"):
        old.unlink()
    port = free_port()
    with Server([*tool.command, path, port], variables, port, SERVER_CPU, NICE, tool.end) as server:
        load = Load("load_echo", port, connections, size, depth, messages, 0, "hold", cpu=SERVER_CPU)
        settled(server.pid)
        tool.forget(server.pid)
        load.start()
        settled(server.pid)
        tool.ask(server.pid)
        load.end()
    return sums(tool)


def counted(results, tool):
    if not shutil.which(tool.program):
        return results.skip(f"{tool.figure.replace('_', ' ')}: there is no {tool.name}")

    def once(form, contestant, path):
        connections, size, depth, few, many = FORMS[form]
        if results.quick:
            connections, few, many = min(connections, 10), 200, 400
        counted_of = lambda messages: count(tool, path, environment(contestant), connections, size, depth, messages)
        if tool.from_the_beginning:
            return {tool.figure: (counted_of(many) - counted_of(few)) / (many - few)}
        return {tool.figure: counted_of(many) / many}

    forms = ["50"] if results.quick and "50" in tool.forms else tool.forms[: 1 if results.quick else None]
    results.turns("echo", {form: ECHO[:1] if results.quick else ECHO for form in forms}, once)


def system_calls(results):
    counted(results, Strace)


def instructions(results):
    counted(results, Callgrind)

"""Where the CPU time of an echoed message goes: perf samples the server by a timer. Each sample belongs to user space, to the
kernel's part of what the loop calls it by, or to the rest of the kernel, which for an echo is TCP, the copies and the scheduler.

A timer does not see inside of what runs with interrupts off: the kernel's time then shows at the place where they are let in again.
It stays the kernel's, so user space's part is not touched by that. The parts are scaled to the CPU time that the scheduler counts."""

import os
import re
import shutil
import signal
import subprocess

from contestants import environment
from measure import DATA, TIMEOUT, Failure, Load, Server, cpu_seconds, free_port, settled

SAMPLES_PER_SECOND = 4999
OUTPUT = DATA / "perf"
RECORD = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(SAMPLES_PER_SECOND), "-o", str(OUTPUT)]
# form: connections, size, pipelined, messages
FORMS = {
    "50": (50, 64, 1, 100000),
    "1,000": (1000, 64, 1, 100000),
    "50, pipelined 16": (50, 64, 16, 1600000),
}
WHO = ["hark", "hark, epoll", "io_uring by hand", "epoll by hand", "libev", "libevent, plain events", "libuv"]
# The kernel's functions of io_uring, of epoll, and of every system call.
INTERFACE = re.compile(
    r"_*(io|ep)_|(do_)?e(vent)?poll|__(x64_|do_)?sys_|x64_sys_call|do_syscall|syscall_|entry_|_*f(get|put|dget)|sock(fd)?_lookup|__sock_poll"
)
# What runs for the other side: data that was sent wakes the load generator, which waits in epoll.
OTHERS = re.compile(r"ep_(poll_callback|autoremove_wake)")
SAMPLE = re.compile(r"^\s*(\d+)\s+\[([.k])\]\s+(\S+)", re.MULTILINE)


class Samples:
    """perf at a server, while the block lasts. It samples from when it has said that it does."""

    def __init__(self, pid):
        orders, ours = os.pipe()
        answers, theirs = os.pipe()
        command = [*RECORD, "-D", "-1", "-p", str(pid), "--control", f"fd:{orders},{theirs}"]
        self.process = subprocess.Popen(
            command, pass_fds=(orders, theirs), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        os.close(orders)
        os.close(theirs)
        self.orders, self.answers = ours, answers

    def __enter__(self):
        os.write(self.orders, b"enable\n")
        if not os.read(self.answers, 64).startswith(b"ack"):
            raise Failure(f"perf: {self.process.communicate()[1].strip()}")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=TIMEOUT)
        os.close(self.orders)
        os.close(self.answers)

    @staticmethod
    def read():
        """(how many, "." in user space or "k" in the kernel, the function)"""
        command = ["perf", "report", "-q", "-i", str(OUTPUT), "--stdio", "--no-children", "--sort", "sym", "-F", "sample,sym"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        return [(int(count), where, name) for count, where, name in SAMPLE.findall(done.stdout)]


def obstacle():
    """Why perf cannot sample the kernel here; None where it can."""
    if not shutil.which("perf"):
        return "there is no perf"
    tried = subprocess.run([*RECORD, "true"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    if tried.returncode:
        return "perf may not sample here: " + tried.stderr.strip().split("\n")[0]
    with open("/proc/kallsyms", encoding="ascii") as functions:
        if not int(functions.readline().split()[0], 16):
            return "the kernel does not say where its functions are, but to root"
    return None


def parts(samples, us_each):
    """Of the CPU time of a message."""
    us = {"user_us": 0, "interface_us": 0, "rest_us": 0}
    total = sum(count for count, _, _ in samples)
    for count, where, name in samples:
        ours = INTERFACE.match(name) and not OTHERS.match(name)
        part = "user_us" if where == "." else "interface_us" if ours else "rest_us"
        us[part] += us_each * count / total
    return us


def shares(results):
    if reason := obstacle():
        return results.skip(f"where the CPU time goes: {reason}")

    def once(form, contestant, path):
        connections, size, depth, messages = FORMS[form]
        messages = results.count(messages, connections * depth)
        port = free_port()
        with Server([path, port], environment(contestant), port) as server:
            load = Load("load_echo", port, min(connections, 50) if results.quick else connections, size, depth, messages)
            before = settled(server.pid)
            with Samples(server.pid):
                seen = load.start()
            cpu = cpu_seconds(server.pid) - before
            load.end()
        return parts(Samples.read(), cpu / seen["operations"] * 1e6)

    forms = list(FORMS)[: 1 if results.quick else None]
    results.turns("echo", {form: WHO for form in forms}, once)

"""What the checks of the examples are made of: a program that runs, what is expected of it, connections to it."""

import os
import pathlib
import re
import select
import socket
import subprocess
import time

BACKENDS = os.environ.get("HARK_TEST_BACKENDS", "uring,epoll,poll,select").split(",")
PATIENCE = 60  # seconds after which an example counts as hung; never a time that a check relies on
CHECKS = {}


class Wrong(Exception):
    """What an example did otherwise than it should."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def check(example):
    def remember(function):
        CHECKS[example] = function
        return function

    return remember


class Example:
    """An example program: run it to its end, or as a server inside a `with`."""

    def __init__(self, folder, name, backend):
        self.path = str(folder / name)
        self.backend = backend
        self.environment = dict(os.environ, HARK_BACKEND=backend)
        self.process = None
        self.said = b""

    def again(self):
        path = pathlib.Path(self.path)
        return Example(path.parent, path.name, self.backend)

    def run(self, *arguments, code=0):
        ended = subprocess.run(
            [self.path, *arguments], env=self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        expect(
            ended.returncode == code,
            f"exit code {ended.returncode} instead of {code}; it said:\n{ended.stdout}{ended.stderr}",
        )
        return ended

    def serve(self, *arguments):
        self.process = subprocess.Popen([self.path, "0", *arguments], env=self.environment, stdout=subprocess.PIPE, bufsize=0)
        first = self.line()
        match = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)", first)
        expect(match, f"its first line is {first!r}")
        self.port = int(match[1])
        return self

    def line(self):
        """The next line that it prints; "" at the end."""
        while b"\n" not in self.said:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            expect(ready, "it says nothing more")
            piece = self.process.stdout.read(4096)
            if not piece:
                break
            self.said += piece
        line, _, self.said = self.said.partition(b"\n")
        return line.decode()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def end(self, number):
        """Sends a signal, and gives the exit code once it has ended."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process:
            self.process.stdout.close()


def receive_all(connection):
    pieces = []
    while piece := connection.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def receive_exactly(connection, count):
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        expect(piece, f"the connection ended after {received!r}")
        received += piece
    return received


def exchange(connection, data):
    """Sends all and receives all at once, so that neither side waits for the other; gives what came back."""
    received = bytearray()
    sent = 0
    connection.setblocking(False)
    while True:
        readable, writable, _ = select.select([connection], [connection] if sent < len(data) else [], [], PATIENCE)
        expect(readable or writable, "the connection hangs")
        if writable:
            sent += connection.send(data[sent : sent + 65536])
            if sent == len(data):
                connection.shutdown(socket.SHUT_WR)
        if readable:
            piece = connection.recv(1 << 16)
            if not piece:
                return bytes(received)
            received += piece


def switches(process):
    """How often the process was switched away from: a process that sleeps stands still."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return sum(int(count) for count in re.findall(r"ctxt_switches:\s*(\d+)", status))


def expect_sleep(process):
    """A loop that spins is switched away from, or turns, thousands of times in this while; one that sleeps, not at all."""
    before = switches(process)
    time.sleep(0.3)
    expect(switches(process) - before < 100, "it does not sleep while nothing happens")


def expect_closed(process, before):
    """It has no more descriptors than before, once it has seen that the connections are gone."""
    deadline = time.monotonic() + PATIENCE
    while descriptors(process) > before:
        expect(time.monotonic() < deadline, "descriptors were left open")
        time.sleep(0.01)


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def certificate(folder, name):
    """A certificate for localhost that trusts itself, as the example's own comment makes it."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    paths = [str(folder / f"{name}.{ending}") for ending in ("pem", "key")]
    subprocess.run([*command.split(), "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths

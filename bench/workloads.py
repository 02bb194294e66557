"""The workloads: what is asked of whom, and how often. Counts are such that a measurement takes about half a second on a quiet
machine of this decade; --quick does a two-hundredth."""

import contextlib
import filecmp
import os
import resource
import shutil
import time

import counts
import shares
import streams
import tls
import traced
from contestants import APPEND, BUILD, COPY, ECHO, FILES, IDLE, MOSTLY_IDLE, POSTS, READINESS, SERVERS, TIMERS, TRIED
from contestants import environment, features, program
from measure import (
    DATA,
    SERVER_CPU,
    Failure,
    Load,
    Server,
    cpu_seconds,
    free_port,
    per_operation,
    resident_bytes,
    run_program,
    settled,
    switches,
    under_load,
)
from results import turned

GIB = 1 << 30

# form: connections, size, pipelined, messages
ECHO_FORMS = {
    "1": (1, 64, 1, 15000),
    "50": (50, 64, 1, 60000),
    "1,000": (1000, 64, 1, 60000),
    "10,000": (10000, 64, 1, 60000),
    "50, pipelined 16": (50, 64, 16, 1000000),
    "200, 4 KiB": (200, 4096, 1, 60000),
}
MOSTLY_IDLE_FORMS = {"10": 10, "100": 100, "1,000": 1000, "10,000": 10000}
# form: blocks under way, reads, how the file is opened
FILES_FORMS = {
    "direct, 1": (1, 3000, "direct"),
    "direct, 32": (32, 25000, "direct"),
    "direct, 128": (128, 40000, "direct"),
    "cached, 1": (1, 120000, "cached"),
    "cached, 32": (32, 250000, "cached"),
    "cached, 128": (128, 250000, "cached"),
}
STAT_FORMS = {"1": (1, 60000), "32": (32, 120000), "128": (128, 120000)}
APPEND_FORMS = {"1 writer": (1, 600), "16 writers": (16, 10000), "256 writers": (256, 120000)}
COPY_FORMS = {"1 under way": 1, "8 under way": 8, "32 under way": 32}
POST_FORMS = {
    "1 poster": ("throughput", 1, 10000000),
    "4 posters": ("throughput", 4, 2500000),
    "ping-pong": ("pingpong", 1, 20000),
}
SERVE_FORMS = {
    "1 publisher": ("publish", 1, 600),
    "16 publishers": ("publish", 16, 8000),
    "256 publishers": ("publish", 256, 25000),
    "1 subscriber": ("fanout", 1, 2500),
    "100 subscribers": ("fanout", 100, 600),
    "1,000 subscribers": ("fanout", 1000, 60),
}
# What features of io_uring are measured by. form: workload, and of that its form
FEATURES_FORMS = {
    "echo, 50": ("echo", "50"),
    "echo, 1,000": ("echo", "1,000"),
    "echo, pipelined": ("echo", "50, pipelined 16"),
    "connections": ("accept", "50 at once"),
    "bulk, up": ("bulk", "up"),
    "bulk, down": ("bulk", "down"),
}
SELECT_MAX = 1000  # descriptors; select(2) ends at 1,024
CONNECTIONS_ACCEPTED, BULK_BYTES = 10000, 4 * GIB


def quick_of(results, forms, *few):
    return {form: forms[form] for form in few} if results.quick else forms


def descriptors_max():
    """How many connections a process may have here."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 50


def enough_descriptors(results, workload, form, connections):
    if connections > descriptors_max():
        results.skip(f"{workload}, {form}: a process may have {descriptors_max() + 50} descriptors here (ulimit -n)")
    return connections <= descriptors_max()


def enough_room(results, workload, bytes_needed):
    free = shutil.disk_usage(DATA).free
    if free < bytes_needed:
        results.skip(f"{workload}: needs {bytes_needed / GIB:.1f} GiB of free disk below {BUILD.name}, there are {free / GIB:.1f}")
    return free >= bytes_needed


# --- servers under load ---


def server_once(results, workload, form, path, variables, part=1):
    """One server, one form, with these variables in its environment; a `part`th of the usual count."""
    port = free_port()
    count = lambda usual, least=100: results.count(usual // part, least)
    with Server([path, port], variables, port) as server:
        if workload == "accept":
            return under_load(server, "load_accept", port, 50, count(CONNECTIONS_ACCEPTED))
        if workload == "bulk":
            seen = under_load(server, "load_bulk", port, form, count(BULK_BYTES, 16 << 20))
            return {name: seen[name] for name in ("cpu_us", "per_second")}
        connections, size, depth, messages = ECHO_FORMS[form]
        connections = min(connections, 50) if results.quick else connections
        return under_load(server, "load_echo", port, connections, size, depth, count(messages, connections * depth))


def echo(results):
    def once(form, contestant, path):
        return server_once(results, "echo", form, path, environment(contestant))

    forms = quick_of(results, ECHO_FORMS, "50", "50, pipelined 16")
    results.turns("echo", {form: ECHO for form in forms if enough_descriptors(results, "echo", form, forms[form][0])}, once)


def tried(results):
    """What hark does not use of io_uring, by hand: what it would bring."""

    def once(form, contestant, path):
        return server_once(results, "echo", form, path, environment(contestant), 2)

    forms = quick_of(results, dict.fromkeys(("1", "50", "1,000")), "50")
    results.turns("tried", {form: TRIED for form in forms}, once, "echo")


def readiness(results):
    """The loop only says when; the program reads and writes by itself."""

    def once(form, contestant, path):
        return server_once(results, "echo", form, path, environment(contestant))

    forms = quick_of(results, dict.fromkeys(("1", "50", "1,000", "50, pipelined 16")), "50")
    results.turns("readiness", {form: READINESS for form in forms}, once, "echo")


def mostly_idle(results):
    def once(form, contestant, path):
        connections = MOSTLY_IDLE_FORMS[form]
        port = free_port()
        with Server([path, port], environment(contestant), port) as server:
            # poll and select look at every descriptor each time.
            messages = 4000 if contestant in ("hark, poll", "hark, select") and connections > 100 else 30000
            return under_load(server, "load_echo", port, 10, 64, 1, results.count(messages), connections - 10)

    who = {}
    for form, connections in quick_of(results, MOSTLY_IDLE_FORMS, "100").items():
        if enough_descriptors(results, "mostly idle", form, connections):
            who[form] = [name for name in MOSTLY_IDLE if name != "hark, select" or connections <= SELECT_MAX]
    results.turns("mostly idle", who, once, "echo")


def accept(results):
    def once(form, contestant, path):
        return server_once(results, "accept", form, path, environment(contestant))

    results.turns("connections", {"50 at once": SERVERS}, once, "accept")


def bulk(results):
    def once(form, contestant, path):
        return server_once(results, "bulk", form, path, environment(contestant))

    results.turns("bulk", {"up": SERVERS, "down": SERVERS}, once)


def feature_switches(results):
    """hark with each feature of io_uring switched off, one after the other, and with none of them."""
    if not program("echo", "hark"):
        return results.skip("features: there is no io_uring here")
    switched = {"all on": ""} | {f"without {name}": name for name in features()} | {"all off": "all"}
    if results.quick:
        switched = dict(list(switched.items())[:2])
    names = list(switched)
    for form, (workload, its_form) in quick_of(results, FEATURES_FORMS, "echo, 50").items():
        for name in turned(names, results.round_number):
            variables = {**environment("hark"), "HARK_URING_WITHOUT": switched[name]}
            path = program(workload, "hark")
            results.attempt("features", form, name, lambda: server_once(results, workload, its_form, path, variables, 2))
    # The table begins with what the others are put in a ratio to, whoever was measured first.
    for form, found in results.results["features"].items():
        results.results["features"][form] = {name: found[name] for name in names if name in found}


def idle(results):
    """All servers at once. What a connection costs is what further ones add once the server is warm: some of both sizes of message
    are open already, and have been busy, so that tables, pools and the heap are there."""
    connections, warming, seconds = (50, 50, 0.2) if results.quick else (10000, 500, 10)
    running = []
    with contextlib.ExitStack() as stack:
        for contestant in IDLE:
            path = program("echo", contestant)
            count = min(connections, 400 if contestant == "hark, select" else connections, descriptors_max() - warming)
            if path and count > 0:
                running.append((contestant, count, *idle_server(results, stack, contestant, path, count, warming)))
        before = {name: (settled(server.pid), switches(server.pid)) for name, _, server, _, _ in running}
        time.sleep(seconds)
        for name, count, server, warm, struct in running:
            cpu, woken = before[name]
            grown = (resident_bytes(server.pid) - warm) / count
            values = {
                "bytes_each": grown,
                "bytes_struct": struct,
                "bytes_beyond": grown - struct,
                "wake_ups": switches(server.pid) - woken,
                "idle_cpu_us": (cpu_seconds(server.pid) - cpu) * 1e6,
            }
            results.keep("idle", f"{count:,}", name, values)


def idle_server(results, stack, contestant, path, count, warming):
    """Gives the server with its idle connections, its memory before they came, and the size of its own struct for each."""
    variables = {**environment(contestant)}
    variables.pop("MALLOC_TRIM_THRESHOLD_")  # memory as it is in a program that sets nothing
    struct = run_program([path, "--struct"], {})["struct"]
    port = free_port()
    server = stack.enter_context(Server([path, port], variables, port))
    warm = 0
    for connections, size, messages in ((10, 16384, results.count(2000)), (warming, 64, 4 * warming), (count, 64, count)):
        warm = resident_bytes(server.pid)
        load = Load("load_echo", port, connections, size, 1, messages, 0, "hold")
        stack.callback(load.end)
        load.start()
        settled(server.pid)
    return server, warm, struct


def serve(results):
    """The command itself: events that are on the disk when they are answered, and events given out."""

    def once(form, contestant, _):
        kind, count, events = SERVE_FORMS[form]
        data = DATA / "serve"
        shutil.rmtree(data, ignore_errors=True)
        http, lines = free_port(), free_port()
        places = ["--http", f"127.0.0.1:{http}", "--lines", f"127.0.0.1:{lines}", "--data", data]
        with Server([BUILD / "cmd/hark/hark", "serve", *places], environment(contestant), lines) as server:
            return under_load(server, "load_serve", kind, http, lines, count, results.count(events))

    if not (BUILD / "cmd/hark/hark").exists():
        return results.skip("serve: the command is not built")
    forms = quick_of(results, SERVE_FORMS, "16 publishers", "1 subscriber")
    results.turns("serve", {form: ["hark"] for form in forms}, once, "echo")


# --- programs that measure themselves ---


def random_file(path, size):
    """A file of this size, on the disk and in the page cache."""
    if not path.exists() or path.stat().st_size != size:
        with open(path, "wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
            os.fsync(file.fileno())
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass
    return path


def files(results):
    if not enough_room(results, "files", GIB):
        return
    path = random_file(DATA / "file", (4 << 20) if results.quick else 256 << 20)

    def once(form, contestant, file):
        depth, reads, how = FILES_FORMS[form]
        return per_operation(run_program([file, path, depth, results.count(reads), how], environment(contestant)))

    who = {}
    for form, (depth, _, _) in quick_of(results, FILES_FORMS, "direct, 1", "direct, 32", "cached, 1", "cached, 32").items():
        who[form] = [name for name in FILES if name != "blocking calls" or depth == 1]
    results.turns("files", who, once)


def stat(results):
    folder = DATA / "files"
    count = 10000
    if not folder.exists():
        folder.mkdir()
        for number in range(count):
            (folder / str(number)).touch()

    def once(form, contestant, file):
        depth, operations = STAT_FORMS[form]
        return per_operation(run_program([file, folder, count, depth, results.count(operations)], environment(contestant)))

    who = {form: [name for name in FILES if name != "blocking calls" or depth == 1] for form, (depth, _) in STAT_FORMS.items()}
    results.turns("stat", who, once)


def append(results):
    if not enough_room(results, "append", GIB):
        return

    def once(form, contestant, file):
        writers, appends = APPEND_FORMS[form]
        appends = results.count(appends, 5 * writers)
        path = DATA / "append"
        try:
            seen = per_operation(run_program([file, path, writers, appends], environment(contestant)))
            if path.stat().st_size != appends * 256:
                raise Failure(f"{path.stat().st_size} bytes in the file after {appends} appends")
            return seen
        finally:
            path.unlink(missing_ok=True)

    results.turns("append", {form: APPEND for form in APPEND_FORMS}, once)


def copy(results):
    """The fastest of three in a row: memory that is new to a virtual machine is paid for by who touches it first, and a file of
    its own gives each contestant new memory."""
    size = (64 << 20) if results.quick else GIB
    if not enough_room(results, "copy", 3 * size):
        return
    source, target = random_file(DATA / "source", size), DATA / "target"

    def once(form, contestant, file):
        try:
            runs = []
            for _ in range(1 if results.quick else 3):
                runs.append(run_program([file, source, target, COPY_FORMS[form]], environment(contestant)))
            if target.stat().st_size != size or (results.quick and not filecmp.cmp(source, target, shallow=False)):
                raise Failure("the copy is not the source")
            return per_operation(min(runs, key=lambda seen: seen["seconds"]))
        finally:
            target.unlink(missing_ok=True)

    whole = ("blocking calls", "libuv, copyfile")  # these know no number of blocks
    who = {form: [name for name in COPY if blocks == 1 or name not in whole] for form, blocks in COPY_FORMS.items()}
    results.turns("copy", who, once)
    source.unlink()


def timers(results):
    def once(form, contestant, file):
        seen = run_program([file, results.count(1000000, 1000)], environment(contestant), SERVER_CPU)
        return {name if name == "bytes" else name + "_ns": value for name, value in seen.items()}

    results.turns("timers", {"a million": TIMERS}, once)


def posts(results):
    def once(form, contestant, file):
        how, posters, count = POST_FORMS[form]
        count = count // 32 if contestant == "libuv, an async each" else count
        return per_operation(run_program([file, how, posters, results.count(count)], environment(contestant)))

    who = {form: [name for name in POSTS if form != "ping-pong" or name != "libuv, an async each"] for form in POST_FORMS}
    results.turns("posts", who, once, "post")


def trace(results):
    traced.traced(results, random_file)


# name: function, seconds that a round takes on a quiet machine, and whether one round says all
WORKLOADS = {
    "echo": (echo, 48, False),
    "readiness": (readiness, 18, False),
    "mostly_idle": (mostly_idle, 17, False),
    "accept": (accept, 6, False),
    "bulk": (bulk, 14, False),
    "files": (files, 22, False),
    "stat": (stat, 10, False),
    "append": (append, 11, False),
    "copy": (copy, 30, False),
    "timers": (timers, 24, False),
    "posts": (posts, 14, False),
    "serve": (serve, 5, False),
    "tls_handshake": (tls.handshakes, 14, False),
    "tls_bulk": (tls.bulk, 14, False),
    "tls_echo": (tls.echo, 12, False),
    "features": (feature_switches, 28, False),
    "tried": (tried, 14, False),
    "streams": (streams.streams, 240, True),
    "trace": (trace, 20, False),
    "idle": (idle, 21, True),
    "shares": (shares.shares, 32, True),
    "system_calls": (counts.system_calls, 34, True),
    "instructions": (counts.instructions, 24, True),
}

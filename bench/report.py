"""Tables from results.json: results.txt, with the plots and the targets.

usage: python3 bench/report.py DIRECTORY     (writes results.txt and, where gnuplot is there, the plots again)
"""

import json
import pathlib
import statistics
import sys

sys.dont_write_bytecode = True
import plots
import targets

# What is shown of a workload: figure, its heading, digits.
SHOWN = {
    "echo": [
        ("cpu_us", "server CPU per message, us", 2),
        ("per_second", "messages per second, thousands", 1),
        ("p50_us", "latency p50, us", 0),
        ("p99_us", "latency p99, us", 0),
        ("p999_us", "latency p99.9, us", 0),
        ("resident_kib", "resident memory of the server, KiB", 0),
        ("user_us", "of the server's CPU per message, us (perf): in user space, the loop, the program and the C library", 2),
        ("interface_us", "of the server's CPU per message, us (perf): in the kernel's io_uring, epoll and system calls", 2),
        ("rest_us", "of the server's CPU per message, us (perf): in the rest of the kernel: TCP, copies, scheduling", 2),
        ("system_calls", "system calls per message (strace; the server is behind: see README.md)", 3),
        ("instructions", "user-space instructions per message (callgrind; the server is behind: see README.md)", 1),
    ],
    "mostly idle": [("cpu_us", "server CPU per message, us: 10 active among so many connections", 2)],
    "connections": [
        ("cpu_us", "server CPU per connection that is accepted, answered and closed, us", 2),
        ("per_second", "connections per second, thousands", 1),
        ("p99_us", "from connecting to the end, p99, us", 0),
    ],
    "bulk": [
        ("per_second", "MiB per second, thousands, client to server (up) and back (down)", 2),
        ("cpu_us", "server CPU per MiB, us", 0),
    ],
    "files": [
        ("per_second", "random reads of 4 KiB per second, thousands, by the number under way", 1),
        ("cpu_us", "CPU per read, us, all threads", 2),
    ],
    "stat": [
        ("per_second", "stats per second, thousands, by the number under way", 1),
        ("cpu_us", "CPU per stat, us, all threads", 2),
    ],
    "append": [
        ("per_second", "appends of 256 bytes per second, thousands, each on the disk when it is answered", 2),
        ("cpu_us", "CPU per append, us, all threads", 2),
        ("p50_us", "from an append to its answer, p50, us", 0),
        ("p99_us", "p99, us", 0),
    ],
    "copy": [
        ("per_second", "MiB per second, thousands: 1 GiB from cache to cache, by the blocks of 256 KiB under way", 2),
        ("cpu_us", "CPU per MiB, us, all threads", 0),
    ],
    "timers": [
        ("start_ns", "start, ns", 1),
        ("restart_ns", "restart, ns", 1),
        ("stop_ns", "stop, ns", 1),
        ("expiry_ns", "expiry, ns", 0),
        ("first_start_ns", "the first start in a new process, ns: tables grow, and memory is new", 1),
        ("sleep_start_ns", "start of a sleep, ns", 1),
        ("sleep_stop_ns", "stop of a sleep, its final call counted in, ns", 1),
        ("bytes", "bytes each", 0),
    ],
    "posts": [
        ("per_second", "items handled per second, thousands", 0),
        ("cpu_us", "CPU of the loop's thread per item, us", 3),
        ("p50_us", "there and back, p50, us", 1),
        ("p99_us", "there and back, p99, us", 1),
    ],
    "serve": [
        ("per_second", "durable events answered, or deliveries, per second, thousands", 2),
        ("cpu_us", "server CPU per event or delivery, us", 2),
        ("p50_us", "p50, us: from sending an event to its answer, or to its arrival at a subscriber", 0),
        ("p99_us", "p99, us", 0),
        ("resident_kib", "resident memory, KiB", 0),
    ],
    "tls handshakes": [
        ("per_cpu_second", "connections for each second of the server's CPU, thousands: handshake, a byte asked for and answered, end", 2),
        ("cpu_us", "server CPU per connection, us", 1),
        ("per_second", "connections per second, thousands", 2),
    ],
    "tls bulk": [
        ("per_cpu_second", "MiB for each second of the server's CPU, thousands, server to client (down) and back (up)", 2),
        ("cpu_us", "server CPU per MiB, us", 0),
        ("per_second", "MiB per second, thousands", 2),
    ],
    "tls echo": [
        ("per_cpu_second", "messages for each second of the server's CPU, thousands, on so many connections", 1),
        ("cpu_us", "server CPU per message, us", 2),
        ("per_second", "messages per second, thousands", 1),
    ],
    "features": [
        ("cpu_us", "hark on io_uring, server CPU per message, connection or MiB, us, with one feature switched off", 2),
        ("per_second", "messages, connections or MiB per second, thousands", 2),
    ],
    "readiness": [
        ("cpu_us", "the loop says when, the program reads and writes: server CPU per message, us", 2),
        ("per_second", "messages per second, thousands", 1),
    ],
    "tried": [
        ("cpu_us", "what hark does not use of io_uring, by hand: server CPU per message, us", 2),
        ("p50_us", "latency p50, us", 0),
    ],
    "trace": [
        ("cpu_us", "what recording costs: CPU of the program per message or read, us", 2),
        ("per_second", "messages or reads per second, thousands", 1),
        ("instructions", "user-space instructions per message or read (callgrind: without what a reading of the clock takes)", 1),
    ],
    "streams": [
        ("bytes_each", "resident bytes for each stream of the command's log, by the number of streams", 0),
        ("open_ms", "from the start until the log is open, ms: after a kill while they were made; after an end in order", 0),
        ("longest_turn_us", "the longest turn of the loop while they were made, CPU us", 0),
    ],
    "idle": [
        ("bytes_each", "resident bytes that each further connection adds", 0),
        ("bytes_struct", "the program's own struct for a connection, bytes", 0),
        ("bytes_beyond", "resident bytes that each further connection adds beyond that struct", 0),
        ("wake_ups", "wake-ups in ten seconds", 0),
        ("idle_cpu_us", "CPU in ten seconds, us", 0),
    ],
}
THOUSANDS = {"per_second", "per_cpu_second"}
ABSOLUTE = {"open_ms", "longest_turn_us", "wake_ups", "bytes_struct", "bytes_beyond", "idle_cpu_us"}  # no ratio
BASES = {"features": "all on", "tried": "io_uring by hand", "trace": "not recorded"}
BASES |= dict.fromkeys(("tls handshakes", "tls bulk", "tls echo"), "OpenSSL by hand")


def number(value, digits):
    return f"{value:,.{digits}f}"


def cell(values, digits, scale, base):
    """ "6.21 (6.05-6.50) 1.00x": median, the lowest and highest, the ratio to the first row, round by round."""
    text = number(statistics.median(values) / scale, digits)
    if len(values) > 1 and min(values) != max(values):
        text += f" ({number(min(values) / scale, digits)}-{number(max(values) / scale, digits)})"
    if base and all(base):
        text += f" {statistics.median(targets.ratios(values, base)):.2f}x"
    return text


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def table(forms, figure, digits, base_name):
    contestants = []
    for form in forms.values():
        contestants += [name for name in form if name not in contestants]
    columns = [form for form, found in forms.items() if any(found[name].get(figure) for name in found)]
    scale = 1000 if figure in THOUSANDS else 1
    rows = [[""] + columns]
    for contestant in contestants:
        row = [contestant]
        for form in columns:
            values = forms[form].get(contestant, {}).get(figure)
            base = forms[form].get(base_name, {}).get(figure) if figure not in ABSOLUTE else None
            row.append(cell(values, digits, scale, base) if values else "-")
        if any(text != "-" for text in row[1:]):
            rows.append(row)
    return aligned(rows) if columns else ""


def head(about):
    before, after = (", ".join(f"{value:.1f}" for value in about[f"load_average_{when}"]) for when in ("before", "after"))
    return [
        f"made by      {about['command']}, {about['began']}, {about['seconds']} s, commit {about['commit']}",
        *([f"posts        by {about['posts_from']}"] if "posts_from" in about else []),
        *([f"TLS          by {about['tls_from']}"] if "tls_from" in about else []),
        f"kernel       {about['kernel']}",
        f"CPU          {about['cpu']}, {about['cpus']} of them; server on {about['server_cpu']}, load generator on {about['load_cpu']}",
        *([f"memory, disk {about['memory_gib']} GiB, {about['disk']}"] if "disk" in about else []),
        f"compiler     {about['compiler']}",
        "libraries    " + ", ".join(f"{name} {version}" for name, version in about["libraries"].items() if version),
        f"load average {before} before; {after} after",
        "",
        "Each figure: the median of the rounds (the lowest - the highest) and the median of its ratios to the first row, round by round.",
    ]


def text_of(data):
    lines = head(data["about"])
    for workload, figures in SHOWN.items():
        forms = data["results"].get(workload)
        if not forms:
            continue
        lines += ["", f"== {workload}"]
        for figure, heading, digits in figures:
            text = table(forms, figure, digits, BASES.get(workload, "hark"))
            if text:
                rounds = max(len(found[name].get(figure, [])) for found in forms.values() for name in found)
                lines += ["", f"-- {heading}" + (f"; rounds: {rounds}" if rounds > 1 else ""), text]
    missing = data["failures"] + data.get("skipped", [])
    if missing:
        lines += ["", "== not measured", *missing]
    return "\n".join(lines + ["", *targets.lines(data["results"], aligned)]) + "\n"


def write(out):
    data = json.loads((out / "results.json").read_text())
    (out / "results.txt").write_text(text_of(data))
    plots.write(out, data["results"])


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))

"""Tables and plots from results.json.

usage: python3 bench/report.py DIRECTORY     (writes results.txt and, where gnuplot is there, the plots again)
"""

import json
import pathlib
import shutil
import statistics
import subprocess
import sys

# What is shown of a workload: metric, its heading, digits, and whether less is better.
SHOWN = {
    "echo": [
        ("cpu_us", "server CPU per message, us", 2),
        ("per_second", "messages per second, thousands", 1),
        ("p50_us", "latency p50, us", 0),
        ("p99_us", "latency p99, us", 0),
        ("p999_us", "latency p99.9, us", 0),
        ("resident_kib", "resident memory of the server, KiB", 0),
        ("system_calls", "system calls per message (strace)", 3),
        ("instructions", "user-space instructions per message (callgrind)", 0),
    ],
    "mostly idle": [("cpu_us", "server CPU per message, us: 10 active among so many connections", 2)],
    "connections": [
        ("cpu_us", "server CPU per connection, us", 2),
        ("per_second", "connections per second, thousands", 1),
        ("p99_us", "from connecting to the end, p99, us", 0),
    ],
    "bulk": [
        ("per_second", "MiB per second, thousands, client to server (up) and back (down)", 2),
        ("cpu_us", "server CPU per MiB, us", 0),
    ],
    "files": [("per_second", "reads per second, thousands", 1), ("cpu_us", "CPU per read, us, all threads", 2)],
    "stat": [("per_second", "stats per second, thousands, by the number in flight", 1), ("cpu_us", "CPU per stat, us, all threads", 2)],
    "timers": [
        ("start_ns", "start, ns", 0),
        ("restart_ns", "restart, ns", 0),
        ("stop_ns", "stop, ns", 0),
        ("expiry_ns", "expiry, ns", 0),
        ("sleep_start_ns", "start of a sleep, ns", 0),
        ("sleep_stop_ns", "stop of a sleep, its final call counted in, ns", 0),
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
    "idle": [
        ("bytes_each", "resident bytes per connection, the program's own struct counted in", 0),
        ("wake_ups", "wake-ups in ten seconds", 0),
        ("cpu_us", "CPU in ten seconds, us", 0),
    ],
}
THOUSANDS = {"per_second"}
COUNTED = {"system_calls", "instructions", "bytes", "wake_ups"}


def number(value, digits):
    return f"{value:,.{digits}f}"


def cell(values, digits, scale, base):
    """ "6.21 (6.05-6.50) 1.00x": median, the lowest and highest, the ratio to hark."""
    middle = statistics.median(values) / scale
    text = number(middle, digits)
    if len(values) > 1 and min(values) != max(values):
        text += f" ({number(min(values) / scale, digits)}-{number(max(values) / scale, digits)})"
    if base:
        text += f" {middle / base:.2f}x"
    return text


def table(forms, metric, digits):
    contestants = []
    for form in forms.values():
        contestants += [name for name in form if name not in contestants]
    columns = [form for form, found in forms.items() if any(found[name].get(metric) for name in found)]
    scale = 1000 if metric in THOUSANDS else 1
    rows = [[""] + columns]
    for contestant in contestants:
        row = [contestant]
        for form in columns:
            values = forms[form].get(contestant, {}).get(metric)
            hark = forms[form].get("hark", {}).get(metric)
            base = statistics.median(hark) / scale if hark and metric not in ("wake_ups",) else 0
            row.append(cell(values, digits, scale, base) if values else "-")
        if any(text != "-" for text in row[1:]):
            rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows) if columns else ""


def text_of(data):
    about = data["about"]
    before, after = (", ".join(f"{value:.1f}" for value in about[f"load_average_{when}"]) for when in ("before", "after"))
    lines = [
        f"made by      {about['command']}, {about['began']}, {about['seconds']} s, commit {about['commit']}",
        *([f"counts       of system calls and instructions by {about['counts_from']}"] if "counts_from" in about else []),
        f"kernel       {about['kernel']}",
        f"CPU          {about['cpu']}, {about['cpus']} of them; server on {about['server_cpu']}, load generator on {about['load_cpu']}",
        f"compiler     {about['compiler']}",
        "libraries    " + ", ".join(f"{name} {version}" for name, version in about["libraries"].items() if version),
        f"load average {before} before; {after} after",
        "",
        "Each figure: the median of the rounds (the lowest - the highest) and its ratio to hark on io_uring, the first row.",
    ]
    for workload, metrics in SHOWN.items():
        forms = data["results"].get(workload)
        if not forms:
            continue
        lines += ["", f"== {workload}"]
        for metric, heading, digits in metrics:
            text = table(forms, metric, digits)
            if text:
                rounds = max(len(found[name].get(metric, [])) for found in forms.values() for name in found)
                lines += ["", f"-- {heading}" + (f"; rounds: {rounds}" if metric not in COUNTED and workload != "idle" else ""), text]
    if data["failures"]:
        lines += ["", "== not measured", *data["failures"]]
    return "\n".join(lines) + "\n"


# --- plots ---

HEAD = """set terminal svg size 900,420 dynamic noenhanced font 'sans,12' background rgb 'white'
set output '{output}'
set title '{title}'
set key outside right top
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
"""
COLOURS = {
    "hark": "#1b6ca8",
    "hark, epoll": "#7fb3d9",
    "hark, poll": "#5b7f95",
    "hark, select": "#a7bcc8",
    "io_uring by hand": "#333333",
    "epoll by hand": "#999999",
    "libev": "#d08c2a",
    "libevent": "#a05195",
    "libuv": "#c0392b",
    "libuv, uv_write": "#e08e86",
    "libuv, 32 threads": "#e08e86",
    "pread": "#2f8f5b",
}


def median_of(forms, form, contestant, metric, scale):
    values = forms[form].get(contestant, {}).get(metric)
    return statistics.median(values) * scale if values else None


def bars(out, data, name, workload, metric, title, scale=1.0, relative=False, logarithmic=False, skip=()):
    """A group of bars for each form, a bar for each contestant."""
    forms = data["results"].get(workload, {})
    forms = {form: found for form, found in forms.items() if any(found[c].get(metric) for c in found)}
    contestants = []
    for found in forms.values():
        contestants += [c for c in found if c not in contestants and c not in skip and found[c].get(metric)]
    if not forms or not contestants:
        return
    lines = []
    for form in forms:
        base = median_of(forms, form, "hark", metric, scale) if relative else 1
        values = [median_of(forms, form, c, metric, scale) for c in contestants]
        lines.append(f'"{form}" ' + " ".join("NaN" if v is None or not base else f"{v / base:.4f}" for v in values))
    script = HEAD.format(output=out / f"{name}.svg", title=title)
    script += "set style data histogram\nset style histogram clustered gap 1.5\nset style fill solid 0.9 noborder\nset boxwidth 0.95\n"
    script += "set logscale y\n" if logarithmic else "set yrange [0:*]\n"
    script += "$data <<EOD\n" + "\n".join(lines) + "\nEOD\n"
    script += "plot " + ", ".join(
        f"$data using {i + 2}:xtic(1) title '{c}' lc rgb '{COLOURS[c]}'" for i, c in enumerate(contestants)
    )
    script += ", 1 with lines lc rgb '#1b6ca8' dt 2 notitle\n" if relative else "\n"
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def lines(out, data, name, workload, metric, title):
    """A line for each contestant over the number of connections, both axes logarithmic."""
    forms = data["results"].get(workload, {})
    contestants = []
    for found in forms.values():
        contestants += [c for c in found if c not in contestants]
    if not contestants:
        return
    script = HEAD.format(output=out / f"{name}.svg", title=title) + "set logscale xy\nset xlabel 'connections'\n"
    for i, contestant in enumerate(contestants):
        points = [(form.replace(",", ""), median_of(forms, form, contestant, metric, 1.0)) for form in forms]
        script += f"$data{i} <<EOD\n" + "\n".join(f"{x} {y:.4f}" for x, y in points if y) + "\nEOD\n"
    script += "plot " + ", ".join(
        f"$data{i} using 1:2 with linespoints pt 7 lw 2 lc rgb '{COLOURS[c]}' title '{c}'" for i, c in enumerate(contestants)
    )
    subprocess.run(["gnuplot"], input=script + "\n", text=True, check=True)


def plots(out, data):
    if not shutil.which("gnuplot"):
        print("no gnuplot: no plots")
        return
    bars(out, data, "echo_cpu", "echo", "cpu_us", "echo: server CPU time per message, hark = 1 (less is better)", relative=True)
    bars(out, data, "echo_instructions", "echo", "instructions", "echo: user-space instructions per message (less is better)")
    lines(out, data, "mostly_idle", "mostly idle", "cpu_us", "10 active connections among many: server CPU per message, us (less is better)")
    bars(out, data, "connections", "connections", "cpu_us", "a connection accepted, answered and closed: server CPU, us (less is better)")
    bars(out, data, "files", "files", "per_second", "random 4 KiB reads per second, thousands (more is better)", 1e-3, logarithmic=True)
    bars(out, data, "stat", "stat", "per_second", "stats per second, thousands, by the number in flight (more is better)", 1e-3)
    million(out, data)
    bars(out, data, "idle", "idle", "bytes_each", "resident bytes per idle connection (less is better)")


def million(out, data):
    """The timers' metrics as groups of one plot."""
    found = data["results"].get("timers", {}).get("a million", {})
    names = {"start_ns": "start", "restart_ns": "restart", "stop_ns": "stop", "expiry_ns": "expiry"}
    forms = {heading: {c: {"ns": found[c].get(metric)} for c in found} for metric, heading in names.items()}
    if found:
        bars(out, {"results": {"timers": forms}}, "timers", "timers", "ns", "a million timers: ns each (less is better)", logarithmic=True)


def write(out):
    data = json.loads((out / "results.json").read_text())
    (out / "results.txt").write_text(text_of(data))
    plots(out, data)


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))

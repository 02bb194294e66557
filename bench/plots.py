"""Plots from results.json, by gnuplot."""

import shutil
import statistics
import subprocess

HEAD = """set terminal svg size {width},420 dynamic noenhanced font 'sans,12' background rgb 'white'
set output '{output}'
set title '{title}'
set key outside right top
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set xtics scale 0
"""
COLOURS = {
    "hark": "#1b6ca8",
    "hark, epoll": "#7fb3d9",
    "hark, poll": "#5b7f95",
    "hark, select": "#a7bcc8",
    "hark, copy_file_range": "#2a4d69",
    "io_uring by hand": "#333333",
    "epoll by hand": "#999999",
    "libev": "#d08c2a",
    "libevent": "#a05195",
    "libevent, plain events": "#c99bc0",
    "libuv": "#c0392b",
    "libuv, uv_write": "#e08e86",
    "libuv, 32 threads": "#e08e86",
    "libuv, copyfile": "#7d1f15",
    "libuv, an async each": "#e08e86",
    "blocking calls": "#2f8f5b",
}
# For what has no colour of its own.
OTHERS = list(dict.fromkeys(COLOURS.values()))


def colour(name, place):
    return COLOURS.get(name, OTHERS[place % len(OTHERS)])


def median_of(forms, form, contestant, figure, scale=1.0):
    values = forms[form].get(contestant, {}).get(figure)
    return statistics.median(values) * scale if values else None


def drawn(script):
    done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"gnuplot: {done.stderr.strip()}")


def bars(out, name, forms, figure, title, scale=1.0, relative_to=None, logarithmic=False, width=900):
    """A group of bars for each form, a bar for each contestant; where it is relative to one of them, that one is 1."""
    forms = {form: found for form, found in forms.items() if any(found[c].get(figure) for c in found)}
    contestants = []
    for found in forms.values():
        contestants += [c for c in found if c not in contestants and found[c].get(figure)]
    if not forms or not contestants:
        return
    lines = []
    for form in forms:
        base = median_of(forms, form, relative_to, figure, scale) if relative_to else 1
        values = [median_of(forms, form, c, figure, scale) for c in contestants]
        lines.append(f'"{form}" ' + " ".join("NaN" if v is None or not base else f"{v / base:.4f}" for v in values))
    script = HEAD.format(output=out / f"{name}.svg", title=title.replace("'", "''"), width=width)
    script += "set style data histogram\nset style histogram clustered gap 1.5\nset style fill solid 0.9 noborder\nset boxwidth 0.95\n"
    script += "set logscale y\n" if logarithmic else "set yrange [0:*]\n"
    script += "$data <<EOD\n" + "\n".join(lines) + "\nEOD\n"
    script += "plot " + ", ".join(f"$data using {i + 2}:xtic(1) title '{c}' lc rgb '{colour(c, i)}'" for i, c in enumerate(contestants))
    script += ", 1 with lines lc rgb '#1b6ca8' dt 2 notitle\n" if relative_to else "\n"
    drawn(script)


def lines_over_connections(out, name, forms, figure, title, over="connections"):
    """A line for each contestant over the number of connections, both axes logarithmic."""
    contestants = []
    for found in forms.values():
        contestants += [c for c in found if c not in contestants]
    if not contestants:
        return
    script = HEAD.format(output=out / f"{name}.svg", title=title.replace("'", "''"), width=900) + f"set logscale xy\nset xlabel '{over}'\n"
    for i, contestant in enumerate(contestants):
        points = [(form.replace(",", ""), median_of(forms, form, contestant, figure)) for form in forms]
        script += f"$data{i} <<EOD\n" + "\n".join(f"{x} {y:.4f}" for x, y in points if y) + "\nEOD\n"
    script += "plot " + ", ".join(
        f"$data{i} using 1:2 with linespoints pt 7 lw 2 lc rgb '{colour(c, i)}' title '{c}'" for i, c in enumerate(contestants)
    )
    drawn(script + "\n")


def by_figure(found, names):
    """One form's figures as forms of their own: {"start": {contestant: {"value": [...]}}}."""
    return {heading: {c: {"value": found[c].get(figure)} for c in found} for figure, heading in names.items()}


def write(out, results):
    if not shutil.which("gnuplot"):
        print("no gnuplot: no plots")
        return
    of = lambda workload: results.get(workload, {})
    draw = lambda name, workload, figure, title, *more, **options: bars(out, name, of(workload), figure, title, *more, **options)
    less, more = "(less is better)", "(more is better)"
    draw("echo_cpu", "echo", "cpu_us", f"echo: server CPU time per message, hark = 1 {less}", relative_to="hark", width=1100)
    draw("echo_instructions", "echo", "instructions", f"echo: user-space instructions per message {less}", logarithmic=True)
    title = f"10 active connections among many: server CPU per message, us {less}"
    lines_over_connections(out, "mostly_idle", of("mostly idle"), "cpu_us", title)
    title = f"from the start until the log of the command is open, ms, by the number of streams {less}"
    lines_over_connections(out, "streams", of("streams"), "open_ms", title, "streams")
    title = f"resident bytes for each stream of the command's log {less}"
    lines_over_connections(out, "streams_memory", of("streams"), "bytes_each", title, "streams")
    draw("connections", "connections", "cpu_us", f"a connection accepted, answered and closed: server CPU, us {less}")
    draw("bulk", "bulk", "cpu_us", f"bulk transfer: server CPU per MiB, us, client to server (up) and back (down) {less}")
    title = f"random 4 KiB reads per second, thousands, by the number under way {more}"
    draw("files", "files", "per_second", title, 1e-3, logarithmic=True, width=1100)
    draw("stat", "stat", "per_second", f"stats per second, thousands, by the number under way {more}", 1e-3)
    draw("append", "append", "per_second", f"durable appends per second, thousands {more}", 1e-3, logarithmic=True)
    draw("copy", "copy", "per_second", f"1 GiB copied in blocks of 256 KiB, from cache to cache: GiB per second {more}", 1 / 1024)
    names = {"start_ns": "start", "restart_ns": "restart", "stop_ns": "stop", "expiry_ns": "expiry"}
    forms = by_figure(of("timers").get("a million", {}), names)
    bars(out, "timers", forms, "value", f"a million timers: ns each {less}", logarithmic=True)
    draw("posts", "posts", "per_second", f"items from other threads per second, millions {more}", 1e-6, logarithmic=True)
    title = f"hark without one feature of io_uring: server CPU, all on = 1 {less}"
    draw("features", "features", "cpu_us", title, relative_to="all on", width=1100)
    names = {"bytes_each": "all", "bytes_beyond": "without the program's own struct"}
    forms = by_figure(max(of("idle").values(), key=len, default={}), names)
    bars(out, "idle", forms, "value", f"resident bytes per idle connection {less}")

"""What hark sets out to reach beside its peers, and how far this run's figures are from it.

A target is a ratio within one run, the median of those of its rounds, except for those that are plain numbers. Each has a row for
each form of its workload that was measured, and for each peer."""

import statistics

# To each of some peers, in each form: workload, figure, contestant, {peer: ratio}, and whether that is the most ("at most") or the
# least ("at least") that the ratio may be.
ON_URING = {"io_uring by hand": 1.05, "libuv": 0.6, "libuv, uv_write": 0.6, "libev": 0.95, "epoll by hand": 0.95}
ON_EPOLL = {"epoll by hand": 1.05, "libev": 1.0}
RATIOS = [
    ("echo", "cpu_us", "hark", ON_URING, "at most"),
    ("echo", "cpu_us", "hark, epoll", ON_EPOLL, "at most"),
    ("echo", "cpu_us", "hark, again", {"hark": None}, "-"),  # the same program twice: what a ratio may be by chance
    ("readiness", "cpu_us", "hark, polls", {"epoll by hand": 1 / 0.95, "libev": 1 / 0.95}, "at most"),
    ("readiness", "cpu_us", "hark, polls on epoll", {"epoll by hand": 1 / 0.95, "libev": 1 / 0.95}, "at most"),
    ("mostly idle", "cpu_us", "hark", ON_URING, "at most"),
    ("mostly idle", "cpu_us", "hark, epoll", ON_EPOLL, "at most"),
    ("files", "per_second", "hark", {"io_uring by hand": 0.95}, "at least"),
    *(("timers", f"{what}_ns", "hark", {"libev": 1.0}, "at most") for what in ("start", "restart", "stop", "expiry")),
    ("posts", "per_second", "hark", {"libuv, an async each": 2.0}, "at least"),
    ("posts", "p50_us", "hark", {"libuv": 1.0}, "at most"),
]
# The same for single forms: workload, form, ...
RATIOS_OF_FORM = [
    ("echo", "1,000", "instructions", "hark", {"libev": 0.6}, "at most"),
    ("files", "direct, 32", "per_second", "hark", {"libuv": 2.0}, "at least"),
    ("files", "cached, 1", "per_second", "hark", {"libuv": 10.0}, "at least"),
]
# Against the best of several peers: workload, figure, those it is the best of (None: all but hark), ratio, sense.
LIBUV = ["libuv", "libuv, 32 threads", "libuv, uv_queue_work"]
BEST = [
    ("bulk", "per_second", None, 1.0, "at least"),
    ("connections", "cpu_us", ["libuv", "libev", "libevent", "epoll by hand"], 1 / 1.1, "at most"),
    ("stat", "per_second", LIBUV, 1.0, "at least"),
    ("copy", "per_second", LIBUV, 1.0, "at least"),
]
# No target, for comparison alone: what merges its wake-ups hands over a queue of the program's own; a larger pool; and a copy inside
# the kernel.
COMPARED = [
    ("posts", "1 poster", "per_second", "hark", {"libuv": None, "libev": None, "libevent": None, "epoll by hand": None}, "-"),
    ("posts", "4 posters", "per_second", "hark", {"libuv": None, "libev": None, "libevent": None, "epoll by hand": None}, "-"),
    ("files", "direct, 32", "per_second", "hark", {"libuv, 32 threads": None}, "-"),
    ("files", "cached, 1", "per_second", "hark", {"libuv, 32 threads": None}, "-"),
    ("copy", "1 under way", "per_second", "hark", {"libuv, copyfile": None, "blocking calls": None}, "-"),
    ("copy", "1 under way", "per_second", "hark, copy_file_range", {"libuv, copyfile": None}, "-"),
]
# Plain numbers: workload, figure, contestant, the most it may be.
NUMBERS = [
    ("idle", "bytes_beyond", "hark", 128),
    *(("idle", "wake_ups", name, 0) for name in ("hark", "hark, epoll", "hark, poll", "hark, select")),
]
MEANS = {
    "cpu_us": "CPU",
    "per_second": "per second",
    "p50_us": "p50",
    "instructions": "instructions",
    "bytes_beyond": "bytes beyond the program's struct",
    "wake_ups": "wake-ups",
}


def median(results, workload, form, contestant, figure):
    values = results.get(workload, {}).get(form, {}).get(contestant, {}).get(figure)
    return statistics.median(values) if values else None


def ratios(ours, theirs):
    """Round by round: what disturbs a round disturbs both. Where a round is missing, that of the medians."""
    if len(ours) == len(theirs):
        return [our / their for our, their in zip(ours, theirs)]
    return [statistics.median(ours) / statistics.median(theirs)]


def verdict(value, target, sense):
    """ "holds", or by how much of the target it does not."""
    if target is None:
        return "for comparison"
    if (value <= target) if sense == "at most" else (value >= target):
        return "holds"
    return f"missed by {abs(value / target - 1) * 100:.1f} %" if target else f"missed by {value:g}"


def ratio_row(results, workload, form, figure, contestant, peer, target, sense, named=None):
    found = results.get(workload, {}).get(form, {})
    ours, theirs = (found.get(name, {}).get(figure) for name in (contestant, peer))
    if not ours or not theirs or not all(theirs):
        return None
    each = ratios(ours, theirs)
    ratio = statistics.median(each)
    spread = f" ({min(each):.2f}-{max(each):.2f})" if len(each) > 1 else ""
    what = MEANS.get(figure, figure.removesuffix("_ns"))
    wanted = "-" if target is None else f"{sense} {target:.2f}"
    words = [f"{workload}, {form}", f"{what}, {contestant} to {named or peer}", f"{ratio:.2f}{spread}", wanted]
    return [*words, verdict(ratio, target, sense)]


def best_of(results, workload, form, figure, names, sense):
    found = {name: median(results, workload, form, name, figure) for name in results[workload][form]}
    found = {name: value for name, value in found.items() if value and (name in names if names else not name.startswith("hark"))}
    if not found:
        return None
    return (min if sense == "at most" else max)(found, key=found.get)


def rows(results):
    found = []
    wanted = [(workload, form, *rest) for workload, *rest in RATIOS for form in results.get(workload, {})]
    for workload, form, figure, contestant, peers, sense in wanted + RATIOS_OF_FORM + COMPARED:
        found += [ratio_row(results, workload, form, figure, contestant, peer, ratio, sense) for peer, ratio in peers.items()]
    for workload, figure, names, ratio, sense in BEST:
        for form in results.get(workload, {}):
            if best := best_of(results, workload, form, figure, names, sense):
                found.append(ratio_row(results, workload, form, figure, "hark", best, ratio, sense, f"the best: {best}"))
    for workload, figure, contestant, most in NUMBERS:
        for form in results.get(workload, {}):
            value = median(results, workload, form, contestant, figure)
            if value is not None:
                words = [f"{workload}, {form}", f"{MEANS[figure]}, {contestant}", f"{value:.0f}", f"at most {most}"]
                found.append([*words, verdict(value, most, "at most")])
    return [row for row in found if row]


def lines(results, aligned):
    """The table, by the function that lays out rows."""
    found = rows(results)
    if not found:
        return []
    held = sum(row[-1] == "holds" for row in found)
    meant = sum(row[-1] != "for comparison" for row in found)
    head = ["", "figure", "this run", "target", ""]
    return [f"== targets: {held} of {meant} hold", "", aligned([head] + found)]

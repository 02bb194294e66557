"""Very many streams: what each takes of memory, how long a start takes, and what a turn of the loop takes at most while they are
made. There is nobody to compare with: the figures are by the number of streams."""

import pathlib
import re
import shutil

from contestants import BUILD
from measure import DATA, run_program

STREAMS_FORMS = {"1,000": 1000, "10,000": 10000, "100,000": 100000, "1,000,000": 1000000, "10,000,000": 10000000}
BYTES_EACH = 1000  # of memory and of disk, and more than that


def free_memory():
    text = pathlib.Path("/proc/meminfo").read_text()
    return 1024 * int(re.search(r"MemAvailable:\s+(\d+)", text)[1])


def streams(results):
    path = BUILD / "bench/streams_hark"
    if not path.exists():
        return results.skip("streams: the command is not built")
    data = DATA / "streams"
    forms = {"10,000": 10000} if results.quick else STREAMS_FORMS
    for form, count in forms.items():
        if shutil.disk_usage(DATA).free < 2 * BYTES_EACH * count or free_memory() < BYTES_EACH * count:
            results.skip(f"streams, {form}: there is not enough memory or disk")
            continue
        shutil.rmtree(data, ignore_errors=True)
        made = run_program([path, "make", data, count, 1], {})
        results.keep("streams", form, "made", {"bytes_each": made["bytes_each"], "longest_turn_us": made["longest_turn_us"]})
        for name, verb in (("killed", "start"), ("killed again", "end"), ("ended", "start")):
            seen = run_program([path, verb, data], {})
            if name != "killed again":
                results.keep("streams", form, name, {"open_ms": seen["open_ms"], "bytes_each": seen["bytes_each"]})
        shutil.rmtree(data, ignore_errors=True)

"""Who is measured: the contestants by the names that tables and plots use, and who takes part in what.

A contestant is a program, bench/WORKLOAD_LIBRARY.c, and what its environment holds; or one that is installed. The first one named for a workload is what the
others are put in a ratio to.
"""

import functools
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build-bench"

# name: (library in the program's name, environment)
CONTESTANTS = {
    "hark": ("hark", {"HARK_BACKEND": "uring"}),
    "hark, again": ("hark", {"HARK_BACKEND": "uring"}),
    "hark, epoll": ("hark", {"HARK_BACKEND": "epoll"}),
    "hark, poll": ("hark", {"HARK_BACKEND": "poll"}),
    "hark, select": ("hark", {"HARK_BACKEND": "select"}),
    "hark, polls": ("hark_polls", {"HARK_BACKEND": "uring"}),
    "hark, polls on epoll": ("hark_polls", {"HARK_BACKEND": "epoll"}),
    "hark, copy_file_range": ("hark_range", {}),
    "io_uring by hand": ("uring", {}),
    "by hand, direct descriptors": ("uring", {"ECHO_URING": "direct"}),
    "by hand, min_wait 50 us": ("uring", {"ECHO_URING": "min_wait"}),
    "epoll by hand": ("epoll", {}),
    "libev": ("ev", {}),
    "libev, io_uring": ("ev", {"LIBEV_FLAGS": "128"}),
    "libevent": ("event", {}),
    "libevent, plain events": ("event_plain", {}),
    "libevent, changelist": ("event_plain", {"EVENT_EPOLL_USE_CHANGELIST": "1"}),
    "libuv": ("uv", {}),
    "libuv, uv_write": ("uv", {"ECHO_UV_QUEUED": "1"}),
    "libuv, 32 threads": ("uv", {"UV_THREADPOOL_SIZE": "32"}),
    "libuv, O_DSYNC": ("uv", {"APPEND_DSYNC": "1"}),
    "libuv, uv_queue_work": ("uv_work", {}),
    "libuv, copyfile": ("uv_copyfile", {}),
    "libuv, an async each": ("uv_each", {}),
    "blocking calls": ("blocking", {}),
    "OpenSSL by hand": ("openssl", {}),
    "nginx": ("nginx", {}),
}

SERVERS = ["hark", "hark, epoll", "io_uring by hand", "epoll by hand", "libev", "libevent", "libuv"]
ECHO = ["hark", "hark, again", *SERVERS[1:-1], "libevent, plain events", "libuv", "libuv, uv_write"]
TRIED = ["io_uring by hand", "by hand, direct descriptors", "by hand, min_wait 50 us", "hark", "libev", "libev, io_uring"]
TRIED += ["libevent, plain events", "libevent, changelist"]
READINESS = ["hark, polls", "hark, polls on epoll", "epoll by hand", "libev", "libevent, plain events"]
MOSTLY_IDLE = ["hark", "hark, epoll", "hark, poll", "hark, select", "io_uring by hand", "epoll by hand", "libev", "libuv"]
IDLE = ["hark", "hark, epoll", "hark, poll", "hark, select", *ECHO[3:-1]]
FILES = ["hark", "hark, epoll", "io_uring by hand", "libuv", "libuv, 32 threads", "blocking calls"]
APPEND = ["hark", "hark, epoll", "io_uring by hand", "libuv", "libuv, O_DSYNC", "blocking calls"]
COPY = [*FILES, "libuv, uv_queue_work", "hark, copy_file_range", "libuv, copyfile"]
TIMERS = ["hark", "libev", "libevent", "libuv"]
TLS = ["OpenSSL by hand", "hark", "hark, epoll", "hark, poll", "hark, select", "nginx"]
POSTS = [*SERVERS, "libuv, an async each"]

# glibc gives the end of its heap back to the kernel, and takes it again, whenever the last block is freed. What allocates for each
# message, as libevent and uv_write do, may then spend most of its time on that. Here it is switched off, for everyone.
TRIMMING_OFF = {"MALLOC_TRIM_THRESHOLD_": str(256 << 20)}


def nginx():
    """The path of nginx; None where it is not installed."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


def program(workload, contestant):
    """The path of a contestant's program; None where it cannot be measured: no such file in bench/, no library, no io_uring."""
    library, variables = CONTESTANTS[contestant]
    if library == "nginx":
        return nginx()
    if (library == "uring" or variables.get("HARK_BACKEND") == "uring") and features() is None:
        return None
    path = BUILD / "bench" / f"{workload}_{library}"
    return path if path.exists() else None


def environment(contestant):
    return {**TRIMMING_OFF, **CONTESTANTS[contestant][1]}


@functools.cache
def features():
    """The names of the features of io_uring that hark uses here; None where there is no io_uring."""
    done = subprocess.run([BUILD / "bench" / "features_hark"], capture_output=True, text=True, timeout=20)
    return done.stdout.split() if done.returncode == 0 else None


def missing():
    """Why contestants are missing, a line each."""
    built = {path.name.split("_", 1)[1] for path in (BUILD / "bench").glob("*_*") if path.is_file() and os.access(path, os.X_OK)}
    built |= {"nginx"} if nginx() else set()
    lines = [f"{name}: it is not installed" for name, (library, _) in CONTESTANTS.items() if library not in built]
    return lines + ([] if features() is not None else ["hark on io_uring, io_uring by hand: there is no io_uring here"])

#!/usr/bin/env python3
"""Runs a program with sockets that listen already, as a service manager does (sd_listen_fds(3)).

Usage: activated.py NAME[,NAME]... PROGRAM [ARGUMENT]...
A name "file" stands for what is no socket.
"""

import os
import socket
import sys

FIRST = 3


def main() -> None:
    names = sys.argv[1].split(",")
    opened = []
    for name in names:
        if name == "file":
            opened.append(os.open("/dev/null", os.O_RDONLY))
            continue
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        one.listen()
        opened.append(one.detach())
    high = [os.dup2(fd, FIRST + 100 + i, inheritable=False) for i, fd in enumerate(opened)]
    for i, fd in enumerate(high):
        os.dup2(fd, FIRST + i)
    os.environ.update(LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names), LISTEN_PID=str(os.getpid()))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs a program under a seccomp filter that refuses io_uring_setup(2), as containers do, or the call of another number.

Usage: without_uring.py EPERM|ENOSYS|kill[:NUMBER] PROGRAM [ARGUMENT]...
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
RET_KILL, RET_ERRNO, RET_ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
IO_URING_SETUP = 425  # on every architecture


def instruction(code: int, jump_true: int, jump_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, jump_true, jump_false, value)


def main() -> None:
    word, _, number = sys.argv[1].partition(":")
    answer = RET_KILL if word == "kill" else RET_ERRNO | getattr(errno, word)
    program = (
        instruction(LOAD, 0, 0, 0)  # the number of the system call
        + instruction(EQUAL, 0, 1, int(number or IO_URING_SETUP))
        + instruction(RETURN, 0, 0, answer)
        + instruction(RETURN, 0, 0, RET_ALLOW)
    )
    code = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0)):
        if libc.prctl(*arguments):
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()

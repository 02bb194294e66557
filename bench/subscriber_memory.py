"""What a subscriber that waits costs the server: the memory that the process holds by itself, for each of many.

usage: python3 bench/subscriber_memory.py HARK [COUNT [PATH]]      as bench/subscriber_memory.py build/cmd/hark/hark 3500
"""

import pathlib
import re
import resource
import socket
import subprocess
import sys
import tempfile

ASKS = "{} {} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nContent-Length: {}\r\n\r\n"


def held(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024


def main(hark, count="3500", path="/streams/a"):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as data:
        command = [hark, "serve", "--data", data, "--http", "127.0.0.1:0", "--lines", "off"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            port = next(int(found[1]) for line in server.stderr if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
            with socket.create_connection(("127.0.0.1", port)) as publisher:
                publisher.sendall((ASKS.format("POST", "/streams/a", 1) + "x").encode())
                publisher.recv(4096)
            before = held(server)
            readers = [socket.create_connection(("127.0.0.1", port)) for _ in range(int(count))]
            for reader in readers:
                reader.sendall(ASKS.format("GET", path, 0).encode())
            for reader in readers:
                if b" 200 " not in reader.recv(4096):
                    sys.exit("a subscriber was refused")
            print(f"{(held(server) - before) / len(readers):.0f} bytes for each of {count} at {path}")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

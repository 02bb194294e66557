"""The checks of the examples in which libraries of others run on a loop, with their servers as the other side."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from example import CHECKS, PATIENCE, Wrong, certificate, check, descriptors, expect, expect_sleep, receive_all


def answer_names(server):
    """A name server: somebody.test is 127.0.0.7 and has no IPv6; nobody else is there."""
    while True:
        question, asker = server.recvfrom(2048)
        if question == b"end":
            return
        end = question.index(b"\0", 12) + 5
        known = question[12:].lower().startswith(b"\x08somebody\x04test\0")
        answers = known and question[end - 4 : end - 2] == b"\0\1"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\7" if answers else b""
        head = question[:2] + bytes([0x85, 0x80 if known else 0x83, 0, 1, 0, 1 if answers else 0, 0, 0, 0, 0])
        server.sendto(head + question[12:end] + record, asker)


@check("23_dns")
def dns(example, folder):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        answering = threading.Thread(target=answer_names, args=(server,))
        answering.start()
        try:
            where = f"127.0.0.1:{server.getsockname()[1]}"
            asked = example.run("-s", where, "somebody.test", "127.0.0.9", "nobody.test.", "somebody.test.", code=1)
        finally:
            server.sendto(b"end", server.getsockname())
            answering.join()
    said = sorted(asked.stdout.splitlines())
    expect(
        said == ["127.0.0.9 127.0.0.9:80", "somebody.test 127.0.0.7:80", "somebody.test. 127.0.0.7:80"],
        f"it found {said}",
    )
    expect(asked.stderr == "23_dns: nobody.test.: No address is known for that name\n", f"it said {asked.stderr!r}")
    example.run(code=2)


def http2_tool(name, *arguments, code=0):
    """What one of nghttp2's programs, or curl, says; None where it is not installed."""
    if not shutil.which(name):
        return None
    ended = subprocess.run([name, *arguments], capture_output=True, timeout=PATIENCE)
    expect(ended.returncode == code, f"{name} gives {ended.returncode} and says:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return ended.stdout


def http2_talk(where, *trust):
    plainly = [] if where.startswith("https") else ["--http2-prior-knowledge"]
    ask = ["-sS", "--http2", *plainly, *trust, "--max-time", str(PATIENCE)]
    for path, data in (("0", []), ("3000000", []), ("", ["--data-binary", "x" * 100_000])):
        answered = http2_tool("curl", *ask, "-w", "%{http_version}", *data, f"{where}/{path}")
        count = len(data[1]) if data else int(path)
        expect(answered in (None, b"h" * count + b"2"), f"of /{path} curl has {len(answered or b'')} bytes")
    # The client's patience is at its end: the server goes on.
    http2_tool("curl", *ask[:-1], "0.2", f"{where}/never", code=28)
    answered = http2_tool("nghttp", "-m", "50", f"{where}/1000")
    expect(answered in (None, b"h" * 50_000), "nghttp has other bytes than it asked for")


def http2_load(where, requests):
    said = http2_tool("h2load", "-n", str(requests), "-c", "10", "-m", "20", f"{where}/100")
    expect(said is None or f"{requests} done, {requests} succeeded" in said.decode(), f"h2load says:\n{(said or b'').decode()}")


@check("24_http2")
def http2(example, folder):
    chain, key = certificate(folder, "server")
    with example.serve() as server:
        where = f"http://127.0.0.1:{server.port}"
        before = descriptors(server.process)
        http2_talk(where)
        for _ in range(10):  # ten connections each time
            http2_load(where, 10_000)
        with server.connect() as other:
            other.sendall(b"GET / HTTP/1.1\r\n\r\n")
            other.settimeout(PATIENCE)
            try:
                receive_all(other)
            except ConnectionResetError:
                pass
        expect(server.process.poll() is None, "it has ended")
        expect_sleep(server.process)
        for _ in range(600):  # connections that their clients have left are closed in its own time
            if descriptors(server.process) <= before:
                break
            time.sleep(0.1)
        expect(descriptors(server.process) <= before, "it has kept descriptors")
        expect(server.end(signal.SIGTERM) == 0, "its exit code is not 0")
    with example.again().serve(chain, key) as server:
        where = f"https://localhost:{server.port}"
        http2_talk(where, "--cacert", chain)
        http2_load(where, 10_000)
        expect(server.end(signal.SIGINT) == 0, "over TLS its exit code is not 0")


def ssh_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=PATIENCE)
    return pathlib.Path(f"{path}.pub").read_text()


def ssh_server(folder):
    """OpenSSH's, a process for each connection, whose keys are made here: its configuration, and the line of its known host."""
    ssh_key(folder / "key")
    ssh_key(folder / "strange")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)  # as Debian's script does at a system's start
    told = {
        "HostKey": folder / "host", "AuthorizedKeysFile": folder / "key.pub", "StrictModes": "no", "UsePAM": "no",
        "PermitRootLogin": "yes", "PidFile": "none", "UseDNS": "no", "LogLevel": "QUIET",
    }
    (folder / "sshd.conf").write_text("".join(f"{name} {value}\n" for name, value in told.items()))
    return folder / "sshd.conf", ssh_key(folder / "host")


@check("25_ssh")
def ssh(example, folder):
    example.run(code=2)
    server = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not server or not shutil.which("ssh-keygen"):
        return
    configuration, host = ssh_server(folder)
    user = pwd.getpwuid(os.getuid()).pw_name
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = f"127.0.0.1:{listening.getsockname()[1]}"
        (folder / "known").write_text(f"[127.0.0.1]:{where.split(':')[1]} {host}")
        (folder / "others").write_text(f"[127.0.0.1]:{where.split(':')[1]} {(folder / 'strange.pub').read_text()}")

        def ask(key, known, command, code):
            asking = threading.Thread(target=lambda: asked.append(example.run(where, user, str(key), str(known), command, code=code)))
            asked = []
            asking.start()
            connection, _ = listening.accept()
            with connection, subprocess.Popen([server, "-i", "-f", configuration], stdin=connection, stdout=connection) as serving:
                asking.join()
                serving.wait(PATIENCE)
            expect(asked, "it did not end as it should")
            return asked[0]

        said = ask(folder / "key", folder / "known", "echo out; echo err >&2; exit 5", 5)
        expect(said.stdout == "out\n", f"it said {said}")
        much = ask(folder / "key", folder / "known", "head -c 3000000 /dev/zero", 0)
        expect(len(much.stdout) == 3_000_000, f"of much, {len(much.stdout)} bytes came")
        said = ask(folder / "key", folder / "others", "echo out", 255)
        expect(said.stdout == "" and "cannot trust the host" in said.stderr, f"of a strange host it said {said}")
        said = ask(folder / "strange", folder / "known", "echo out", 255)
        expect(said.stdout == "" and "cannot log in" in said.stderr, f"with a strange key it said {said}")
    said = example.run(where, user, str(folder / "key"), str(folder / "known"), "true", code=255)
    expect("cannot connect" in said.stderr, f"refused, it said {said}")


class Server:
    """A server of others, which ends with the `with` that it is started in."""

    def __init__(self, arguments, **how):
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)

    def wait_for(self, words):
        """Reads what it says up to the line with these words."""
        said = b""
        for line in self.process.stdout:
            said += line
            if words in line.decode(errors="replace"):
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return line.decode(errors="replace")
        raise Wrong(f"{self.process.args[0]} ended, and said:\n{said.decode(errors='replace')}")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.process.kill()
        self.process.wait()


def free_port():
    """A port that nobody has now: for servers that cannot be asked which one they have chosen."""
    with socket.socket() as trying:
        trying.bind(("127.0.0.1", 0))
        return trying.getsockname()[1]


@check("30_redis")
def redis(example, folder):
    example.run(code=2)
    if shutil.which("redis-server"):
        port = str(free_port())
        command = ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", str(folder)]
        with Server(command) as server:
            server.wait_for("eady to accept connections")
            expect(example.run("127.0.0.1", port, "visits", "20000").stdout == "visits: 20000\n", "it counts otherwise")
            expect(example.run("127.0.0.1", port, "visits", "1").stdout == "visits: 20001\n", "it begins anew")
            with socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE) as other:
                other.sendall(b"SET visits many\r\n")
                other.recv(16)
            said = example.run("127.0.0.1", port, "visits", "1", code=1).stderr
            expect("not an integer" in said, f"of a word it said {said!r}")
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        said = example.run("127.0.0.1", str(refusing.getsockname()[1]), "visits", "1", code=1).stderr
        expect(said == "30_redis: cannot connect: Connection refused\n", f"refused, it said {said!r}")


def serve_files(folder):
    """Python's HTTP server, on a port of the kernel's choice."""
    return Server([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), "0"])


@check("31_fetch")
def fetch(example, folder):
    example.run(code=2)
    (folder / "file").write_bytes(b"x" * 300_000)
    with serve_files(folder) as server:
        port = re.search(r"port (\d+)", server.wait_for("Serving HTTP"))[1]
        urls = [f"http://127.0.0.1:{port}/file?{number}" for number in range(30)]
        said = example.run(*urls).stdout.splitlines()
        expect(sorted(said) == sorted(f"{url}: 200, 300000 bytes" for url in urls), f"it said {said}")
        ended = example.run(urls[0], f"http://127.0.0.1:{port}/none", "http://127.0.0.1:1/", code=1)
        expect(f"{urls[0]}: 200, 300000 bytes\n" in ended.stdout and "/none: 404, " in ended.stdout, f"it said {ended.stdout!r}")
        expect(ended.stderr.startswith("31_fetch: http://127.0.0.1:1/: "), f"refused, it said {ended.stderr!r}")


def postgres_program(name):
    """Debian keeps them out of PATH, a folder for each version."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(found[-1]) if found else None)


@check("32_postgres")
def postgres(example, folder):
    example.run(code=2)
    initdb, server = postgres_program("initdb"), postgres_program("postgres")
    if initdb and server:
        how = {}
        if os.getuid() == 0:  # as root it refuses to run
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            how = {"user": user.pw_uid, "group": user.pw_gid}
        data = str(folder / "data")
        subprocess.run([initdb, "-D", data, "-A", "trust", "-U", "hark", "-N"], check=True, capture_output=True, timeout=PATIENCE, **how)
        with Server([server, "-D", data, "-k", str(folder), "-c", "listen_addresses="], cwd=folder, **how) as running:
            running.wait_for("ready to accept connections")
            where = f"host={folder} user=hark dbname=postgres"
            said = example.run(where, "select n, n * n from generate_series(1, 20000) n").stdout.splitlines()
            expect(said == [f"{n}|{n * n}" for n in range(1, 20001)], f"it printed {len(said)} rows, other ones")
            said = example.run(where, "select 1; select 1 / 0", code=1)
            expect(said.stdout == "1\n" and "division by zero" in said.stderr, f"of an error it said {said}")
    said = example.run(f"host={folder / 'none'} user=hark", "select 1", code=1).stderr
    expect(said.startswith("32_postgres: cannot ask: "), f"without a server it said {said!r}")


@check("33_openssl")
def openssl(example, folder):
    example.run(code=2)
    if not shutil.which("openssl"):
        return
    chain, key = certificate(folder, "server")
    for version, trust, code in (("TLSv1.3", chain, 0), ("TLSv1.2", "/nowhere", 1)):
        command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", chain, "-key", key, "-" + version.lower().replace("v", "").replace(".", "_")]
        with Server(command, stdin=subprocess.PIPE) as server:
            where = re.search(r"127\.0\.0\.1:\d+", server.wait_for("ACCEPT "))[0]
            example.environment["SSL_CERT_FILE"] = trust
            said = example.run(where, "localhost", code=code).stdout.splitlines()
            expect(said[0].startswith("0 /CN=localhost: ") and (said[0].endswith(": ok") == (code == 0)), f"it said {said}")
            expect(said[-1].startswith(version + ", "), f"it said {said}")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = "127.0.0.1:%d" % silent.getsockname()[1]
        asking = subprocess.Popen([example.path, where, "localhost"], env=example.environment, stderr=subprocess.PIPE)
        silent.accept()[0].close()  # in the middle of its handshake
        said = asking.communicate(timeout=PATIENCE)[1].decode()
        expect(asking.returncode == 1 and said.startswith("33_openssl: "), f"left alone, it said {said!r}")


@check("34_glib")
def in_glib(example, folder):
    if example.backend in ("poll", "select"):
        said = example.run("0", code=1).stderr
        expect(said == f"34_glib: the backend {example.backend} cannot be inside of another loop\n", f"it said {said!r}")
        return
    with example.serve() as server:
        seen = -1
        while seen < 3:
            with server.connect() as guest:
                said = b""
                while not said.endswith(b"\n"):
                    said += guest.recv(100)
                ticks = int(re.fullmatch(rb"(\d+) ticks so far\n", said)[1])
                expect(ticks >= seen, "the main loop's ticks go backwards")
                seen = ticks
        with server.connect() as staying:
            staying.recv(100)
            expect(server.end(signal.SIGTERM) == 0, "its exit code is not 0")
            expect([server.line(), server.line()] == ["ending after some ticks, 1 guests left", "ended cleanly"], "it ends otherwise")


@check("35_sd_event")
def in_sd_event(example, folder):
    example.run(code=2)
    if example.backend in ("poll", "select"):
        said = example.run(str(folder), code=1).stderr
        expect(said == f"35_sd_event: {folder}: Operation not supported\n", f"it said {said!r}")
        return
    server = example.again()
    server.process = subprocess.Popen([server.path, folder], env=server.environment, stdout=subprocess.PIPE, bufsize=0)
    with server:
        expect(server.line() == "ready", "it does not say that it is ready")
        for turn in range(2):
            for number in range(10):
                (folder / f"{turn}{number}").mkdir()
            changes = 0
            while changes < 10:
                changes += int(re.fullmatch(r"(\d+) changes", server.line())[1])
            expect(changes == 10, f"of 10 changes it told {changes}")
        expect_sleep(server.process)
        expect(server.end(signal.SIGTERM) == 0, "its exit code is not 0")
    said = example.run(str(folder / "none"), code=1).stderr
    expect(said.endswith("none: No such file or directory\n"), f"of what is not there it said {said!r}")


@check("36_records")
def records(example, folder):
    example.run(code=2)
    server = shutil.which("dnsmasq", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not server:
        return
    port = free_port()
    long = "x" * 200
    command = [server, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--log-facility=-", "--pid-file",
               "--user=", "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}", "--local=/test/",
               "--txt-record=a.test,one,two", f"--txt-record=b.test,{long}", "--txt-record=b.test,second"]
    with Server(command) as running:
        running.wait_for("started")
        ended = example.run("-s", f"127.0.0.1:{port}", "a.test", "b.test", "none.test", code=1)
        said = sorted(ended.stdout.splitlines())
        expect(said == ["a.test: onetwo", "b.test: second", f"b.test: {long}"], f"it found {said}")
        expect(ended.stderr == "36_records: none.test: Domain name not found\n", f"it said {ended.stderr!r}")


NAMES = {name for name in CHECKS if int(name[:2]) in (23, 24, 25, *range(30, 37))}

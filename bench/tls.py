"""TLS 1.3: handshakes, bulk transfer and small messages, hark beside OpenSSL by hand and nginx, all with the same certificate, made for the run, on
the curve P-256. The load generators are OpenSSL by hand, and look at no certificate."""

import os

from contestants import BUILD, TLS, environment
from measure import DATA, Server, free_port, run_program, under_load

MIB = 1 << 20
FOLDER = DATA / "tls"
CHAIN, KEY = FOLDER / "chain.pem", FOLDER / "key.pem"
PLACES = 16
# form: handshakes
HANDSHAKE_FORMS = {"full": 1500, "resumed": 1500}
BULK_FORMS = {"down": 1024 * MIB, "up": 1024 * MIB}
# form: connections, size, messages
ECHO_FORMS = {"50": (50, 64, 50000), "50, 4 KiB": (50, 4096, 30000)}
BY_BYTES = [name for name in TLS if name != "nginx"]  # it neither echoes nor takes bytes to throw them away

# As a server of files that does nothing else: one process, no log, buffers as large as the others' blocks.
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null crit;
events {{ worker_connections 1024; multi_accept on; }}
http {{
    access_log off; keepalive_timeout 0; output_buffers 2 256k;
    open_file_cache max=16; open_file_cache_valid 1h;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port} ssl; root {folder}/files;
        ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; ssl_session_cache off;
    }}
}}
"""


def prepared(results):
    """Whether TLS can be measured; then with a certificate."""
    maker = BUILD / "bench" / "certificate_openssl"
    if not maker.exists():
        results.skip("tls: there is no OpenSSL 3 (Debian: libssl-dev), or hark is built without it (-Dtls=disabled)")
        return False
    FOLDER.mkdir(exist_ok=True)
    if not CHAIN.exists():
        run_program([maker, CHAIN, KEY], {})
    return True


def served_file(count):
    """What nginx is asked for: so many bytes, all of them in the page cache."""
    path = FOLDER / "files" / str(count)
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.touch()
        os.truncate(path, count)
    with open(path, "rb") as file:
        while file.read(MIB):
            pass


def server(contestant, path, port):
    """The contestant at this port."""
    if contestant != "nginx":
        return Server([path, port, CHAIN, KEY], environment(contestant), port)
    rules = FOLDER / "nginx.conf"
    rules.write_text(NGINX.format(folder=FOLDER, port=port, chain=CHAIN, key=KEY))
    return Server([path, "-p", FOLDER, "-e", "/dev/null", "-c", rules], {}, port)


def measured(contestant, path, *load):
    """What a server did under a load generator: its name, and what it is told besides the port."""
    port = free_port()
    name, *arguments = load
    with server(contestant, path, port) as running:
        seen = under_load(running, name, port, *arguments)
    return {"per_cpu_second": 1e6 / seen["cpu_us"], "cpu_us": seen["cpu_us"], "per_second": seen["per_second"]}


def handshakes(results):
    def once(form, contestant, path):
        return measured(contestant, path, "load_tls_handshake", form, PLACES, results.count(HANDSHAKE_FORMS[form]))

    if prepared(results):
        served_file(1)
        results.turns("tls handshakes", dict.fromkeys(HANDSHAKE_FORMS, TLS), once, "tls")


def bulk(results):
    def once(form, contestant, path):
        return measured(contestant, path, "load_tls_bulk", form, results.count(BULK_FORMS[form], 16 * MIB))

    if prepared(results):
        served_file(results.count(BULK_FORMS["down"], 16 * MIB))
        results.turns("tls bulk", {"down": TLS, "up": BY_BYTES}, once, "tls")


def echo(results):
    def once(form, contestant, path):
        connections, size, messages = ECHO_FORMS[form]
        return measured(contestant, path, "load_tls_echo", connections, size, results.count(messages))

    if prepared(results):
        results.turns("tls echo", dict.fromkeys(ECHO_FORMS, BY_BYTES), once, "tls")

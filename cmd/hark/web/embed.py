#!/usr/bin/env python3
"""Makes the page into C: an array of its bytes, its size, and the policy that lets a browser run what is in it and nothing else.

A page that has @POLICY@ in it is no server's: it gets its policy there, and may ask nobody for anything.

Usage: embed.py FILE OUTPUT.c HEADER NAME
"""

import base64
import hashlib
import re
import sys

BYTES_A_LINE = 20


PLACE = "@POLICY@"


def policy(page: str) -> str:
    """A Content-Security-Policy: inline scripts and styles by their hashes; all that is fetched comes from this server."""
    from_server = [] if PLACE in page else ["connect-src 'self'", "frame-ancestors 'none'"]
    sources = {"script": [], "style": []}
    for kind, text in re.findall(r"<(script|style)>(.*?)</\1>", page, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        sources[kind].append(f"'sha256-{digest}'")
    rest = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    forbidden = re.search(r"<(script|style)\b|<[^>]*\s(style|on[a-z]+)=", rest)
    if forbidden:
        sys.exit(f"the page's policy would not let this work: {forbidden[0]}")
    return "; ".join([
        "default-src 'none'", "script-src " + " ".join(sources["script"]), "style-src " + " ".join(sources["style"]),
        "img-src data:", "base-uri 'none'", "form-action 'none'", *from_server,
    ])


def main() -> None:
    path, output, header, name = sys.argv[1:5]
    with open(path, "rb") as file:
        content = file.read()
    allowed = policy(content.decode())
    content = content.replace(PLACE.encode(), allowed.encode())
    with open(output, "w", encoding="ascii") as file:
        file.write(f"/* Made from {path.rsplit('/', 1)[-1]} by embed.py. */\n")
        file.write(f'#include "{header}"\n\n')
        file.write(f"const char {name}[] = {{\n")
        for at in range(0, len(content), BYTES_A_LINE):
            line = content[at : at + BYTES_A_LINE]
            # As characters of C, so that bytes above 127 keep the type char wherever char is signed.
            file.write("    " + ", ".join(f"'\\x{byte:02x}'" for byte in line) + ",\n")
        file.write("    '\\0',\n};\n")
        file.write(f"const char {name}_policy[] = \"{allowed}\";\n")
        file.write(f"const size_t {name}_size = sizeof {name} - 1;\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes a file into C: an array of its bytes and its size.

Usage: embed.py FILE OUTPUT.c HEADER NAME
"""

import sys

BYTES_A_LINE = 20


def main() -> None:
    path, output, header, name = sys.argv[1:5]
    with open(path, "rb") as file:
        content = file.read()
    with open(output, "w", encoding="ascii") as file:
        file.write(f"/* Made from {path.rsplit('/', 1)[-1]} by embed.py. */\n")
        file.write(f'#include "{header}"\n\n')
        file.write(f"const char {name}[] = {{\n")
        for at in range(0, len(content), BYTES_A_LINE):
            line = content[at : at + BYTES_A_LINE]
            # As characters of C, so that bytes above 127 keep the type char wherever char is signed.
            file.write("    " + ", ".join(f"'\\x{byte:02x}'" for byte in line) + ",\n")
        file.write("    '\\0',\n};\n")
        file.write(f"const size_t {name}_size = sizeof {name} - 1;\n")


if __name__ == "__main__":
    main()

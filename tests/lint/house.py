# SPDX-License-Identifier: Apache-2.0
"""The rules of the house that no compiler knows: folder direction, one home per outside library,
headers that stand alone and say what their functions do, names that must not appear."""
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

# A folder may include itself and what is listed. docs/architecture.md draws it.
MAY_USE = {
    "common": [],
    "config": ["common"],
    "store": ["common"],
    "verifier/dns": ["common"],
    "verifier/message": ["common", "verifier/dns"],
    "verifier/domain": ["common", "config", "store", "verifier/dns", "verifier/message"],
    "milter": ["common", "config", "verifier/dns", "verifier/message"],
    "router": ["common", "config", "store", "verifier/domain", "router/delivery"],
    "router/delivery": ["common", "config", "store"],
    "control/api": ["common", "config", "store", "verifier/domain", "router", "router/delivery"],
    "control/cli": ["common", "config", "verifier/dns", "verifier/domain", "verifier/message"],
    "daemon": ["common", "config", "store", "verifier/dns", "verifier/domain", "router",
               "router/delivery", "control/api"],
}

# Outside library: the folders whose sources may include it.
LIBRARY_HOMES = {
    "libmilter/": ["milter"],
    "spf2/": ["verifier/message/reference"],
    "opendkim/": ["verifier/message/reference"],
    "seccomp.h": ["verifier/message/reference"],
    "ldns/": ["verifier/dns"],
    "sqlite3.h": ["store"],
    "curl/": ["router/delivery", "control/cli", "verifier/domain/ses"],
    "microhttpd.h": ["control/api"],
    "yaml.h": ["config"],
    "libpsl.h": ["verifier/domain", "verifier/message"],
    "idn2.h": ["common", "verifier/domain"],
    "systemd/": ["common"],
    "openssl/": ["common", "verifier/domain", "verifier/message"],
    "jansson.h": ["common", "control/api", "control/cli", "router", "router/delivery",
                  "verifier/domain"],
}

FORBIDDEN_CALLS = re.compile(
    r"\b(strcpy|strcat|sprintf|strncpy|strtok|atoi|atol|strtol|gets|alloca|strerror|localtime|gmtime)\(")
FOREIGN_NAMES = re.compile(r"\.\./shared|/work/|\bgoto\s+\w+;")
LINES_MOST = 700


def sources():
    listed = subprocess.run(["git", "ls-files", "--", "*.c", "*.h"], capture_output=True, text=True,
                            check=True).stdout.split()
    return [path for path in listed if os.path.exists(path)]


def room_of(path):
    """The folder of MAY_USE that a file belongs to: the longest that fits."""
    folder = os.path.dirname(path)
    fitting = [room for room in MAY_USE if folder == room or folder.startswith(room + "/")]
    return max(fitting, key=len, default=None)


def check_includes(path, text, room):
    for target in re.findall(r'^#include "([^"]+)"', text, re.M):
        other = room_of(target)
        if other is None:
            yield f'{path}: includes "{target}", which is in no folder of the house'
        elif other != room and other not in MAY_USE[room]:
            yield f"{path}: {room} may not use {other} ({target})"
    for target in re.findall(r"^#include <([^>]+)>", text, re.M):
        for library, homes in LIBRARY_HOMES.items():
            if target.startswith(library) and not any(
                    os.path.dirname(path) == home or os.path.dirname(path).startswith(home + "/")
                    for home in homes):
                yield f"{path}: <{target}> is at home in {', '.join(homes)}"


def check_text(path, text):
    if not text.startswith("// SPDX-License-Identifier: Apache-2.0"):
        yield f"{path}: no SPDX line"
    if text.count("\n") > LINES_MOST:
        yield f"{path}: {text.count(chr(10))} lines; is it one duty?"
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("//")[0]
        if FORBIDDEN_CALLS.search(code) and not path.startswith("tests/"):
            yield f"{path}:{number}: {FORBIDDEN_CALLS.search(code).group(1)} is not used here"
        if FOREIGN_NAMES.search(line):
            yield f"{path}:{number}: {FOREIGN_NAMES.search(line).group(0)}"


def check_header_alone(path):
    with tempfile.NamedTemporaryFile("w", suffix=".c") as probe:
        probe.write(f'#include "{path}"\nint only_the_header;\n')
        probe.flush()
        done = subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-I.", "-Wall", "-Wextra",
                               "-fsyntax-only", probe.name], capture_output=True, text=True,
                              check=False)
    return [f"{path}: does not compile alone: {done.stderr.splitlines()[0]}"] \
        if done.returncode != 0 or done.stderr else []


def main():
    complaints = []
    paths = sources()
    for path in paths:
        with open(path, encoding="utf-8") as source:
            text = source.read()
        complaints += check_text(path, text)
        room = room_of(path)
        if room is not None:
            complaints += check_includes(path, text, room)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        headers = [path for path in paths if path.endswith(".h")]
        for found in pool.map(check_header_alone, headers):
            complaints += found
    print("\n".join(complaints) or f"house: {len(paths)} files follow the rules")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

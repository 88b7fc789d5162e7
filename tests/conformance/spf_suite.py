# SPDX-License-Identifier: Apache-2.0
"""One SPF suite of the Debian package python3-spf through our engine: its YAML becomes zone files and
a table of cases, which the program spf_suite checks. Nothing of the suite is kept."""
import argparse
import gzip
import os
import subprocess
import sys
import tempfile

import yaml

SUITES = "/usr/share/doc/python3-spf"
# Asked by the engine; a TIMEOUT entry stands for every type that has no record before it.
TYPES = ["A", "AAAA", "MX", "TXT", "PTR"]


def load_suite(name):
    path = os.path.join(SUITES, name + ".yml")
    if os.path.exists(path):
        with open(path, "rb") as source:
            return list(yaml.safe_load_all(source))
    if os.path.exists(path + ".gz"):
        with gzip.open(path + ".gz", "rb") as source:
            return list(yaml.safe_load_all(source))
    sys.exit(f"{path}(.gz) is missing: the Debian package python3-spf has it")


def escape(value, keep_blanks):
    """Bytes as the fixture format and the table of cases write them."""
    lowest = 0x20 if keep_blanks else 0x21
    return "".join(chr(byte) if lowest <= byte <= 0x7e and byte != 0x5c else f"\\{byte:03d}"
                   for byte in value.encode("utf-8"))


def escape_name(name):
    return escape(name.rstrip("."), keep_blanks=False)


def unfold_records(entries):
    """(type, value) in order. SPF entries are given again as TXT, at the end, unless there is a TXT
    entry; the value NONE suppresses; a bare TIMEOUT is None."""
    copies, has_txt = [], False
    for entry in entries:
        if entry == "TIMEOUT":
            yield None, None
            continue
        for kind, value in entry.items():
            if kind in ("TXT", "SPF"):
                value = [value] if isinstance(value, str) else value
            if kind == "TXT":
                has_txt = True
            elif kind == "SPF":
                copies.append(value)
            if value not in ("NONE", ["NONE"]):
                yield kind, value
    if not has_txt:
        for value in copies:
            yield "TXT", value


def record_data(kind, value):
    if value == "TIMEOUT" or value == ["TIMEOUT"]:
        return "!TIMEOUT"
    if kind == "TXT":
        return escape("".join(value), keep_blanks=True)
    if kind == "MX":
        return f"{value[0]} {escape_name(value[1]) or '.'}"
    if kind in ("CNAME", "PTR", "NS"):
        return escape_name(value) or "nowhere.invalid"
    return value


def zone_lines(zone):
    for name, entries in zone.items():
        seen = set()
        for kind, value in unfold_records(entries):
            if kind is None:
                if "CNAME" not in seen:
                    for other in TYPES:
                        if other not in seen:
                            yield f"{escape_name(name)} {other} !TIMEOUT"
                break
            if kind in TYPES or kind == "CNAME":
                seen.add(kind)
                yield f"{escape_name(name)} {kind} {record_data(kind, value)}"


def case_line(zone, name, case):
    results = case["result"] if isinstance(case["result"], list) else [case["result"]]
    explanation = case.get("explanation")
    fields = [zone, name, str(case["host"]), case["helo"], case["mailfrom"], ",".join(results),
              "-" if explanation is None else "=" + ("" if explanation == "DEFAULT" else explanation)]
    return "\t".join(escape(field, keep_blanks=True) for field in fields)


def write_cases(suite, folder):
    count = 0
    with open(os.path.join(folder, "cases"), "w", encoding="ascii") as table:
        for number, scenario in enumerate(suite):
            zone = os.path.join(folder, f"{number}.zone")
            with open(zone, "w", encoding="ascii") as out:
                out.writelines(line + "\n" for line in zone_lines(scenario["zonedata"]))
            for name, case in scenario["tests"].items():
                table.write(case_line(zone, name, case) + "\n")
                count += 1
    return count


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--suite", required=True)
    options.add_argument("--runner", required=True)
    options.add_argument("--cases", type=int, required=True, help="how many there must be")
    options.add_argument("--known", nargs="*", default=[], help="cases that must not pass")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        count = write_cases(load_suite(options.suite), folder)
        if count != options.cases:
            sys.exit(f"{options.suite} has {count} cases, {options.cases} are expected")
        done = subprocess.run([options.runner, os.path.join(folder, "cases"), *options.known],
                              check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

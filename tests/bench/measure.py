# SPDX-License-Identifier: Apache-2.0
"""CPU of processes with their descendants, load programs, medians with their spread."""
import json
import os
import statistics
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def processes():
    """pid → (parent, name, CPU seconds with reaped children)."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                    text = stat.read()
            except OSError:
                continue
            name = text[text.index("(") + 1:text.rindex(")")]
            fields = text[text.rindex(")") + 2:].split()
            found[int(entry)] = (int(fields[1]), name, sum(map(int, fields[11:15])) / TICKS)
    return found


def family(table, root):
    members, grew = {root}, True
    while grew:
        fresh = {pid for pid, (parent, _, _) in table.items() if parent in members} - members
        members |= fresh
        grew = bool(fresh)
    return members


def cpu_of(roots):
    """CPU seconds per name in `roots` ({name: pid}), each with its descendants."""
    table = processes()
    return {name: sum(table[pid][2] for pid in family(table, root) if pid in table)
            for name, root in roots.items()}


def master_pid(postfix):
    with open(os.path.join(postfix.queue, "pid", "master.pid"), encoding="ascii") as pid:
        return int(pid.read())


def load(build, program, *arguments):
    done = subprocess.run([os.path.join(build, "bench", program), *map(str, arguments)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{program} {arguments}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def measured(roots, total, run, settle=lambda: None):
    """The figures of `run`, with the CPU us that each of `roots` spent on one of `total` messages."""
    before = cpu_of(roots)
    figures = run()
    settle()
    after = cpu_of(roots)
    figures["cpu_us"] = {name: (after[name] - before[name]) * 1e6 / total for name in roots}
    return figures


def median(values):
    return statistics.median(values)


def spread(values, digits=0):
    return f"{median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"

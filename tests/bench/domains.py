# SPDX-License-Identifier: Apache-2.0
"""Thousands of domains on one host: how many checks a second mailspurd makes by its schedule, how much memory
that takes, and whether domains whose servers are dead or silent delay the others. Needs a network namespace."""
import argparse
import http.client
import json
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import yaml

from tests.lab.dns import quote_txt
from tests.lab.lab import Lab

FIRST_CHECK_S = 60          # a new domain is checked when it is so old
DEAD_SHARE = 20             # one domain in so many has servers where nobody listens,
SILENT_SHARE = 25           # and one in so many has one that never answers
MEMORY_MOST_MB = 100
CHECKS_LEAST = 200          # a second
LATE_MOST_S = 60            # behind its time, while all others are due too
LOOK_EVERY_S = 5            # at the list: seldom, so that this is not what is measured
PROFILE = {
    "description": "what a relay asks for", "dkim": "none",
    "records": [{"purpose": "spf", "for": "sending", "type": "TXT", "name": "{domain}",
                 "value": "v=spf1 include:_spf.ours.test ~all"},
                {"purpose": "dmarc", "for": "sending", "type": "TXT", "name": "_dmarc.{domain}",
                 "value": "v=DMARC1; p=none"}] +
               [{"purpose": "dkim", "for": "sending", "type": "CNAME", "key": "optional",
                 "name": f"selector{n}._domainkey.{{domain}}",
                 "value": f"selector{n}._domainkey.ours.test"} for n in (1, 2, 3)]}


class Connection(http.client.HTTPConnection):
    """HTTP on the control socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self.path)

    def ask(self, method, target, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.request(method, target, None if body is None else json.dumps(body), headers)
        answer = self.getresponse()
        return answer.status, json.loads(answer.read())


def servers_of(number):
    if number % DEAD_SHARE == 7:
        return ["closed"]
    return ["silent"] if number % SILENT_SHARE == 11 else ["good", "late"]


def name_of(number):
    return f"d{number}.test"


def publish(world, count, servers_of_number):
    world.zone("ours.test", ["good"]).ttl = 3600
    world.zone("ours.test").set("_spf.ours.test", "TXT", quote_txt("v=spf1 ip4:192.0.2.0/24 -all"))
    for number in range(count):
        name = name_of(number)
        zone = world.zone(name, servers_of_number(number))
        zone.set(name, "TXT", quote_txt("v=spf1 include:_spf.ours.test ~all"))
        zone.set("_dmarc." + name, "TXT", quote_txt("v=DMARC1; p=none"))
        for selector in (1, 2, 3):
            zone.set(f"selector{selector}._domainkey.{name}", "CNAME",
                     f"selector{selector}._domainkey.ours.test.")


def make_lab(count, servers_of_number=servers_of):
    """The zones must be there before the servers start."""
    lab = Lab(dns_world=True, dns_ttl=3600, config={
        "limits": {"domains": count + 10, "pending_domains": count + 10},
        "verification": {"profiles": "profiles"}})
    folder = lab.path("etc", "profiles")
    os.makedirs(folder)
    with open(os.path.join(folder, "many.yaml"), "w", encoding="ascii") as out:
        yaml.safe_dump(PROFILE, out)
    publish(lab.dns.world, count, servers_of_number)
    return lab


def add_all(lab, count):
    """Seconds it took. The rate is what several clients at once get."""
    path = lab.config["sockets"]["control"]["path"]
    kept = threading.local()

    def add(number):
        if not hasattr(kept, "connection"):
            kept.connection = Connection(path)
        status, answer = kept.connection.ask(
            "POST", "/v1/domains", {"domain": name_of(number), "profile": "many"})
        assert status == 201, answer
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(count)))
    return time.monotonic() - begun


def memory_mb(lab, which):
    with open(f"/proc/{lab.mailspurd.process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith(which))
    return int(line.split()[1]) / 1024


def processor_s(lab):
    """User and system time of mailspurd so far."""
    with open(f"/proc/{lab.mailspurd.process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds(iso):
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()


def all_domains(path, query=""):
    connection = Connection(path)  # one that does nothing between two looks is closed
    before = ""
    while before is not None:
        _, page = connection.ask("GET", f"/v1/domains?limit=500{query}{before}")
        yield from page["domains"]
        before = f"&before={page['next']}" if page["next"] else None
    connection.close()


def watch(lab, count):
    """Until every domain that has servers was checked: (created, first check) of each."""
    good = {name_of(number) for number in range(count) if servers_of(number)[0] == "good"}
    seen = {}
    deadline = time.monotonic() + FIRST_CHECK_S + 60 + count / 50
    while len(seen) < len(good):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(good) - len(seen)} of {len(good)} domains were not checked")
        time.sleep(LOOK_EVERY_S)
        for row in all_domains(lab.config["sockets"]["control"]["path"]):
            if row["domain"] in good and row["checked_at"] is not None:
                seen.setdefault(row["domain"], (seconds(row["created_at"]),
                                                seconds(row["checked_at"])))
    return list(seen.values())


def best_rate(moments, span=5.0):
    """Checks a second, over the `span` with most of them."""
    moments, best, first = sorted(moments), 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > span:
            first += 1
        best = max(best, last - first + 1)
    return best / min(span, max(moments[-1] - moments[0], 0.001))


def measure(count):
    lab = make_lab(count)
    with lab:
        start = memory_mb(lab, "VmRSS")
        took = add_all(lab, count)
        used = processor_s(lab)
        checks = watch(lab, count)
        late = [checked - created - FIRST_CHECK_S for created, checked in checks]
        return {"domains": count, "added_per_second": round(count / took),
                "checked": len(checks),
                "checks_per_second": round(best_rate([checked for _, checked in checks])),
                "late_s": round(max(late), 1),
                "processor_ms_per_check": round(1000 * (processor_s(lab) - used) / len(checks), 1),
                "memory_start_mb": round(start),
                "memory_mb": round(memory_mb(lab, "VmHWM"))}


def main():
    parser = argparse.ArgumentParser(prog="./dev soak domains")
    parser.add_argument("count", nargs="?", type=int, default=10000)
    result = measure(parser.parse_args().count)
    print(json.dumps(result))
    good = result["memory_mb"] <= MEMORY_MOST_MB and result["late_s"] <= LATE_MOST_S \
        and result["checks_per_second"] >= CHECKS_LEAST
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

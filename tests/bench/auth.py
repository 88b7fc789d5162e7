# SPDX-License-Identifier: Apache-2.0
"""`./dev bench auth`: SPF, DKIM, ARC and DMARC alone. mailspur-milter beside opendkim + opendmarc and
beside rspamd's authentication modules, in rounds that alternate; and the engines without a milter."""
import base64
import json
import multiprocessing
import os
import random
import sys

import dkim

from tests.bench.measure import load, master_pid, measured, median, spread
from tests.lab.lab import Lab
from tests.lab.mail import GOOD_CLIENT
from tests.lab.postfix import OWN_DOMAIN, Postfix
from tests.lab.process import Daemon, wait_until

DOMAINS = 1000
OWN = f"box@{OWN_DOMAIN}"
HOST = "mx.mailspur.example"
CONNECTIONS = 8
SESSIONS = 20
SIZES = {"4 KB": (4 * 1024, 3000, 600), "40 KB": (40 * 1024, 1000, 400)}  # bytes, direct, behind
ENGINE_SIZES = {"4 KB": (4 * 1024, 20000), "40 KB": (40 * 1024, 8000), "1 MB": (1024 * 1024, 300)}
WORDS = ("report invoice meeting schedule attached please review following project update customer "
         "order number delivery account service team regards monday tuesday quarter change").split()


# ---- senders and their mail ------------------------------------------------------------------------

def domain_of(number):
    return f"d{number:04d}.example"


def publish(dns, key_record):
    for number in range(DOMAINS):
        name = domain_of(number)
        dns.set_txt(name, f"v=spf1 include:_spf.{name} -all")
        dns.set_txt("_spf." + name, f"v=spf1 ip4:{GOOD_CLIENT} ip4:198.51.100.0/24 ~all")
        dns.set_txt("s1._domainkey." + name, key_record)
        dns.set_txt("_dmarc." + name, f"v=DMARC1; p=reject; rua=mailto:dmarc@{name}")
        dns.set(name, "A", GOOD_CLIENT)
    dns.set("mail.sender.example", "A", GOOD_CLIENT)


def text_of(rnd, size):
    lines, line, total = [], "", 0
    while total < size:
        line += (" " if line else "") + rnd.choice(WORDS)
        if len(line) > 66:
            lines.append(line)
            total += len(line) + 2
            line = ""
    return "\r\n".join(lines)


def body_of(rnd, size):
    """Plain text and HTML; a large one is a text with an attachment, as large ones are."""
    part = '--b1\r\nContent-Type: {}\r\n\r\n{}\r\n'
    if size <= 8192:
        half = max(100, (size - 1600) // 2)
        return "alternative", part.format('text/plain; charset="utf-8"', text_of(rnd, half)) + part.format(
            'text/html; charset="utf-8"', f"<html><body><p>{text_of(rnd, half)}</p></body></html>")
    attached = base64.encodebytes(rnd.randbytes((size - 4000) * 3 // 4)).decode().replace("\n", "\r\n")
    return "mixed", part.format('text/plain; charset="utf-8"', text_of(rnd, 2000)) + part.format(
        "application/octet-stream\r\nContent-Transfer-Encoding: base64", attached)


def compose(number, size):
    """A message as newsletters and ticket systems send them: 15 fields, two parts."""
    rnd = random.Random(number)
    name = domain_of(number)
    kind, body = body_of(rnd, size)
    head = [
        f"Received: from app-1.{name} (app-1.{name} [198.51.100.7])\r\n\tby mx.{name} (Postfix) with "
        f"ESMTPS id {rnd.getrandbits(32):08X}\r\n\tfor <{OWN}>; Sat, 21 Nov 2026 10:00:00 +0000 (UTC)",
        f'From: "Sender {number}" <user@{name}>',
        f"To: <{OWN}>",
        f"Subject: Order {rnd.randrange(10**6):06d} was changed",
        "Date: Sat, 21 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{rnd.getrandbits(64):016x}@{name}>",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/{kind};\r\n\tboundary="b1"',
        f"Reply-To: reply-{number}@{name}",
        f"List-Unsubscribe: <https://www.{name}/u/{number}>, <mailto:u-{number}@{name}>",
        "X-Mailer: letters 1.0",
        f"X-Campaign-Id: {rnd.getrandbits(128):032x}",
        f"Feedback-ID: {number}:{name}",
        "Auto-Submitted: auto-generated",
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body + "--b1--\r\n").encode("ascii")


def sign_one(work):
    number, size, key, folder = work
    message = compose(number, size)
    name = domain_of(number)
    field = dkim.sign(message, b"s1", name.encode(), key, canonicalize=(b"relaxed", b"relaxed"),
                      include_headers=[b"from", b"to", b"subject", b"date", b"message-id",
                                       b"mime-version", b"content-type", b"reply-to"])
    with open(os.path.join(folder, f"{number}-user@{name}.eml"), "wb") as out:
        out.write(field + message)


def make_corpus(lab, size):
    folder = lab.path(f"auth-{size}")
    os.makedirs(folder)
    count = DOMAINS if size < 500000 else 20
    with multiprocessing.Pool() as pool:
        pool.map(sign_one, [(number, size, lab.signer.private_key, folder) for number in range(count)],
                 chunksize=20)
    return folder


# ---- the peers -------------------------------------------------------------------------------------

OPENDKIM = """Mode v
Syslog no
Background no
UMask 000
Socket local:{socket}
PidFile {pid}
AuthservID {host}
AlwaysAddARHeader yes
Nameservers 127.0.0.1
"""

OPENDMARC = """Syslog false
Background false
UMask 000
Socket local:{socket}
PidFile {pid}
AuthservID {host}
TrustedAuthservIDs {host}
SPFSelfValidate true
SPFIgnoreResults true
RejectFailures true
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
"""

RSPAMD = """options {{
  pidfile = "{pid}"; tempdir = "{folder}"; cache_file = "{folder}/symbols.cache";
  url_tld = "/usr/share/rspamd/effective_tld_names.dat";
  filters = "dkim"; raw_mode = false; one_shot = false; explicit_modules = [];
  dns {{ nameserver = ["127.0.0.1"]; timeout = 2s; }}
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "warning"; }}
worker "rspamd_proxy" {{
  bind_socket = "{socket} mode=0666"; milter = yes; timeout = 120s; count = 1;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
modules {{ path = "/usr/share/rspamd/plugins/"; }}
lua = "{folder}/rspamd.lua";
actions {{ reject = 1000; add_header = 900; greylist = 800; }}
spf {{ spf_cache_size = 4k; }}
dkim {{ dkim_cache_size = 4k; }}
dmarc {{ }}
arc {{ }}
milter_headers {{ use = ["authentication-results"]; }}
"""


class Peer:
    """One milter of others on a socket of its own."""

    def __init__(self, lab, name, command, config):
        self.folder = lab.path("run", name)
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.socket = os.path.join(self.folder, "sock")
        path = os.path.join(self.folder, name + ".conf")
        with open(path, "w", encoding="ascii") as out:
            out.write(config.format(socket=self.socket, pid=os.path.join(self.folder, "pid"),
                                    folder=self.folder, host=HOST))
        with open(os.path.join(self.folder, name + ".lua"), "w", encoding="ascii") as out:
            out.write('require "global_functions" ()\nconfig["regexp"] = {}\nrspamd_maps = {}\n')
        self.daemon = Daemon(name, [*command, path], os.path.join(self.folder, "log"))

    def start(self):
        self.daemon.start()
        wait_until(lambda: os.path.exists(self.socket), self.daemon.name, 60)
        return self

    @property
    def pid(self):
        return self.daemon.process.pid


class Field:
    """All variants, their processes, and a Postfix for each."""

    def __init__(self, lab):
        self.lab = lab
        self.opendkim = Peer(lab, "opendkim", ["/usr/sbin/opendkim", "-f", "-x"], OPENDKIM)
        self.opendmarc = Peer(lab, "opendmarc", ["/usr/sbin/opendmarc", "-f", "-c"], OPENDMARC)
        self.rspamd = Peer(lab, "rspamd", ["/usr/bin/rspamd", "-f", "-i", "-c"], RSPAMD)
        self.peers = [peer.start() for peer in (self.opendkim, self.opendmarc, self.rspamd)]
        self.roots = {
            "mailspur": {"mailspur-milter": lab.milter.process.pid,
                         "mailspurd": lab.mailspurd.process.pid},
            "opendkim + opendmarc": {"opendkim": self.opendkim.pid, "opendmarc": self.opendmarc.pid},
            "rspamd": {"rspamd": self.rspamd.pid},
        }
        self.sockets = {"mailspur": [lab.path("run", "milter.sock")],
                        "opendkim + opendmarc": [self.opendkim.socket, self.opendmarc.socket],
                        "rspamd": [self.rspamd.socket]}
        self.postfixes = {}

    def start_postfixes(self):
        for number, (name, sockets) in enumerate(self.sockets.items()):
            settings = {"virtual_transport": "discard:", "milter_default_action": "tempfail",
                        "smtpd_milters": ", ".join("unix:" + path for path in sockets)}
            folder = self.lab.path("run", f"postfix-{number}")
            os.makedirs(folder)
            self.postfixes[name] = Postfix(folder, settings=settings)
            self.postfixes[name].start()

    def stop(self):
        for part in [*self.postfixes.values(), *[peer.daemon for peer in self.peers]]:
            part.stop()

    def direct(self, name, corpus, total, per_connection):
        figures = measured(
            {**self.roots[name], "DNS": self.lab.dns.unbound.process.pid}, total,
            lambda: load(self.lab.build, "milter_load", ",".join(self.sockets[name]), corpus, total,
                         CONNECTIONS, per_connection, OWN, GOOD_CLIENT))
        if figures["passed"] != total:
            raise RuntimeError(f"{name}: {figures['passed']} of {total} messages got dmarc=pass")
        return figures

    def behind(self, name, corpus, total):
        postfix = self.postfixes[name]
        return measured(
            {**self.roots[name], "postfix": master_pid(postfix)}, total,
            lambda: load(self.lab.build, "smtp_load", postfix.port, corpus, total, SESSIONS, 1, OWN,
                         GOOD_CLIENT),
            lambda: wait_until(lambda: not any(files for _, _, files in os.walk(
                os.path.join(postfix.queue, "active"))), "an empty queue", 120))


# ---- the runs --------------------------------------------------------------------------------------

def milters_of(field, name, figures):
    return sum(figures["cpu_us"][process] for process in field.roots[name])


def alternate(field, rounds, run):
    results = {name: [] for name in field.sockets}
    for name in results:
        run(name)  # caches are warm from here on
    for _ in range(rounds):
        for name, figures in results.items():
            figures.append(run(name))
    return results


def print_table(title, field, results, report):
    print(f"\n### {title}\n")
    print("| variant | CPU us/msg | of it | DNS or Postfix | msgs/s | p50 us | p99 us |")
    print("|---|---|---|---|---|---|---|")
    sums = {}
    for name, runs in results.items():
        sums[name] = [milters_of(field, name, figures) for figures in runs]
        parts = ", ".join(f"{process} {median([run['cpu_us'][process] for run in runs]):.0f}"
                          for process in field.roots[name])
        beside = "postfix" if "postfix" in runs[0]["cpu_us"] else "DNS"
        print(f"| {name} | {spread(sums[name])} | {parts} | "
              f"{spread([run['cpu_us'][beside] for run in runs])} | "
              f"{spread([run['per_second'] for run in runs])} | "
              f"{spread([run['end_p50_us'] for run in runs])} | "
              f"{spread([run['end_p99_us'] for run in runs])} |")
    print()
    for name, values in sums.items():
        if name != "mailspur":
            ratios = [other / own for own, other in zip(sums["mailspur"], values) if own > 0]
            print(f"{name} / mailspur: {spread(ratios, 1)}")
            report[f"{title}: {name} / mailspur"] = round(median(ratios), 2)
    sys.stdout.flush()


def engines(lab, corpora, rounds, report):
    print(f"\n### The engines alone, everything remembered, {rounds} rounds\n")
    print("| message | CPU us of one check | SHA-256 over the body | ratio |")
    print("|---|---|---|---|")
    for title, (_, total) in ENGINE_SIZES.items():
        runs = [load(lab.build, "auth_engine", lab.dns.server, corpora[title], total, GOOD_CLIENT)
                for _ in range(rounds)]
        checks = [run["check_us"] for run in runs]
        hashes = [run["sha256_us"] for run in runs]
        ratios = [check / hashed for check, hashed in zip(checks, hashes)]
        print(f"| {title} | {spread(checks, 1)} | {spread(hashes, 1)} | {spread(ratios, 2)} |")
        report[f"engines, {title}"] = round(median(checks), 1)
        report[f"engines, {title}, to SHA-256"] = round(median(ratios), 2)
    sys.stdout.flush()


def run(build, rounds):
    report = {}
    config = {"milter": {"authenticate": "all"}, "dns": {"cache_size": "64M"}}
    lab = Lab(build=build, config=config, dns_ttl=3600)
    publish(lab.dns, lab.signer.record)
    with lab:
        corpora = {title: make_corpus(lab, size) for title, (size, _) in ENGINE_SIZES.items()}
        engines(lab, corpora, rounds, report)
        field = Field(lab)
        try:
            field.start_postfixes()
            for title, (_, direct, behind) in SIZES.items():
                for per_connection, words in ((0, "kept connections"), (1, "a connection a message")):
                    results = alternate(field, rounds, lambda name, each=per_connection: field.direct(
                        name, corpora[title], direct, each))
                    print_table(f"Direct, {title}, {CONNECTIONS} {words}, {direct} messages, "
                                f"{rounds} rounds", field, results, report)
                results = alternate(field, rounds,
                                    lambda name: field.behind(name, corpora[title], behind))
                print_table(f"Behind Postfix, {title}, one message a session, {SESSIONS} sessions, "
                            f"{behind} messages, {rounds} rounds", field, results, report)
        finally:
            field.stop()
    print("\n" + json.dumps(report))

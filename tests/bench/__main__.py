# SPDX-License-Identifier: Apache-2.0
"""`./dev bench`: Postfix alone, with a null milter, with mailspur; and group commit driven directly."""
import argparse
import json
import os
import sys

from tests.bench.measure import load, master_pid, measured, median, spread
from tests.lab.lab import DOMAIN, Lab
from tests.lab.mail import GOOD_CLIENT, compose
from tests.lab.postfix import OWN_DOMAIN, Postfix
from tests.lab.process import Daemon, wait_until

TICKET = f"ticket+1@{DOMAIN}"
OWN = f"box@{OWN_DOMAIN}"
SESSIONS = 20
VARIANTS = 200
# One endpoint takes it all: as many requests at once as there are sessions.
BENCH_CONFIG = {"milter": {"helpers": 4}, "destinations": {"psa": {"concurrency": 20}}}
LINE = b"All work and no play makes a mail server a dull thing to measure.\r\n"
SIZES = {"4 KB": (4 * 1024, 1000), "40 KB": (40 * 1024, 600), "1 MB": (1024 * 1024, 60)}


# ---- corpus and endpoint ---------------------------------------------------------------------------

def make_corpus(lab, folder, size):
    os.makedirs(folder)
    for number in range(VARIANTS if size < 500000 else 10):
        sender = f"user{number}@sender.example"
        body = LINE * (size // len(LINE) + 1)
        message = lab.signer.sign(compose(sender, TICKET, subject=f"Message {number}",
                                          body=body[:size], message_id=False, date=False))
        with open(os.path.join(folder, f"{number}-{sender}.eml"), "wb") as out:
            out.write(message + (b"" if message.endswith(b"\r\n") else b"\r\n"))


def start_nginx(lab):
    """An endpoint that answers 204 and keeps nothing: its cost is not ours."""
    folder = lab.path("nginx")
    os.makedirs(folder)
    port = lab.endpoint.port
    lab.endpoint.stop()
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w", encoding="ascii") as out:
        out.write(f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{ access_log off; client_max_body_size 200m; client_body_temp_path {folder}/body;
  keepalive_requests 1000000;
  server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }} }}
""")
    return Daemon("nginx", ["/usr/sbin/nginx", "-c", config, "-p", folder],
                  os.path.join(folder, "nginx.log")).start()


# ---- the runs ----------------------------------------------------------------------------------------

class Behind:
    """Postfix alone, + null milter, + mailspur: three Postfix instances beside each other."""

    def __init__(self, lab):
        self.lab = lab
        discard = {"virtual_transport": "discard:"}
        null_socket = lab.path("run", "null.sock")
        self.null = Daemon("null milter", [os.path.join(lab.build, "bench", "null_milter"),
                                           "unix:" + null_socket], lab.path("null.log")).start()
        wait_until(lambda: os.path.exists(null_socket), "the null milter")
        self.alone = Postfix(lab.path("run") + "/alone", settings=discard)
        self.nulled = Postfix(lab.path("run") + "/nulled", milter_socket=null_socket,
                              settings=discard)
        for postfix in (self.alone, self.nulled):
            os.makedirs(os.path.dirname(postfix.folder), exist_ok=True)
            postfix.start()
        self.variants = {
            "Postfix alone": (self.alone, OWN, {}),
            "+ null milter": (self.nulled, OWN, {"null milter": self.null.process.pid}),
            "+ mailspur": (lab.postfix, TICKET, {"milter": lab.milter.process.pid,
                                                 "mailspurd": lab.mailspurd.process.pid}),
        }

    def stop(self):
        self.alone.stop()
        self.nulled.stop()
        self.null.stop()

    def run(self, name, corpus, total, per_session):
        postfix, recipient, roots = self.variants[name]
        roots = {"postfix": master_pid(postfix), **roots}
        def settle():
            if name == "+ mailspur":
                self.lab.wait_idle(120)
            else:
                wait_until(lambda: not any(files for _, _, files in os.walk(
                    os.path.join(postfix.queue, "active"))), "an empty queue", 120)
        return measured(roots, total, lambda: load(
            self.lab.build, "smtp_load", postfix.port, corpus, total, SESSIONS, per_session,
            recipient, GOOD_CLIENT), settle)


def behind_postfix(lab, rounds, report):
    behind = Behind(lab)
    try:
        for size, (size_bytes, total) in SIZES.items():
            corpus = lab.path(f"corpus-{size_bytes}")
            make_corpus(lab, corpus, size_bytes)
            for per_session in (1, 20):
                results = {name: [] for name in behind.variants}
                for name in behind.variants:
                    behind.run(name, corpus, max(20, total // 10), per_session)  # warm up
                for _ in range(rounds):
                    for name, figures in results.items():
                        figures.append(behind.run(name, corpus, total, per_session))
                print_table(f"{size}, {per_session} a session, {SESSIONS} sessions, {total} messages, "
                            f"{rounds} rounds", results, report)
    finally:
        behind.stop()


def print_table(title, results, report):
    print(f"\n### {title}\n")
    print("| variant | msgs/s | CPU us/msg: Postfix | milter(s) | mailspurd | end of message p50 us | p99 us |")
    print("|---|---|---|---|---|---|---|")
    ours, null = [], []
    for name, runs in results.items():
        cpu = {key: [run["cpu_us"][key] for run in runs] for key in runs[0]["cpu_us"]}
        milter = cpu.get("milter") or cpu.get("null milter")
        print(f"| {name} | {spread([r['per_second'] for r in runs])} | {spread(cpu['postfix'])} | "
              f"{spread(milter) if milter else '-'} | "
              f"{spread(cpu['mailspurd']) if 'mailspurd' in cpu else '-'} | "
              f"{spread([r['end_p50_us'] for r in runs])} | {spread([r['end_p99_us'] for r in runs])} |")
        if "mailspurd" in cpu:
            ours = [m + d for m, d in zip(cpu["milter"], cpu["mailspurd"])]
        elif milter:
            null = milter
    ratios = [a / b for a, b in zip(ours, null) if b > 0]
    print(f"\nmailspur's processes together / null milter: {spread(ratios, 2)}")
    report.append((title, median(ratios)))
    sys.stdout.flush()


def group_commit(build, rounds, report):
    """20 kept milter connections, each sync 5 ms slower; deliveries are committed too."""
    figures = []
    preload = os.path.join(build, "bench", "slow_sync.so")
    with Lab(build=build, config=BENCH_CONFIG, dns_ttl=3600) as lab:
        count_file = lab.path("state", "syncs")
        nginx = start_nginx(lab)
        try:
            lab.mailspurd.stop()
            lab.mailspurd.env.update(LD_PRELOAD=lab.borrow(preload), MAILSPUR_SYNC_COUNT=count_file)
            lab.mailspurd.start()
            corpus = lab.path("corpus")
            make_corpus(lab, corpus, 4096)
            for _ in range(rounds):
                with open(count_file, encoding="ascii") as text:
                    before = int(text.read())
                total = 2000
                run = load(build, "milter_load", lab.path("run", "milter.sock"), corpus, total, 20, 0,
                           TICKET, GOOD_CLIENT)
                lab.wait_idle(120)
                with open(count_file, encoding="ascii") as text:
                    run["syncs"] = (int(text.read()) - before) / total
                figures.append(run)
        finally:
            nginx.stop()
    syncs = [run["syncs"] for run in figures]
    print(f"\n### Group commit: 20 kept milter connections, each sync +5 ms, {rounds} rounds\n")
    print(f"syncs per message: {spread(syncs, 3)}; msgs/s: "
          f"{spread([run['per_second'] for run in figures])}; "
          f"end of message p50: {spread([run['end_p50_us'] for run in figures])} us, "
          f"p99: {spread([run['end_p99_us'] for run in figures])} us")
    report.append(("syncs per message", median(syncs)))


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("what", nargs="?", choices=["auth"],
                        help="auth: message authentication alone, beside opendkim + opendmarc and rspamd")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["postfix", "group-commit"])
    options = parser.parse_args()
    report = []
    build = os.environ["MAILSPUR_BUILD"]
    if options.what == "auth":
        from tests.bench import auth  # pylint: disable=import-outside-toplevel
        auth.run(build, options.rounds)
        return
    if options.only != "postfix":
        group_commit(build, options.rounds, report)
    if options.only != "group-commit":
        with Lab(build=build, config=BENCH_CONFIG, dns_ttl=3600) as lab:
            nginx = start_nginx(lab)
            try:
                behind_postfix(lab, options.rounds, report)
            finally:
                nginx.stop()
    print("\n" + json.dumps(dict(report)))


if __name__ == "__main__":
    main()

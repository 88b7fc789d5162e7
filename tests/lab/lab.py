# SPDX-License-Identifier: Apache-2.0
"""The whole of it: DNS, Postfix, mailspurd, mailspur-milter, an endpoint; in one temporary folder."""
import base64
import copy
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile

import yaml

from .dns import DEAD_ZONE, Dns
from .endpoint import Endpoint
from .mail import GOOD_CLIENT, Session, Signer, compose
from .postfix import Postfix
from .process import Daemon, LogFollower, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
USER = "nobody"  # mailspur's daemons: no rights at all

SENDER = "alice@sender.example"  # SPF, DKIM, DMARC p=reject
DOMAIN = "yourmsp.example"       # the tenant's domain


def default_build():
    return os.environ.get("MAILSPUR_BUILD", os.path.join(ROOT, "build", "debug"))


class CommandError(RuntimeError):
    def __init__(self, arguments, done):
        super().__init__(f"mailspur {' '.join(arguments)}: exit {done.returncode}\n"
                         f"{done.stdout}{done.stderr}")
        self.status = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr


class Lab:
    """`with Lab() as lab:` everything runs; the demo domain is added, verified, inbound on
    (unless add_domain=False)."""

    def __init__(self, build=None, smtp_port=None, namespace=None, config=None, postfix=None,
                 daemon_env=None, keep=False, dns_ttl=0, dns_world=False, add_domain=True):
        self.build = os.path.abspath(build or default_build())
        self.folder = tempfile.mkdtemp(prefix="mailspur-lab-")
        os.chmod(self.folder, 0o755)
        self.keep = keep
        os.makedirs(self.path("bin"))
        for name in os.listdir(os.path.join(self.build, "bin")):
            self.borrow(os.path.join(self.build, "bin", name))
        if namespace is None:
            namespace = os.environ.get("MAILSPUR_LAB_NAMESPACE") == "1"
        self.daemon_env = daemon_env or {}
        self.adds_domain = add_domain
        self.dns = Dns(self.folder, listen_on_53=namespace, ttl=dns_ttl, world=dns_world)
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.endpoint = Endpoint(self.secret).start()
        self.run = self._owned_folder("run")
        self.state = self._owned_folder("state")
        self.spool = self._owned_folder("spool")
        self.etc = self._owned_folder("etc")
        os.makedirs(os.path.join(self.etc, "domains.d"))
        self.postfix = Postfix(self.folder, self.path("run", "milter.sock"),
                               self.path("run", "socketmap.sock"), smtp_port, postfix)
        self.signer = Signer(self.folder, "sender.example")
        self.config = self._base_config(config or {})
        self.mailspurd = self._daemon("mailspurd", env=self.daemon_env)
        self.milter = self._daemon("mailspur-milter")
        self.milter.nudge = self.path("run", "milter.sock")

    # ---- life --------------------------------------------------------------------------------

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_args):
        self.stop()

    def start(self):
        self.publish_sender()
        self.dns.start()
        self.write_config()
        self.write_domain(DOMAIN, self.standard_routes())
        self.mailspurd.start()
        self.milter.start()
        self.postfix.start()
        if self.adds_domain:
            self.add_domain(DOMAIN)

    def stop(self):
        problems = []
        for part in (self.postfix, self.milter, self.mailspurd, self.dns, self.endpoint):
            try:
                part.stop()
            except (RuntimeError, OSError) as error:
                problems.append(str(error))
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        if problems:
            raise RuntimeError("\n".join(problems))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def program(self, name):
        return self.path("bin", name)

    def borrow(self, path):
        """The same file in the lab's folder: USER may not be allowed to enter the build's."""
        name = self.path("bin", os.path.basename(path))
        if not os.path.exists(name):
            try:
                os.link(path, name)
            except OSError:  # another file system, or no right to it
                shutil.copy2(path, name)
        return name

    def _owned_folder(self, name):
        path = self.path(name)
        os.makedirs(path)
        if os.geteuid() == 0:
            shutil.chown(path, USER)
        return path

    def _daemon(self, name, env=None):
        return Daemon(name, [self.program(name), "-c", self.config_path], self.path(name + ".log"),
                      user=USER, env={**sanitizer_settings(), **(env or {})}, notify=True)

    # ---- configuration -----------------------------------------------------------------------

    @property
    def config_path(self):
        return self.path("etc", "mailspur.yaml")

    def _base_config(self, overrides):
        config = {
            "hostname": "mx.mailspur.example",
            "inbound_mx": "mx.mailspur.example",
            "domains": "domains.d",
            "sockets": {name: {"path": self.path("run", name + ".sock"), "mode": "0666"}
                        for name in ("control", "intake", "socketmap")},
            "store": {"path": self.path("state", "mailspur.db")},
            "limits": {"min_free_disk": "1M", "tenant_checks_per_minute": 0},
            "dns": {"servers": [self.dns.server], "timeout": "1s"},
            "verification": {"default_profile": "inbound", "allow_private": ["127.0.0.0/8"],
                             "queries_per_server": 0, "by_hand_every": "0s"},
            "milter": {"socket": "unix:" + self.path("run", "milter.sock"), "socket_mode": "0666",
                       "spool": self.spool,
                       "reference_helper": self.program("mailspur-reference"), "helpers": 2},
            "destinations": {"psa": self.destination("psa"), "crm": self.destination("crm"),
                             "portal": self.destination("portal")},
        }
        return merge(config, overrides)

    def destination(self, kind, **changes):
        """An endpoint on loopback: what production would refuse is allowed by name here."""
        return {"kind": kind, "url": self.endpoint.url, "secret_file": self.path("etc", "secret"),
                "allow_http": True, "allow_private": ["127.0.0.0/8"], "timeout": "20s",
                "retry": {"first": "100ms", "most": "500ms", "for": "1h"}, **changes}

    def write_config(self, **overrides):
        self.config = merge(self.config, overrides)
        with open(self.path("etc", "secret"), "w", encoding="ascii") as out:
            out.write(self.secret + "\n")
        os.chmod(self.path("etc", "secret"), 0o600)
        if os.geteuid() == 0:
            shutil.chown(self.path("etc", "secret"), USER)
        with open(self.config_path, "w", encoding="utf-8") as out:
            yaml.safe_dump(self.config, out, sort_keys=False)

    @staticmethod
    def standard_routes():
        def route(name, recipient, destination, action):
            return {"name": name, "recipient": recipient, "destinations": [destination],
                    "action": action}
        return [route("ticket-note", "ticket+{ticket_id}", "psa", "note"),
                route("client-ticket", "support+{tenant_id}", "psa", "ticket"),
                route("contact-activity", "crm+{contact_id}", "crm", "activity"),
                route("portal-reply", "portal+{ticket_id}", "portal", "reply"),
                route("support", "support@", "psa", "ticket"),
                route("postmaster", "postmaster@", "psa", "ticket"),
                route("abuse", "abuse@", "psa", "ticket"),
                {"name": "no-reply", "recipient": "noreply@", "reject": "this box takes no mail"}]

    def write_domain(self, name, routes, **more):
        path = self.path("etc", "domains.d", name + ".yaml")
        with open(path, "w", encoding="utf-8") as out:
            yaml.safe_dump({"domain": name, "routes": routes, **more}, out, sort_keys=False,
                           allow_unicode=True)

    def reload(self):
        """SIGHUP mailspurd, and wait until it says that the new configuration is in force."""
        before = self.generation()
        self.mailspurd.signal(signal.SIGHUP)
        wait_until(lambda: self.generation() > before, "a new generation")

    def generation(self):
        return self.cli("status")["generation"]

    # ---- people ------------------------------------------------------------------------------

    def cli_text(self, *arguments, check=True):
        done = subprocess.run([self.program("mailspur"), "-c", self.config_path, *arguments],
                              capture_output=True, text=True, check=False, timeout=60,
                              stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], **sanitizer_settings()})
        if check and done.returncode != 0:
            raise CommandError(arguments, done)
        return done

    def cli(self, *arguments):
        """Run `mailspur --json ...`; the answer as an object."""
        return json.loads(self.cli_text("--json", *arguments).stdout)

    def publish_ownership(self, name):
        for record in self.cli("domain", "records", name)["records"]:
            if record["type"] == "TXT":
                self.dns.set_txt(record["name"], record["value"])
            elif record["type"] == "MX":
                self.dns.set(record["name"], "MX", f"10 {record['value'].split()[-1]}.")
        self.dns.publish()

    def add_domain(self, name, tenant="default", inbound=True):
        """Add, publish the records it asks for, verify; inbound on unless told otherwise."""
        self.cli("domain", "add", name, "--tenant", tenant)
        self.publish_ownership(name)
        self.cli("domain", "verify", name)
        if inbound:
            self.cli("domain", "inbound", "on", name)

    # ---- mail --------------------------------------------------------------------------------

    def publish_sender(self):
        """sender.example: everything right. Others of every kind, for the verdicts."""
        records = self.dns
        records.set("mx.mailspur.example", "A", "127.0.0.1")
        records.set("sender.example", "A", GOOD_CLIENT)
        for name, policy in (("sender.example", "reject"), ("quarantine.example", "quarantine"),
                             ("none.example", "none")):
            records.set_txt(name, f"v=spf1 ip4:{GOOD_CLIENT} -all")
            records.set_txt("_dmarc." + name, f"v=DMARC1; p={policy}")
        records.set_txt(self.signer.record_name, self.signer.record)
        # Everything this one needs is behind a server that does not answer.
        records.set_txt("_dmarc.unlucky.example", "v=DMARC1; p=reject")
        records.set_txt("unlucky.example", f"v=spf1 include:spf.{DEAD_ZONE} -all")

    def session(self, **options):
        return Session(self.postfix.port, **options)

    def send(self, recipients, sender=SENDER, message=None, sign=True, options=(), **session):
        """One message in a session of its own; see Session.transaction for the answer."""
        recipients = [recipients] if isinstance(recipients, str) else recipients
        if message is None:
            message = compose(sender or SENDER, recipients[0])
        if sign:
            message = self.signer.sign(message)
        with self.session(**session) as smtp:
            return smtp.transaction(sender, recipients, message, options)

    def own_mailbox(self, local_part=None):
        """What Postfix itself delivered to its own domain, as one text."""
        try:
            with open(os.path.join(self.postfix.mailboxes, "box"), encoding="latin-1") as box:
                return box.read()
        except FileNotFoundError:
            return ""

    def follow(self, name):
        return LogFollower(self.path(name + ".log"))

    def last_words(self, lines=40):
        """The end of each log."""
        paths = [self.postfix.log_path, self.mailspurd.log_path, self.milter.log_path]
        return "\n".join(f"--- {path}\n" + "\n".join(read_lines(path)[-lines:]) for path in paths)

    def wait_idle(self, timeout=60.0):
        """Until every delivery is done, dead, held or blocked."""
        def idle():
            states = self.cli("status")["deliveries"]
            return all(states.get(state, 0) == 0 for state in ("queued", "leased", "unknown"))
        wait_until(idle, "an empty queue", timeout, interval=0.1)


def read_lines(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as text:
            return text.read().splitlines()
    except FileNotFoundError:
        return []


def merge(base, changes):
    """`base` with `changes` laid over it, mapping by mapping; None takes a key away."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def sanitizer_settings():
    return {name: value for name, value in os.environ.items()
            if name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS")}

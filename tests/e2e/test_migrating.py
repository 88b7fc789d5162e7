# SPDX-License-Identifier: Apache-2.0
"""The steps of docs/migrating.md from opendkim + opendmarc, with Debian's own of both and their
settings, behind one Postfix: before, side by side, switched over, rolled back."""
import mailbox
import os
import re
import socket

import pytest

from tests.lab.lab import DOMAIN, SENDER, Lab
from tests.lab.mail import BAD_CLIENT, compose
from tests.lab.postfix import OWN_DOMAIN, OWN_NETWORK
from tests.lab.process import Daemon, free_port, wait_until

OWN = f"box@{OWN_DOMAIN}"
MX = "mx.mailspur.example"
OWN_CLIENT = "198.51.100.7"  # in mynetworks
BESIDE = "mailspur." + MX  # our authserv_id while theirs stands
OURS = "unix:mailspur/milter.sock"

# Behind what Debian's file says. Its TrustAnchorFile goes: our root is not signed, and opendkim writes
# no field at all when it cannot validate.
OPENDKIM = """
Mode {mode}
AuthservID {mx}
Socket inet:{port}@127.0.0.1
PidFile {folder}/opendkim.pid
Nameservers {resolver}
Background no
Syslog no
"""
SIGNING = """Domain sender.example
Selector s1
KeyFile {key}
RequireSafeKeys no
InternalHosts {network}
"""
OPENDMARC = """
AuthservID {mx}
TrustedAuthservIDs {mx}
SPFSelfValidate true
SPFIgnoreResults true
RejectFailures {reject}
Socket inet:{port}@127.0.0.1
PidFile {folder}/opendmarc.pid
Background no
Syslog false
"""


class Others:
    """opendkim and opendmarc, as milters of Postfix."""

    def __init__(self, lab):
        self.lab = lab
        self.folder = lab.path("others")
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.ports = [free_port(), free_port()]
        self.daemons = []

    @property
    def milters(self):
        return ", ".join(f"inet:localhost:{port}" for port in self.ports)

    def start(self, reject="false"):
        self._start("opendkim", ["-f", "-x"], OPENDKIM, self.ports[0], mode="v")
        self._start("opendmarc", ["-f", "-c"], OPENDMARC, self.ports[1], reject=reject)
        return self

    def start_signer(self):
        self._start("opendkim", ["-f", "-x"], OPENDKIM + SIGNING, self.ports[0], mode="s",
                    network=OWN_NETWORK, key=self.lab.path("dkim-sender.example.pem"))

    def _start(self, name, options, settings, port, **values):
        with open(f"/etc/{name}.conf", encoding="ascii") as packaged:
            lines = [line for line in packaged if not line.startswith("TrustAnchorFile")]
        path = os.path.join(self.folder, name + ".conf")
        with open(path, "w", encoding="ascii") as out:
            out.write("".join(lines) + settings.format(
                mx=MX, resolver=self.lab.dns.resolver_on_53, port=port, folder=self.folder, **values))
        daemon = Daemon(name, [f"/usr/sbin/{name}", *options, path], os.path.join(self.folder, name + ".log"))
        self.daemons.append(daemon)
        daemon.start()
        wait_until(lambda: answers(port), name)

    def stop(self):
        while self.daemons:
            self.daemons.pop().kill()  # they hear SIGTERM only every 5 s, and keep nothing


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def others():
    config = {"authserv_id": BESIDE,
              "milter": {"authenticate": "all", "own_mail": "tag", "shadow": True},
              "policy": {"trusted_networks": ["127.0.0.0/8", "::1/128", OWN_NETWORK]}}
    with Lab(config=config, postfix={"milter_default_action": "tempfail"}) as lab:
        os.symlink(lab.path("run"), os.path.join(lab.postfix.queue, "mailspur"))
        running = Others(lab)
        try:
            yield running.start()
        finally:
            lab.postfix.stop()
            running.stop()


def put_in_force(lab, milters, **milter):
    lab.postfix.stop()
    lab.postfix.settings["smtpd_milters"] = milters
    if milter:
        lab.milter.stop()
        lab.write_config(authserv_id=milter.pop("authserv_id"), milter=milter)
        lab.milter.start()
    lab.postfix.start()


def copies_of(lab, subject):
    box = mailbox.mbox(os.path.join(lab.postfix.mailboxes, "box"), create=False)
    return [item for item in box if item["Subject"] == subject]


def received(lab, subject, **how):
    """The Authentication-Results of a message to Postfix's own recipient, by who wrote them: name ->
    results, in their order."""
    _, answer = lab.send(OWN, message=compose(SENDER, OWN, subject=subject), **how)
    assert answer.startswith("250"), answer
    lab.postfix.log.wait_for(answer.rsplit(" ", 1)[-1] + ": removed")
    values = copies_of(lab, subject)[-1].get_all("Authentication-Results", [])
    fields = [" ".join(value.split()).partition("; ") for value in values]
    found = {}
    for name, _, results in fields:
        found.setdefault(name, []).append(results)
    return found


def methods(results):
    """What the fields of one name say: method -> result."""
    return dict(re.findall(r"(?:^|; )(spf|dkim|dmarc)=(\w+)", "; ".join(results)))


def test_each_step_from_opendkim_and_opendmarc(others):
    lab = others.lab
    passes = {"spf": "pass", "dkim": "pass", "dmarc": "pass"}
    unsigned = {"sign": False, "client": BAD_CLIENT}

    put_in_force(lab, others.milters)  # before
    found = received(lab, "before")
    assert set(found) == {MX} and methods(found[MX]) == passes

    put_in_force(lab, f"{others.milters}, {OURS}")  # 1: side by side
    found = received(lab, "beside")
    assert methods(found[MX]) == methods(found[BESIDE]) == passes
    assert len(found[MX]) == 3 and len(found[BESIDE]) == 1
    found = received(lab, "beside, spoofed", **unsigned)
    assert methods(found[MX]) == {"spf": "fail", "dmarc": "fail"}
    assert methods(found[BESIDE]) == {"spf": "fail", "dkim": "none", "dmarc": "fail"}
    log = lab.milter.log()
    assert log.count("message.passed") == 2 and "auth.disagreement" not in log
    lab.send(f"ticket+1@{DOMAIN}")  # what they wrote goes along with mail for our domains
    assert b"dkim=pass (2048-bit key; unprotected)" in lab.endpoint.wait_for(1)[0].raw_message

    put_in_force(lab, f"{others.milters}, {OURS}", authserv_id=MX)  # the mistake that is warned of
    found = received(lab, "one name for both")
    assert len(found[MX]) == 1 and methods(found[MX]) == passes

    put_in_force(lab, OURS, authserv_id=MX, own_mail="enforce", shadow=False)  # 2: switch over
    found = received(lab, "after")
    assert set(found) == {MX} and len(found[MX]) == 1 and methods(found[MX]) == passes
    _, answer = lab.send(OWN, message=compose(SENDER, OWN), **unsigned)
    assert answer.startswith("550 5.7.1")

    others.stop()  # opendkim goes on signing what clients of ours send
    others.start_signer()
    put_in_force(lab, f"inet:localhost:{others.ports[0]}, {OURS}")
    found = received(lab, "judged beside a signer")
    assert len(found[MX]) == 1 and methods(found[MX]) == passes
    assert received(lab, "signed", sign=False, client=OWN_CLIENT) == {}
    assert "d=sender.example" in copies_of(lab, "signed")[-1]["DKIM-Signature"]

    others.stop()
    others.start()
    put_in_force(lab, f"{others.milters}, {OURS}")  # RejectFailures while side by side: not our turn
    others.stop()
    others.start(reject="true")
    passed = lab.milter.log().count("message.")
    _, answer = lab.send(OWN, message=compose(SENDER, OWN), **unsigned)
    assert answer.startswith("550 5.7.1")
    assert lab.milter.log().count("message.") == passed

    put_in_force(lab, others.milters)  # back
    found = received(lab, "back")
    assert len(found[MX]) == 3 and methods(found[MX]) == passes

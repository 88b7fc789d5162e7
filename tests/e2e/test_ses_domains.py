# SPDX-License-Identifier: Apache-2.0
"""Domains of profile `ses` in the running daemon, against a fake SES: from the real tokens to *verified*, and
to the identity that is given back; SES failing at every step."""
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.lab import Lab, USER
from tests.lab.process import wait_until
from tests.lab.ses import FakeSes, Refusal

pytestmark = pytest.mark.skipif(os.environ.get("MAILSPUR_LAB_NAMESPACE") != "1",
                                reason="name servers need port 53: a network namespace")
REGION = "eu-central-1"
TAG = {"Key": "mailspur-installation", "Value": "lab"}
KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + "A" * 344 + "IDAQAB"
DENIED = Refusal(403, "AccessDeniedException", "not authorized to perform ses:DeleteEmailIdentity")
OFTEN = 20  # more than what is repeated within one check


class Ses:
    """The lab whose mailspurd talks to the fake."""

    def __init__(self, lab, fake):
        self.lab = lab
        self.fake = fake
        self.secrets = [word for pair in fake.keys.items() for word in pair]

    def write_key(self, name, text):
        path = self.lab.path("etc", name)
        with open(path, "w", encoding="ascii") as out:
            out.write(text + "\n")
        os.chmod(path, 0o600)
        shutil.chown(path, USER)
        return path

    def right_keys(self):
        key_id, secret = next(iter(self.fake.keys.items()))
        return {"access_key_file": self.write_key("access", key_id),
                "secret_key_file": self.write_key("secret_access", secret)}

    def add(self, name, tenant="default"):
        return self.lab.cli("domain", "add", name, "--tenant", tenant, "--profile", "ses")

    def show(self, name):
        return self.lab.cli("domain", "show", name)

    def verify(self, name):
        """The answer, whatever came out of it."""
        return json.loads(self.lab.cli_text("--json", "domain", "verify", name, check=False).stdout)

    def publish(self, name):
        """What `domain records` says, and the keys that SES publishes itself."""
        for record in self.lab.cli("domain", "records", name)["records"]:
            if record["type"] == "TXT":
                self.lab.dns.set_txt(record["name"], record["value"])
            elif record["type"] == "MX":
                self.lab.dns.set(record["name"], "MX", f"{record['priority']} {record['value']}.")
            else:
                self.lab.dns.set(record["name"], "CNAME", record["value"] + ".")
                self.lab.dns.set_txt(record["value"], KEY)
        self.lab.dns.publish()

    def unpublish(self, name):
        for record in self.lab.cli("domain", "records", name)["records"]:
            self.lab.dns.set(record["name"], record["type"])
        self.lab.dns.publish()

    def count(self, call, name):
        """How often SES carried this out."""
        with self.fake.lock:
            return self.fake.done.count((call, name))

    def remove(self, name):
        self.unpublish(name)
        return self.lab.cli("domain", "remove", name, "--yes")

    def wait_released(self, name):
        """Until nothing is left to do for a removed domain at SES."""
        wait_until(lambda: self.show(name)["ses"] == {"problem": None}, f"release of {name}", 40)

    def restart(self):
        assert self.lab.mailspurd.stop() == 0
        self.lab.mailspurd.start()


@pytest.fixture(scope="module")
def running():
    with Lab() as lab:
        with FakeSes(region=REGION, resolver=("127.0.0.1", lab.dns.port)) as fake:
            whole = Ses(lab, fake)
            settings = {"endpoint": fake.url, "installation": "lab", "interval": "0s",
                        **whole.right_keys()}
            lab.write_config(verification={"region": REGION, "ses": settings})
            lab.reload()
            yield whole


@pytest.fixture
def ses(running):
    running.fake.faults.clear()
    running.fake.clock_offset = 0
    running.right_keys()
    yield running
    running.fake.faults.clear()


def cnames(answer):
    return {record["name"]: record["value"] for record in answer["records"]
            if record["type"] == "CNAME"}


def wanted_cnames(ses, name):
    return {f"{token}._domainkey.{name}": f"{token}.{ses.fake.zone}"
            for token in ses.fake.identities[name]["tokens"]}


# ---- the way of a domain -----------------------------------------------------------------------

def test_from_the_tokens_of_ses_to_verified_and_back(ses):
    name = "whole.example"
    added = ses.add(name)
    assert added["status"] == "pending"
    assert cnames(added) == wanted_cnames(ses, name) and len(cnames(added)) == 3
    assert ses.fake.identities[name]["tags"] == [TAG]
    assert ses.fake.identities[name]["mail_from"] == "mail." + name
    before = ses.verify(name)
    assert before["status"] == "pending" and before["ses"]["verification"] == "pending"
    ses.publish(name)
    after = ses.verify(name)
    assert after["status"] == "verified", after
    assert after["ses"] == {"verified": True, "verification": "success", "dkim": "success",
                            "mail_from": "success", "problem": None}
    assert ses.show(name)["ses"] == after["ses"]
    ses.remove(name)
    ses.wait_released(name)
    assert name not in ses.fake.identities and ses.count("delete", name) == 1


def test_the_dns_is_right_and_ses_does_not_see_it_yet(ses):
    name = "slow.example"
    ses.add(name)
    ses.publish(name)
    ses.fake.resolver, right = None, ses.fake.resolver
    try:
        answer = ses.verify(name)
        text = ses.lab.cli_text("domain", "verify", name, check=False).stdout
    finally:
        ses.fake.resolver = right
    assert answer["status"] == "pending" and answer["ses"]["verified"] is False
    assert all(record["status"] == "found" for record in answer["records"] if record["required"])
    assert "Amazon SES: " + answer["ses"]["problem"] in text
    assert ses.verify(name)["status"] == "verified"


# ---- SES fails ---------------------------------------------------------------------------------

FAULTS = [
    ("throttle", {"get": ["throttle"] * OFTEN}, "too many calls"),
    ("500", {"create": ["internal"] * OFTEN}, "SES has trouble of its own"),
    ("hang", {"get": ["hang"] * OFTEN}, "no answer|timed out|Timeout"),
    ("denied", {"create": [DENIED]}, "its IAM policy must allow it"),
    ("full", {"create": [Refusal(400, "LimitExceededException", "")]}, "as many identities"),
]


def says(answer, sentence):
    problem = answer["ses"]["problem"] or ""
    return any(words in problem for words in sentence.split("|"))


@pytest.mark.parametrize("label, faults, sentence", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_domain_added_while_ses_fails_gets_its_identity_with_the_next_check(ses, label, faults,
                                                                              sentence):
    name = f"fault-{label}.example"
    ses.fake.faults.update({call: list(waiting) for call, waiting in faults.items()})
    added = ses.add(name)
    assert added["status"] == "pending" and cnames(added) == {}
    assert says(added, sentence), added["ses"]
    assert ses.show(name)["ses"] == added["ses"]
    ses.fake.faults.clear()
    answer = wait_until(lambda: (found := ses.verify(name)) and cnames(found) and found, "tokens")
    assert cnames(answer) == wanted_cnames(ses, name)
    assert ses.count("create", name) == 1
    ses.remove(name)


@pytest.mark.parametrize("call, fault", [("get", "lost"), ("create", "lost"), ("create", "garbage"),
                                         ("set_mail_from", "lost"), ("set_mail_from", "cut")])
def test_a_lost_answer_makes_no_second_identity(ses, call, fault):
    name = f"{fault}-{call.replace('_', '-')}.example"
    ses.fake.faults[call] = [fault]
    added = ses.add(name)
    assert ses.fake.faults[call] == []
    assert cnames(added) == wanted_cnames(ses, name)
    assert ses.count("create", name) == 1
    assert ses.verify(name)["ses"]["verification"] == "pending"
    assert ses.count("create", name) == 1
    ses.remove(name)


def test_keys_and_clocks_that_are_wrong_are_told_and_change_no_state(ses):
    name = "kept.example"
    ses.add(name)
    ses.publish(name)
    assert ses.verify(name)["status"] == "verified"
    ses.write_key("secret_access", "of/another/key")
    answer = ses.verify(name)
    assert answer["status"] == "verified" and says(answer, "belong to the access key id")
    text = ses.lab.cli_text("domain", "verify", name, check=False).stdout
    assert "Amazon SES: " in text and "belong to the access key id" in text
    ses.write_key("access", "AKIANOBODYKNOWSTHIS1")
    assert says(ses.verify(name), "does not know the access key id")
    ses.right_keys()
    ses.fake.clock_offset = 20 * 60
    answer = ses.verify(name)
    assert answer["status"] == "verified" and says(answer, "clock is 20 minutes behind")
    ses.fake.clock_offset = 0
    os.unlink(ses.lab.path("etc", "access"))
    answer = ses.verify(name)
    assert answer["status"] == "verified" and says(answer, "etc/access")
    ses.right_keys()
    answer = ses.verify(name)
    assert answer["status"] == "verified" and answer["ses"]["problem"] is None
    assert answer["misses"] == 0


# ---- giving back -------------------------------------------------------------------------------

def test_a_deletion_that_failed_is_told_and_repeated_until_it_is_done(ses):
    name = "stubborn.example"
    ses.add(name)
    ses.fake.faults["delete"] = [DENIED]
    ses.remove(name)
    wait_until(lambda: says(ses.show(name), "ses:DeleteEmailIdentity"), "its reason", 30)
    assert name in ses.fake.identities
    ses.wait_released(name)  # by itself
    assert name not in ses.fake.identities and ses.count("delete", name) == 1


def test_a_deletion_is_made_after_a_restart(ses):
    name = "restarted.example"
    ses.add(name)
    ses.write_key("secret_access", "of/another/key")
    ses.remove(name)
    wait_until(lambda: says(ses.show(name), "belong to the access key id"), "its reason", 30)
    ses.restart()
    ses.right_keys()
    wait_until(lambda: name not in ses.fake.identities, "the deletion", 90)
    assert ses.count("delete", name) == 1


def test_an_adopted_identity_is_used_and_never_deleted(ses):
    name = "adopted.example"
    ses.fake.add_identity(name, tags=[{"Key": "team", "Value": "newsletter"}],
                          mail_from="bounce." + name)
    assert cnames(ses.add(name)) == wanted_cnames(ses, name)
    assert ses.count("create", name) == 0
    assert ses.fake.identities[name]["mail_from"] == "bounce." + name
    ses.remove(name)
    ses.wait_released(name)
    assert name in ses.fake.identities and ses.count("delete", name) == 0


def test_an_identity_that_two_entries_use_goes_with_the_last_of_them(ses):
    name = "shared.example"
    ses.add(name, tenant="first")
    old_tokens = wanted_cnames(ses, name)
    ses.fake.faults["get"] = [DENIED]
    old_id = ses.show(name)["id"]
    ses.remove(name)
    wait_until(lambda: ses.fake.faults["get"] == [], "a deletion that fails", 30)
    assert cnames(ses.add(name, tenant="second")) == old_tokens
    ses.wait_released(old_id)
    assert name in ses.fake.identities and ses.count("delete", name) == 0
    assert ses.count("create", name) == 1
    ses.remove(name)
    wait_until(lambda: name not in ses.fake.identities, "the deletion", 30)
    assert ses.count("delete", name) == 1


def test_a_name_added_while_its_identity_is_being_deleted_has_one_in_the_end(ses):
    """The last entry is removed and its deletion under way at SES, when another tenant adds the name."""
    name = "handover.example"
    ses.add(name, tenant="first")
    old_tokens = wanted_cnames(ses, name)
    ses.fake.released.clear()
    ses.fake.faults["delete"] = ["slow"]
    ses.remove(name)
    wait_until(lambda: ("delete", name, {}) in ses.fake.requests, "the deletion", 30)
    with ThreadPoolExecutor() as threads:
        adding = threads.submit(ses.add, name, "second")
        wait_until(lambda: any(row["tenant"] == "second" for row in
                               ses.lab.cli("domain", "list", "--tenant", "second")["domains"]),
                   "the new entry", 30)
        ses.fake.release()
        added = adding.result(30)
    assert ses.count("delete", name) == 1
    assert name in ses.fake.identities
    assert cnames(added) == wanted_cnames(ses, name) != old_tokens
    assert ses.verify(name)["ses"]["verification"] == "pending"
    assert ses.count("create", name) == 2
    ses.remove(name)


def test_the_keys_are_in_no_log(ses):
    """Of all that the tests above did."""
    assert len(ses.fake.requests) > 0
    said = ses.lab.mailspurd.log() + ses.lab.cli_text("domain", "list", "--all").stdout
    assert "domain.added" in said
    for secret in ses.secrets:
        assert secret not in said

# SPDX-License-Identifier: Apache-2.0
"""The life of a domain in the running daemon, with times of seconds in place of days: what is lost, what
that does to its mail, and what comes back."""
import json
import os

import pytest

from tests.lab.lab import Lab
from tests.lab.process import wait_until

pytestmark = pytest.mark.skipif(os.environ.get("MAILSPUR_LAB_NAMESPACE") != "1",
                                reason="name servers need port 53: a network namespace")
TIMES = {"pending_for": "2s", "confirm_after": "1s", "grace": "4s", "misses": 3, "deferred_for": "3s"}
PATIENCE = 40
REMOVED = "<ticket+1@{}>: Recipient address rejected: this domain was removed"


class Life:
    """A lab and what the tests ask of it."""

    def __init__(self, lab):
        self.lab = lab

    def add(self, name, profile="inbound"):
        self.lab.write_domain(name, self.lab.standard_routes())
        self.lab.reload()
        answer = self.lab.cli("domain", "add", name, "--profile", profile)
        return answer

    def add_verified(self, name, profile="inbound"):
        self.add(name, profile)
        self.publish(name)
        assert self.check(name)["status"] == "verified"
        self.lab.cli("domain", "inbound", "on", name)

    def records(self, name):
        return self.lab.cli("domain", "records", name)["records"]

    def publish(self, name, *purposes):
        for record in self.records(name):
            if purposes and record["purpose"] not in purposes:
                continue
            if record["type"] == "TXT":
                self.lab.dns.set_txt(record["name"], record["value"])
            elif record["type"] == "MX":
                self.lab.dns.set(record["name"], "MX", f"10 {record['value']}.")
            else:
                self.lab.dns.set(record["name"], record["type"], record["value"] + ".")
        self.lab.dns.publish()

    def unpublish(self, name, purpose):
        for record in self.records(name):
            if record["purpose"] == purpose:
                self.lab.dns.set(record["name"], record["type"])
        self.lab.dns.publish()

    def check(self, name):
        """`domain verify` now; the answer, whatever came out."""
        return json.loads(self.lab.cli_text("--json", "domain", "verify", name, check=False).stdout)

    def check_until(self, name, **wanted):
        """Again and again, as the schedule does in days; also what it was on the way."""
        seen = []

        def arrived():
            answer = self.check(name)
            if not seen or seen[-1] != (answer["status"], answer["mail"]):
                seen.append((answer["status"], answer["mail"]))
            return all(answer[key] == value for key, value in wanted.items())
        wait_until(arrived, f"{name} {wanted}", PATIENCE, interval=0.2)
        return seen

    def send(self, name):
        """What a sender is told about ticket+1@name: at RCPT, or at the end."""
        answers, answer = self.lab.send(f"ticket+1@{name}")
        return answer or answers[f"ticket+1@{name}"]

    def kinds(self, name):
        """Of its events, oldest first."""
        events = self.lab.cli("domain", "history", name)["events"]
        return [event["kind"] for event in reversed(events)]

    def held(self, name):
        return [item for item in self.lab.cli("hold", "list")["deliveries"]
                if item["recipient"].endswith("@" + name)]

    def restart(self):
        assert self.lab.mailspurd.stop() == 0
        self.lab.mailspurd.start()


@pytest.fixture(scope="module")
def running():
    with Lab(config={"verification": TIMES}) as lab:
        yield Life(lab)


@pytest.fixture
def life(running):
    running.lab.endpoint.requests.clear()
    running.lab.endpoint.default = 200
    return running


def delivered(life, name):
    return [request for request in life.lab.endpoint.requests
            if request.data["recipient"].endswith("@" + name)]


def test_what_is_never_published_fails_and_is_verified_later(life):
    name = "late.example"
    life.add(name)
    assert life.send(name).startswith("5"), "a name that nobody proved is none of ours"
    assert life.check_until(name, status="failed") == [("pending", "open"), ("failed", "open")]
    life.publish(name)
    assert life.check(name)["status"] == "verified"
    assert life.kinds(name)[-2:] == ["domain.failed", "domain.verified"]


def test_ownership_that_is_lost_holds_then_defers_then_refuses_and_comes_back(life):
    name = "lost.example"
    life.add_verified(name)
    assert life.send(name).startswith("250")
    life.lab.endpoint.wait_for(1)
    life.unpublish(name, "ownership")
    first = life.check(name)
    assert (first["status"], first["mail"], first["misses"]) == ("verified", "open", 1)
    assert life.check_until(name, mail="held")[-1] == ("at_risk", "held")
    assert life.send(name).startswith("250")
    held = life.held(name)
    assert len(held) == 1 and "proof of ownership" in held[0]["reason"]
    life.restart()  # forgets nothing
    assert life.lab.cli("domain", "show", name)["mail"] == "held"
    life.check_until(name, mail="deferred")
    assert life.send(name).startswith("450 4.7.1")
    life.check_until(name, mail="refused")
    assert life.send(name).startswith("550 5.7.1")
    assert life.check(name)["status"] == "failed"
    life.publish(name)
    back = life.check(name)
    assert (back["status"], back["mail"], back["misses"]) == ("verified", "open", 0)
    assert life.send(name).startswith("250")
    life.lab.endpoint.wait_for(3)  # the held one too
    assert life.held(name) == []
    kinds = [kind for kind in life.kinds(name) if kind != "domain.added"]
    order = ["domain.verified", "domain.inbound_on", "domain.check_failed", "domain.at_risk",
             "domain.inbound_held", "domain.inbound_deferred", "domain.inbound_refused",
             "domain.restored", "domain.inbound_reopened"]
    assert [kind for kind in kinds if kind in order] == order
    assert "domain.failed" in kinds


def test_who_edits_an_spf_record_loses_no_mail(life):
    name = "edits.example"
    life.add_verified(name, "relay")
    life.lab.dns.set_txt(name, "v=spf1 ip4:192.0.2.7 -all")
    life.lab.dns.publish()
    seen = life.check_until(name, status="failed")
    assert seen == [("verified", "open"), ("at_risk", "open"), ("failed", "open")]
    assert life.send(name).startswith("250")
    life.lab.endpoint.wait_for(1)
    life.publish(name, "spf")
    assert life.check(name)["status"] == "verified"


def test_a_dns_that_is_down_changes_nothing(life):
    name = "down.example"
    life.add_verified(name)
    before = life.lab.cli("domain", "show", name)
    life.lab.dns.nsd.stop()
    try:
        for _ in range(3):
            answer = life.check(name)
            assert (answer["status"], answer["mail"], answer["misses"]) == ("verified", "open", 0)
            assert answer["checked_at"] == before["checked_at"]
    finally:
        life.lab.dns.start_authority()
    assert life.send(name).startswith("250")
    assert life.check(name)["status"] == "verified"
    assert life.kinds(name) == ["domain.added", "domain.verified", "domain.inbound_on"]


def test_time_without_the_daemon_is_no_miss(life):
    name = "paused.example"
    life.add_verified(name)
    life.unpublish(name, "ownership")
    life.check_until(name, mail="held")
    misses = life.lab.cli("domain", "show", name)["misses"]
    life.restart()
    assert life.lab.cli("domain", "show", name)["misses"] == misses
    life.publish(name)
    assert life.check(name)["mail"] == "open"


def test_a_removed_domain_refuses_at_once_and_delivers_what_it_took(life):
    name = "gone.example"
    life.add_verified(name)
    token = next(r["value"] for r in life.records(name) if r["purpose"] == "ownership")
    life.lab.endpoint.default = 503
    assert life.send(name).startswith("250")
    life.lab.endpoint.wait_for(1)
    life.lab.cli("domain", "remove", name, "--yes")
    assert life.send(name).startswith("550 5.7.1")
    life.lab.endpoint.default = 200
    life.lab.wait_idle()
    assert [item["state"] for item in life.lab.cli("delivery", "list", "--domain", name)["deliveries"]] \
        == ["done"]
    # Its MX still leads here: the operator is told.
    wait_until(lambda: "domain.mx_points_here" in life.kinds(name), "the event", PATIENCE)
    assert life.lab.cli("domain", "show", name)["mx_points_here"] is True
    # Who adds it again, and as long as that is not proven, changes nothing for its senders.
    life.lab.cli("domain", "add", name, "--profile", "inbound", "--tenant", "other")
    assert life.send(name) == "550 5.7.1 " + REMOVED.format(name)
    life.lab.cli("domain", "remove", name, "--yes")
    again = life.add(name)
    new = next(r["value"] for r in again["records"] if r["purpose"] == "ownership")
    assert new != token and life.check(name)["status"] == "pending"
    assert life.send(name) == "550 5.7.1 " + REMOVED.format(name)
    life.publish(name)
    assert life.check(name)["status"] == "verified"
    assert "removed" not in life.send(name)
    life.lab.cli("domain", "inbound", "on", name)
    assert life.send(name).startswith("250")


@pytest.mark.parametrize("choice, state", [("drain", "done"), ("discard", "dead")])
def test_what_is_held_when_its_domain_is_removed(life, choice, state):
    name = f"{choice}.example"
    life.add_verified(name)
    life.unpublish(name, "ownership")
    life.check_until(name, mail="held")
    assert life.send(name).startswith("250")
    answer = life.lab.cli("domain", "remove", name, "--yes", "--held", choice)
    assert answer["held"] == 1 and life.held(name) == []

    def states():
        return [item["state"] for item in
                life.lab.cli("delivery", "list", "--domain", name)["deliveries"]]
    wait_until(lambda: states() == [state], f"{choice}: {state}")
    assert len(delivered(life, name)) == (1 if choice == "drain" else 0)

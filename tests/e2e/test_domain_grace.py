# SPDX-License-Identifier: Apache-2.0
"""Mail to a domain whose proof of ownership is gone, from SMTP to the endpoint: taken and held, then
450, then 550; with the proof back, what was held arrives once and new mail at once."""
import sqlite3

import pytest

from tests.lab.lab import DOMAIN, Lab

QUARTER_HOUR = 15 * 60 * 1000 + 1000
HOUR = 60 * 60 * 1000
TICKET = f"ticket+1@{DOMAIN}"
HELD = "the domain's proof of ownership is gone"


@pytest.fixture(name="grace_lab")
def grace_lab_fixture():
    with Lab() as lab:
        yield lab


def make_older(lab, **columns):
    """Nobody waits for hours: the stopped daemon's row is made older."""
    lab.mailspurd.kill()
    changes = ", ".join(f"{column} = {column} + {change}" for column, change in columns.items())
    with sqlite3.connect(lab.path("state", "mailspur.db")) as store:
        store.execute(f"UPDATE domain SET {changes} WHERE name = ?", (DOMAIN,))
    store.close()
    lab.mailspurd.start()


def check(lab):
    """One check; what the domain is after it."""
    lab.cli_text("domain", "verify", DOMAIN, check=False)
    return lab.cli("domain", "show", DOMAIN)


def lose_the_proof(lab):
    for record in lab.cli("domain", "records", DOMAIN)["records"]:
        if record["purpose"] == "ownership":
            lab.dns.set(record["name"], "TXT")
    lab.dns.publish()
    assert check(lab)["mail"] == "open"  # one miss is none
    make_older(lab, missing_since=-QUARTER_HOUR, ownership_missing_since=-QUARTER_HOUR)
    assert check(lab)["mail"] == "held"


def answer_of(result):
    """The answer that decided a transaction with one recipient."""
    answers, answer = result
    return answer or list(answers.values())[0]


def test_mail_in_grace_is_held_and_arrives_once_when_the_proof_is_back(grace_lab):
    lab = grace_lab
    lose_the_proof(lab)
    assert answer_of(lab.send(TICKET)).startswith("250")
    held = lab.cli("hold", "list")["deliveries"]
    assert [(d["recipient"], d["reason"]) for d in held] == [(TICKET, HELD)]
    assert not lab.endpoint.requests
    lab.publish_ownership(DOMAIN)
    assert check(lab)["mail"] == "open"
    assert lab.endpoint.wait_for(1)[0].data["recipient"] == TICKET
    assert answer_of(lab.send(f"ticket+2@{DOMAIN}")).startswith("250")
    lab.endpoint.wait_for(2)
    lab.wait_idle()
    assert len({r.webhook_id for r in lab.endpoint.requests}) == len(lab.endpoint.requests) == 2
    assert not lab.cli("hold", "list")["deliveries"]


def test_after_the_grace_senders_get_450_then_550_and_what_was_held_is_kept(grace_lab):
    lab = grace_lab
    lose_the_proof(lab)
    assert answer_of(lab.send(TICKET)).startswith("250")
    make_older(lab, ownership_missing_ms=73 * HOUR)
    assert check(lab)["mail"] == "deferred"
    assert answer_of(lab.send(TICKET)).startswith("450 4.7.1")
    make_older(lab, ownership_missing_ms=25 * HOUR)
    assert check(lab)["mail"] == "refused"
    assert answer_of(lab.send(TICKET)).startswith("550 5.7.1")
    assert [d["reason"] for d in lab.cli("hold", "list")["deliveries"]] == [HELD]
    lab.publish_ownership(DOMAIN)
    assert check(lab)["mail"] == "open"
    assert lab.endpoint.wait_for(1)[0].data["recipient"] == TICKET

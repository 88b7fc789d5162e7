# SPDX-License-Identifier: Apache-2.0
"""Parts of mailspur that are down, locked or full: refused for now, nothing lost."""
import os
import smtplib
import sqlite3

import pytest

from tests.lab.disk import fill, lab_on_a_small_disk
from tests.lab.lab import DOMAIN, SENDER
from tests.lab.mail import compose
from tests.lab.postfix import OWN_DOMAIN
from tests.lab.process import Background, wait_until

TICKET = f"ticket+1@{DOMAIN}"
OWN = f"someone@{OWN_DOMAIN}"


def test_mailspurd_down_defers_ours_only(fresh_lab):
    lab = fresh_lab
    lab.mailspurd.kill()
    answers, _ = lab.send(TICKET)
    assert answers[TICKET].startswith("451")
    _, answer = lab.send(OWN, message=compose(SENDER, OWN, subject="while-down"))
    assert answer.startswith("250")
    answers, answer = lab.send("friend@elsewhere.example", login="joe")
    assert answer.startswith("250"), answers
    lab.mailspurd.start()
    _, answer = lab.send(TICKET)
    assert answer.startswith("250")
    lab.endpoint.wait_for(1)


def test_mailspurd_gone_between_rcpt_and_data_is_451(fresh_lab):
    lab = fresh_lab
    with lab.session() as smtp:
        smtp.mail(SENDER)
        assert smtp.rcpt(TICKET)[0] == 250
        lab.mailspurd.kill()
        code, _ = smtp.data(lab.signer.sign(compose(SENDER, TICKET)))
        assert code == 451
    lab.mailspurd.start()
    assert lab.cli("status")["messages"] == 0


def test_milter_down_is_tempfail(fresh_lab):
    lab = fresh_lab
    lab.milter.kill()
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        lab.send(TICKET)
    assert 400 <= refused.value.smtp_code < 500
    lab.milter.start()
    _, answer = lab.send(TICKET)
    assert answer.startswith("250")
    lab.endpoint.wait_for(1)


def test_milter_killed_under_load_loses_and_invents_nothing(fresh_lab):
    lab = fresh_lab
    answered = []

    def send_many(worker):
        for number in range(12):
            recipient = f"ticket+{worker}x{number}@{DOMAIN}"
            try:
                _, answer = lab.send(recipient)
            except (smtplib.SMTPException, OSError):
                continue
            if answer is not None and answer.startswith("250"):
                answered.append(recipient)
    workers = [Background(lambda w=w: send_many(w)) for w in range(4)]
    for _ in range(3):
        lab.endpoint.wait_for(len(lab.endpoint.requests) + 3)
        lab.milter.kill()
        lab.milter.start()
    for worker in workers:
        worker.join(120)
    lab.wait_idle()
    delivered = [r.data["recipient"] for r in lab.endpoint.requests]
    assert set(answered) <= set(delivered)
    assert len(answered) > 10


def test_restart_keeps_what_was_accepted(fresh_lab):
    lab = fresh_lab
    lab.endpoint.default = 503
    lab.send([f"ticket+{number}@{DOMAIN}" for number in range(5)])
    lab.endpoint.wait_for(5)
    assert lab.mailspurd.stop() == 0
    lab.endpoint.default = 200
    count = len(lab.endpoint.requests)
    ids = {r.webhook_id for r in lab.endpoint.requests}
    lab.mailspurd.start()
    fresh = lab.endpoint.wait_for(count + 5)[count:]
    assert {r.webhook_id for r in fresh} == ids


def test_a_locked_database_is_451_and_recovers(fresh_lab):
    lab = fresh_lab
    other = sqlite3.connect(lab.config["store"]["path"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    _, answer = lab.send(TICKET)
    assert answer.startswith("45")
    other.execute("ROLLBACK")
    other.close()
    _, answer = lab.send(TICKET)
    assert answer.startswith("250")
    lab.endpoint.wait_for(1)


@pytest.fixture
def small_disk_lab():
    with lab_on_a_small_disk(24) as lab:
        yield lab


def test_a_full_disk_is_452_and_recovers_without_help(small_disk_lab):
    lab = small_disk_lab
    filler = lab.path("state", "filler")
    fill(filler)
    message = compose(SENDER, TICKET, body=b"y" * 70 + b"\r\n")
    answers, answer = lab.send(TICKET, message=message)
    assert (answer or answers[TICKET]).startswith("452 4.3.1")
    assert lab.endpoint.requests == []
    os.unlink(filler)
    def accepted():
        _, again = lab.send(TICKET, message=message)
        return again is not None and again.startswith("250")
    wait_until(accepted, "room again", timeout=15, interval=0.2)
    lab.endpoint.wait_for(1)


def test_the_limit_of_the_store_is_452(fresh_lab):
    lab = fresh_lab
    lab.write_config(limits={"store_messages": 10, "tenant_share": 30})
    lab.reload()
    results = [lab.send(f"ticket+{number}@{DOMAIN}") for number in range(5)]
    texts = [answer or list(answers.values())[0] for answers, answer in results]
    assert [text[:3] for text in texts] == ["250"] * 3 + ["452"] * 2
    assert "4.2.2" in texts[3]

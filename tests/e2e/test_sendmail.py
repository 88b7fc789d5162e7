# SPDX-License-Identifier: Apache-2.0
"""The main path through a real Sendmail, configured by conf/sendmail/mailspur.m4. Sendmail knows no XCLIENT: the clients
are addresses of this network namespace."""
import os
import smtplib
import subprocess

import pytest

from tests.lab.lab import DOMAIN, SENDER, Lab
from tests.lab.mail import BAD_CLIENT, GOOD_CLIENT, compose, text_of
from tests.lab.process import wait_until
from tests.lab.sendmail import OWN_DOMAIN, Sendmail

TICKET = f"ticket+4711@{DOMAIN}"
OWN = f"someone@{OWN_DOMAIN}"

pytestmark = pytest.mark.skipif("MAILSPUR_LAB_NAMESPACE" not in os.environ,
                                reason="client addresses need a network namespace")


class SendmailLab(Lab):
    def __init__(self):
        super().__init__()
        self.postfix = Sendmail(self.folder, self.path("run", "milter.sock"),
                                self.path("run", "socketmap.sock"))

    def transaction(self, recipients, message, client=GOOD_CLIENT, sender=SENDER):
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60, source_address=(client, 0),
                          local_hostname="mail.sender.example") as smtp:
            smtp.ehlo()
            assert smtp.mail(sender)[0] == 250
            answers = {recipient: text_of(smtp.rcpt(recipient)) for recipient in recipients}
            if not any(answer.startswith("25") for answer in answers.values()):
                return answers, None
            return answers, text_of(smtp.data(message))

    def own_mail(self):
        with open(self.postfix.mailbox, encoding="latin-1") as box:
            return box.read()


@pytest.fixture(scope="module")
def lab():
    for address in (GOOD_CLIENT, BAD_CLIENT):
        subprocess.run(["ip", "address", "replace", address + "/32", "dev", "lo"], check=True)
    with SendmailLab() as lab:
        yield lab


@pytest.fixture(autouse=True)
def clean(lab):
    lab.wait_idle()
    lab.endpoint.requests.clear()


def test_a_signed_message_arrives_and_sendmail_queues_nothing(lab):
    message = compose(SENDER, TICKET)
    _, answer = lab.transaction([TICKET], lab.signer.sign(message))
    assert answer.startswith("250"), answer
    request = lab.endpoint.wait_for(1)[0]
    assert request.signature_good
    assert (request.data["recipient"], request.data["route"]) == (TICKET, "ticket-note")
    verdict = request.data["verdict"]
    assert (verdict["spf"]["result"], verdict["dkim"][0]["result"], verdict["dmarc"]["result"]) == (
        "pass", "pass", "pass")
    assert request.raw_message.endswith(message)
    assert os.listdir(os.path.join(lab.postfix.folder, "queue")) == []


def test_a_forged_sender_is_refused(lab):
    _, answer = lab.transaction([TICKET], compose(SENDER, TICKET), client=BAD_CLIENT)
    assert answer.startswith("550 5.7.1") and "sender.example" in answer
    assert lab.endpoint.requests == []


def test_recipients_are_answered_as_postfix_answers_them(lab):
    answers, _ = lab.transaction([f"noreply@{DOMAIN}", f"nobody@{DOMAIN}", "friend@elsewhere.example"],
                                 b"")
    assert answers[f"noreply@{DOMAIN}"].startswith("550 5.7.1"), answers
    assert answers[f"noreply@{DOMAIN}"].endswith("this box takes no mail"), answers
    assert answers[f"nobody@{DOMAIN}"].startswith("550 5.1.1"), answers
    assert answers["friend@elsewhere.example"].startswith("550 5.7.1"), answers  # relaying denied


def test_a_message_to_both_is_delivered_by_both_once(lab):
    message = lab.signer.sign(compose(SENDER, TICKET, subject="for both"))
    answers, answer = lab.transaction([TICKET, OWN], message)
    assert answer.startswith("250"), (answers, answer)
    assert [r.data["recipient"] for r in lab.endpoint.wait_for(1)] == [TICKET]
    wait_until(lambda: "for both" in lab.own_mail(), "Sendmail's own delivery")


def test_mailspurd_down_defers_ours_only(lab):
    lab.mailspurd.kill()
    try:
        answers, _ = lab.transaction([TICKET], b"")
        assert answers[TICKET].startswith("451"), answers
        _, answer = lab.transaction([OWN], compose(SENDER, OWN, subject="while down"))
        assert answer.startswith("250"), answer
        wait_until(lambda: "while down" in lab.own_mail(), "Sendmail's own delivery")
    finally:
        lab.mailspurd.start()
    assert lab.transaction([TICKET], lab.signer.sign(compose(SENDER, TICKET)))[1].startswith("250")
    lab.endpoint.wait_for(1)


def test_the_milter_down_defers(lab):
    lab.milter.kill()
    try:
        with pytest.raises((AssertionError, smtplib.SMTPException)):
            _, answer = lab.transaction([TICKET], lab.signer.sign(compose(SENDER, TICKET)))
            assert not answer.startswith("4")
    finally:
        lab.milter.start()

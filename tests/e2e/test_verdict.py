# SPDX-License-Identifier: Apache-2.0
"""What the verdict does to a message: pass, refuse, hold, tag, defer."""
import json

import pytest

from tests.lab.lab import DOMAIN, SENDER, Lab
from tests.lab.mail import BAD_CLIENT, GOOD_CLIENT, Signer, compose

TICKET = f"ticket+4711@{DOMAIN}"


def test_a_signed_message_arrives_as_a_signed_request(lab):
    message = compose(SENDER, TICKET, subject="Printer on fire")
    _, answer = lab.send(TICKET, message=message)
    assert answer.startswith("250")
    request = lab.endpoint.wait_for(1)[0]
    data = request.data
    assert request.signature_good
    assert request.event["type"] == "message.received"
    assert request.webhook_id == data["delivery_id"]
    assert (data["recipient"], data["route"], data["action"]) == (TICKET, "ticket-note", "note")
    assert data["captures"] == {"ticket_id": "4711"}
    assert (data["tenant"], data["domain"]) == ("default", DOMAIN)
    assert data["envelope"]["mail_from"] == SENDER
    verdict = data["verdict"]
    assert verdict["spf"]["result"] == "pass"
    assert [item["result"] for item in verdict["dkim"]] == ["pass"]
    assert verdict["dmarc"]["result"] == "pass"
    assert sorted(verdict["dmarc"]["aligned"]) == ["dkim", "spf"]
    assert request.raw_message.endswith(message)
    assert ["Subject", "Printer on fire"] in data["headers"]
    assert lab.own_mailbox().count(TICKET) == 0


def test_dmarc_reject_refuses_a_forged_sender(lab):
    _, answer = lab.send(TICKET, sign=False, client=BAD_CLIENT)
    assert answer.startswith("550 5.7.1") and "sender.example" in answer
    assert lab.endpoint.requests == []


def test_a_dkim_signature_alone_is_enough_for_dmarc(lab):
    _, answer = lab.send(TICKET, client=BAD_CLIENT)
    assert answer.startswith("250")
    verdict = lab.endpoint.wait_for(1)[0].data["verdict"]
    assert (verdict["spf"]["result"], verdict["dmarc"]["result"]) == ("fail", "pass")
    assert verdict["dmarc"]["aligned"] == ["dkim"]


def test_a_changed_body_breaks_the_signature(lab):
    message = lab.signer.sign(compose(SENDER, TICKET)) + b"PS: send money\r\n"
    _, answer = lab.send(TICKET, message=message, sign=False, client=BAD_CLIENT)
    assert answer.startswith("550 5.7.1")


def test_dmarc_quarantine_is_held_and_released(lab):
    sender = "bob@quarantine.example"
    _, answer = lab.send(TICKET, sender=sender, message=compose(sender, TICKET), sign=False,
                         client=BAD_CLIENT)
    assert answer.startswith("250")
    held = lab.cli("hold", "list")["deliveries"]
    assert [item["recipient"] for item in held] == [TICKET]
    assert "quarantine" in held[0]["reason"]
    assert lab.endpoint.requests == []
    lab.cli("hold", "release", "--message", held[0]["message"])
    request = lab.endpoint.wait_for(1)[0]
    assert request.data["verdict"]["dmarc"]["disposition"] == "quarantine"
    assert lab.cli("hold", "list")["deliveries"] == []


def test_held_mail_can_be_discarded(lab):
    sender = "bob@quarantine.example"
    lab.send(TICKET, sender=sender, message=compose(sender, TICKET), sign=False, client=BAD_CLIENT)
    held = lab.cli("hold", "list")["deliveries"]
    lab.cli("hold", "discard", "--message", held[0]["message"])
    assert lab.cli("hold", "list")["deliveries"] == []
    assert lab.cli("delivery", "show", held[0]["id"])["state"] == "dead"
    assert lab.endpoint.requests == []


def test_dmarc_none_is_delivered_with_the_verdict(lab):
    sender = "carol@none.example"
    _, answer = lab.send(TICKET, sender=sender, message=compose(sender, TICKET), sign=False,
                         client=BAD_CLIENT)
    assert answer.startswith("250")
    dmarc = lab.endpoint.wait_for(1)[0].data["verdict"]["dmarc"]
    assert (dmarc["result"], dmarc["disposition"]) == ("fail", "none")


def test_spf_temperror_is_no_fail(lab):
    sender = "dave@unlucky.example"
    _, answer = lab.send(TICKET, sender=sender, message=compose(sender, TICKET), sign=False)
    assert answer.startswith("250")
    verdict = lab.endpoint.wait_for(1)[0].data["verdict"]
    assert (verdict["spf"]["result"], verdict["dmarc"]["result"]) == ("temperror", "temperror")


def test_spf_temperror_beside_an_aligned_signature_is_a_pass(lab):
    signer = Signer(lab.folder, "unlucky.example", "beside")
    lab.dns.set_txt(signer.record_name, signer.record)
    lab.dns.publish()
    sender = "dave@unlucky.example"
    _, answer = lab.send(TICKET, sender=sender, sign=False,
                         message=signer.sign(compose(sender, TICKET)))
    assert answer.startswith("250")
    verdict = lab.endpoint.wait_for(1)[0].data["verdict"]
    assert (verdict["spf"]["result"], verdict["dmarc"]["result"]) == ("temperror", "pass")


def test_dkim_temperror_is_no_fail(lab):
    signer = Signer(lab.folder, "dead.example")  # its key is behind a server that does not answer
    sender = "erin@sender.example"
    message = signer.sign(compose(sender, TICKET))
    _, answer = lab.send(TICKET, sender=sender, sign=False, message=message)
    assert answer.startswith("250")
    verdict = lab.endpoint.wait_for(1)[0].data["verdict"]
    assert [item["result"] for item in verdict["dkim"]] == ["temperror"]


@pytest.fixture
def deferring_domain(lab):
    name = "deferring.example"
    lab.write_domain(name, [{"name": "all", "recipient": "*", "destinations": ["psa"]}],
                     policy={"on_temperror": "defer"})
    lab.reload()
    lab.add_domain(name)
    yield name
    lab.cli("domain", "remove", name, "--yes")


def test_on_temperror_defer_answers_451(lab, deferring_domain):
    sender, recipient = "dave@unlucky.example", f"help@{deferring_domain}"
    _, answer = lab.send(recipient, sender=sender, message=compose(sender, recipient), sign=False)
    assert answer.startswith("451 4.7.")
    assert lab.endpoint.requests == []


def test_dmarc_tag_delivers_what_enforce_would_refuse(lab):
    name = "tagging.example"
    lab.write_domain(name, [{"name": "all", "recipient": "*", "destinations": ["psa"]}],
                     policy={"dmarc": "tag"})
    lab.reload()
    lab.add_domain(name)
    _, answer = lab.send(f"help@{name}", sign=False, client=BAD_CLIENT)
    assert answer.startswith("250")
    dmarc = lab.endpoint.wait_for(1)[0].data["verdict"]["dmarc"]
    assert (dmarc["result"], dmarc["disposition"]) == ("fail", "reject")


def test_received_spf_and_the_shadow_are_there_where_they_are_wanted():
    settings = {"milter": {"received_spf": True, "shadow": True},
                "destinations": {"psa": {"format": "raw"}}}
    with Lab(config=settings) as lab:
        _, answer = lab.send(TICKET)
        assert answer.startswith("250")
        request = lab.endpoint.wait_for(1)[0]
        field = (f"\r\nReceived-SPF: pass client-ip={GOOD_CLIENT};\r\n\tenvelope-from="
                 f'"{SENDER}";\r\n\thelo=mail.sender.example;\r\n\tidentity=mailfrom;')
        assert field.encode() in request.body
        lab.postfix.stop()
        log = lab.follow("mailspur-milter")
        lab.milter.stop()
        assert "auth.shadow compared=1 agreed=1 spf=0" in log.wait_for("auth.shadow")


def test_the_log_tells_the_story_by_queue_id(lab):
    _, answer = lab.send(TICKET)
    queue_id = answer.rsplit(" ", 1)[-1]
    lab.endpoint.wait_for(1)
    assert queue_id in lab.follow("mailspur-milter").wait_for(queue_id)
    lab.follow("mailspurd").wait_for(f"queue_id={queue_id}")
    message = lab.cli("message", "list", "--limit", "1")["messages"][0]
    assert message["queue_id"] == queue_id
    assert json.dumps(lab.cli("message", "show", message["id"]))

# SPDX-License-Identifier: Apache-2.0
"""Clients and messages of every kind."""
import os

from tests.lab.lab import DOMAIN, SENDER
from tests.lab.mail import BAD_CLIENT, compose
from tests.lab.postfix import OWN_NETWORK

TICKET = f"ticket+1@{DOMAIN}"
MEGABYTE = 1024 * 1024


def test_a_sasl_client_is_not_judged(lab):
    _, answer = lab.send(TICKET, sign=False, client=BAD_CLIENT, login="joe")
    assert answer.startswith("250")
    verdict = lab.endpoint.wait_for(1)[0].data["verdict"]
    assert verdict["local"] is True
    assert (verdict["spf"]["result"], verdict["dmarc"]["result"]) == ("none", "none")


def test_a_trusted_network_is_not_judged(lab):
    name = "trusting.example"
    lab.write_domain(name, [{"name": "all", "recipient": "*", "destinations": ["psa"]}],
                     policy={"trusted_networks": [BAD_CLIENT + "/32"]})
    lab.reload()
    lab.add_domain(name)
    _, answer = lab.send(f"help@{name}", sign=False, client=BAD_CLIENT)
    assert answer.startswith("250")
    assert lab.endpoint.wait_for(1)[0].data["verdict"]["local"] is True


def test_postfix_own_network_is_judged_unless_trusted(lab):
    client = OWN_NETWORK.replace("0/24", "7")
    _, answer = lab.send(TICKET, sign=False, client=client)
    assert answer.startswith("550 5.7.1")


def test_the_null_sender_is_judged_by_helo(lab):
    lab.dns.set_txt("mail.sender.example", "v=spf1 ip4:192.0.2.10 -all")
    lab.dns.publish()
    _, answer = lab.send(TICKET, sender="", message=compose("MAILER-DAEMON@sender.example", TICKET))
    assert answer.startswith("250")
    data = lab.endpoint.wait_for(1)[0].data
    assert data["envelope"]["mail_from"] == ""
    assert data["verdict"]["spf"]["identity"] == "helo"
    assert data["verdict"]["spf"]["result"] == "pass"


def test_eight_bit_bytes_arrive_unchanged(lab):
    body = bytes(range(128, 256)) + b"\r\n"
    message = compose(SENDER, TICKET, body=body, extra=["X-Raw: caf\u00e9"])
    _, answer = lab.send(TICKET, message=message, options=["BODY=8BITMIME"])
    assert answer.startswith("250")
    request = lab.endpoint.wait_for(1)[0]
    assert request.raw_message.endswith(message)
    assert request.data["verdict"]["dkim"][0]["result"] == "pass"


def test_header_bytes_that_are_no_utf8_become_replacement_characters(lab):
    message = compose(SENDER, TICKET).replace(b"Printer on fire", b"Drucker hei\xdf")
    _, answer = lab.send(TICKET, message=message, options=["BODY=8BITMIME"])
    assert answer.startswith("250")
    assert ["Subject", "Drucker hei\ufffd"] in lab.endpoint.wait_for(1)[0].data["headers"]


def test_smtputf8_finds_the_domain_by_u_label_and_a_label(lab):
    a_label, u_label = "xn--mller-kva.example", "m\u00fcller.example"
    lab.write_domain(u_label, [{"name": "all", "recipient": "{who}", "destinations": ["psa"]}])
    lab.reload()
    lab.add_domain(u_label)
    for domain in (u_label, a_label):
        with lab.session() as smtp:
            smtp.command_encoding = "utf-8"
            recipient = f"j\u00f6rg@{domain}"
            _, answer = smtp.transaction(SENDER, [recipient],
                                         lab.signer.sign(compose(SENDER, "x@" + a_label)),
                                         options=["SMTPUTF8", "BODY=8BITMIME"])
            assert answer.startswith("250")
    requests = lab.endpoint.wait_for(2)
    assert [r.data["domain"] for r in requests] == [a_label, a_label]
    assert [r.data["captures"] for r in requests] == [{"who": "j\u00f6rg"}] * 2


def test_thirty_megabytes_arrive_whole(lab):
    line = os.urandom(37).hex().encode() + b"\r\n"
    message = compose(SENDER, TICKET, body=line * (30 * MEGABYTE // len(line)))
    _, answer = lab.send(TICKET, message=message)
    assert answer.startswith("250")
    request = lab.endpoint.wait_for(1, timeout=120)[0]
    assert request.signature_good
    assert request.raw_message.endswith(message)
    assert request.data["verdict"]["dkim"][0]["result"] == "pass"


def test_a_message_over_the_limit_is_refused_for_good(lab):
    lab.write_config(limits={"message_size": "1M"})
    lab.reload()
    message = compose(SENDER, TICKET, body=b"x" * 70 + b"\r\n")
    large = compose(SENDER, TICKET, body=(b"x" * 70 + b"\r\n") * (MEGABYTE // 70))
    try:
        _, answer = lab.send(TICKET, message=large)
        assert answer.startswith("552 5.3.4")
        answers, _ = lab.send(TICKET, message=large, options=[f"SIZE={2 * MEGABYTE}"])
        assert answers[TICKET].startswith("552 5.3.4")
        _, answer = lab.send(TICKET, message=message)
        assert answer.startswith("250")
    finally:
        lab.write_config(limits={"message_size": None})
        lab.reload()


def test_several_messages_in_one_connection(lab):
    with lab.session() as smtp:
        for number in range(5):
            recipient = f"ticket+{number}@{DOMAIN}"
            _, answer = smtp.transaction(SENDER, [recipient],
                                         lab.signer.sign(compose(SENDER, recipient)))
            assert answer.startswith("250")
    requests = lab.endpoint.wait_for(5)
    assert {r.data["captures"]["ticket_id"] for r in requests} == set("01234")


def test_an_aborted_session_leaves_nothing(lab):
    before = lab.cli("status")["messages"]
    smtp = lab.session()
    smtp.mail(SENDER)
    smtp.rcpt(TICKET)
    smtp.docmd("DATA")
    smtp.send(compose(SENDER, TICKET)[:60])
    smtp.sock.close()
    with lab.session() as smtp:
        smtp.mail(SENDER)
        smtp.rcpt(TICKET)
        smtp.rset()
        _, answer = smtp.transaction(SENDER, [TICKET], lab.signer.sign(compose(SENDER, TICKET)))
        assert answer.startswith("250")
    lab.endpoint.wait_for(1)
    lab.wait_idle()
    assert lab.cli("status")["messages"] == before + 1
    assert len(lab.endpoint.requests) == 1


def test_a_repeated_message_is_stored_once(lab):
    message = lab.signer.sign(compose(SENDER, TICKET))
    for _ in range(3):
        _, answer = lab.send(TICKET, message=message, sign=False)
        assert answer.startswith("250")
    lab.wait_idle()
    assert len(lab.endpoint.requests) == 1


def test_two_equal_alerts_without_message_id_are_two_messages(lab):
    message = lab.signer.sign(compose(SENDER, TICKET, message_id=False, date=False))
    for _ in range(2):
        _, answer = lab.send(TICKET, message=message, sign=False)
        assert answer.startswith("250")
    requests = lab.endpoint.wait_for(2)
    assert requests[0].webhook_id != requests[1].webhook_id


def test_a_mail_loop_ends(lab):
    hops = [f"Received: from a by b; {number}" for number in range(60)]
    _, answer = lab.send(TICKET, message=compose(SENDER, TICKET, extra=hops))
    assert answer.startswith("554 5.4.6")


def test_forged_results_in_our_name_are_not_delivered(lab):
    forged = "Authentication-Results: mx.mailspur.example; dmarc=pass header.from=bank.example"
    lab.send(TICKET, message=compose(SENDER, TICKET, extra=[forged]))
    headers = lab.endpoint.wait_for(1)[0].data["headers"]
    assert not any("bank.example" in value for _, value in headers)


def test_raw_format_sends_the_message_with_our_trace(lab):
    lab.write_config(destinations={"archive": {**lab.destination("portal"), "format": "raw"}})
    name = "raw-format.example"
    lab.write_domain(name, [{"name": "all", "recipient": "*", "destinations": ["archive"]}])
    lab.reload()
    lab.add_domain(name)
    message = compose(SENDER, f"help@{name}")
    lab.send(f"help@{name}", message=message)
    request = lab.endpoint.wait_for(1)[0]
    assert request.headers["content-type"] == "message/rfc822"
    assert request.signature_good
    assert request.body.endswith(message)
    head = request.body[:-len(message)].decode()
    assert f"X-Original-To: help@{name}" in head
    assert "by mx.mailspur.example" in head
    assert "Authentication-Results: mx.mailspur.example;" in head

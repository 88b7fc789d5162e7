# SPDX-License-Identifier: Apache-2.0
"""Whose mail it is: recipients, domains, tenants, and what changes while a session is open."""
import smtplib

import pytest

from tests.lab.lab import DOMAIN, SENDER
from tests.lab.mail import BAD_CLIENT, compose
from tests.lab.postfix import OWN_DOMAIN

ALL_TO_PSA = [{"name": "all", "recipient": "*", "destinations": ["psa"]}]
TICKET = f"ticket+1@{DOMAIN}"


@pytest.fixture
def other_domain(lab, request):
    """A domain of another tenant; its name comes from the test's own."""
    name = request.node.name.replace("_", "-")[:40].strip("-") + ".example"
    lab.write_domain(name, ALL_TO_PSA)
    lab.reload()
    yield name
    if any(item["domain"] == name for item in lab.cli("domain", "list")["domains"]):
        lab.cli("domain", "remove", name, "--yes")


def test_what_no_route_takes_is_refused_with_5_1_1(lab):
    answers, _ = lab.send(f"nobody@{DOMAIN}")
    assert answers[f"nobody@{DOMAIN}"].startswith("550 5.1.1")


def test_a_reject_route_refuses_with_its_text(lab):
    answers, _ = lab.send(f"noreply@{DOMAIN}")
    assert "550 5.7.1" in answers[f"noreply@{DOMAIN}"]
    assert "this box takes no mail" in answers[f"noreply@{DOMAIN}"]


def test_local_parts_match_without_case_and_captures_keep_it(lab):
    recipient = f"TICKET+AbC@{DOMAIN.upper()}"
    _, answer = lab.send(recipient)
    assert answer.startswith("250")
    assert lab.endpoint.wait_for(1)[0].data["captures"] == {"ticket_id": "AbC"}


def test_an_unverified_domain_takes_no_mail(lab, other_domain):
    lab.cli("domain", "add", other_domain, "--tenant", "other")
    answers, _ = lab.send(f"help@{other_domain}")
    assert "Access denied" in answers[f"help@{other_domain}"]


def test_inbound_on_needs_a_verified_domain(lab, other_domain):
    lab.cli("domain", "add", other_domain, "--tenant", "other")
    done = lab.cli_text("domain", "inbound", "on", other_domain, check=False)
    assert done.returncode == 4
    assert "all its required records" in done.stderr


def test_inbound_on_without_routes_is_refused(lab):
    name = "no-routes.example"
    lab.add_domain(name, inbound=False)
    done = lab.cli_text("domain", "inbound", "on", name, check=False)
    assert done.returncode == 4 and "route" in done.stdout + done.stderr
    lab.cli("domain", "remove", name, "--yes")


def test_inbound_off_refuses_at_once(lab, other_domain):
    lab.add_domain(other_domain, tenant="other")
    recipient = f"help@{other_domain}"
    with lab.session() as smtp:
        answers, answer = smtp.transaction(SENDER, [recipient],
                                           lab.signer.sign(compose(SENDER, recipient)))
        assert answer.startswith("250"), answers
        lab.cli("domain", "inbound", "off", other_domain)
        answers, _ = smtp.transaction(SENDER, [recipient], b"")
        assert answers[recipient].startswith("550 5.7.1")


def test_a_domain_that_becomes_verified_takes_mail_at_the_next_rcpt(lab, other_domain):
    lab.cli("domain", "add", other_domain, "--tenant", "other")
    recipient = f"help@{other_domain}"
    with lab.session() as smtp:
        answers, _ = smtp.transaction(SENDER, [recipient], b"")
        assert "Access denied" in answers[recipient]
        lab.publish_ownership(other_domain)
        lab.cli("domain", "verify", other_domain)
        lab.cli("domain", "inbound", "on", other_domain)
        _, answer = smtp.transaction(SENDER, [recipient],
                                     lab.signer.sign(compose(SENDER, recipient)))
        assert answer.startswith("250")
    assert lab.endpoint.wait_for(1)[0].data["domain"] == other_domain


def test_removed_between_rcpt_and_data_is_deferred_not_lost(lab, other_domain):
    lab.add_domain(other_domain, tenant="other")
    recipient = f"help@{other_domain}"
    with lab.session() as smtp:
        smtp.mail(SENDER)
        assert smtp.rcpt(recipient)[0] == 250
        lab.cli("domain", "remove", other_domain, "--yes")
        code, _ = smtp.data(lab.signer.sign(compose(SENDER, recipient)))
        assert code == 451
        answers, _ = smtp.transaction(SENDER, [recipient], b"")
        assert answers[recipient].startswith("550 5.7.1")
    assert lab.endpoint.requests == []


def test_a_reload_between_rcpt_and_data_that_takes_the_route_away_defers(lab, other_domain):
    lab.add_domain(other_domain, tenant="other")
    recipient = f"help@{other_domain}"
    with lab.session() as smtp:
        smtp.mail(SENDER)
        assert smtp.rcpt(recipient)[0] == 250
        lab.write_domain(other_domain, [{"name": "none", "recipient": "else",
                                         "destinations": ["psa"]}])
        lab.reload()
        code, _ = smtp.data(lab.signer.sign(compose(SENDER, recipient)))
        assert code == 451
    assert lab.endpoint.requests == []


def test_a_reload_between_rcpt_and_data_that_keeps_the_route_changes_nothing(lab):
    with lab.session() as smtp:
        smtp.mail(SENDER)
        assert smtp.rcpt(TICKET)[0] == 250
        lab.reload()
        code, _ = smtp.data(lab.signer.sign(compose(SENDER, TICKET)))
        assert code == 250
    lab.endpoint.wait_for(1)


def test_a_bad_configuration_is_refused_with_all_errors_and_the_old_one_stays(lab, other_domain):
    before = lab.generation()
    lab.write_domain(other_domain, [{"name": "a", "recipent": "*", "destinations": ["psa"]},
                                    {"name": "b", "recipient": "x", "destinations": ["nowhere"]}])
    lab.mailspurd.signal(1)
    log = lab.follow("mailspurd")
    log.wait_for("recipent")
    log.wait_for("nowhere")
    check = lab.cli_text("config", "check", check=False)
    assert check.returncode == 1
    assert "recipent" in check.stdout + check.stderr and "nowhere" in check.stdout + check.stderr
    assert lab.generation() == before
    _, answer = lab.send(TICKET)
    assert answer.startswith("250")
    lab.write_domain(other_domain, ALL_TO_PSA)


def test_ours_and_postfix_own_recipients_in_one_message(lab):
    own = f"someone@{OWN_DOMAIN}"
    message = compose(SENDER, own, subject="mixed-recipients")
    answers, answer = lab.send([TICKET, own], message=message)
    assert answer.startswith("250"), answers
    request = lab.endpoint.wait_for(1)[0]
    assert request.data["recipient"] == TICKET
    assert own not in request.data["recipients"]
    lab.postfix.log.wait_for(f"to=<{own}>, relay=virtual")
    assert lab.own_mailbox().count("mixed-recipients") == 1


def test_mixed_recipients_of_a_forged_message_are_held_not_refused(lab):
    own = f"someone@{OWN_DOMAIN}"
    message = compose(SENDER, own, subject="mixed-forged")
    _, answer = lab.send([TICKET, own], message=message, sign=False, client=BAD_CLIENT)
    assert answer.startswith("250")
    held = lab.cli("hold", "list")["deliveries"]
    assert [item["recipient"] for item in held] == [TICKET]
    assert lab.endpoint.requests == []
    lab.cli("hold", "discard", "--message", held[0]["message"])


def test_mail_for_postfix_alone_is_left_alone(lab):
    own = f"untouched@{OWN_DOMAIN}"
    _, answer = lab.send(own, message=compose(SENDER, own, subject="not-ours"), sign=False,
                         client=BAD_CLIENT)
    assert answer.startswith("250")
    lab.postfix.log.wait_for(f"to=<{own}>, relay=virtual")
    assert lab.own_mailbox().count("not-ours") == 1
    assert lab.endpoint.requests == []


def test_two_tenants_in_one_message_get_transactions_of_their_own(lab, other_domain):
    lab.add_domain(other_domain, tenant="other")
    recipient = f"help@{other_domain}"
    answers, answer = lab.send([TICKET, recipient])
    assert answers[TICKET].startswith("250")
    assert answers[recipient].startswith("452 4.5.3")
    assert answer.startswith("250")
    request = lab.endpoint.wait_for(1)[0]
    assert request.data["tenant"] == "default"
    assert other_domain.encode() not in request.body


def test_fifty_recipients_become_fifty_deliveries(lab):
    recipients = [f"ticket+{number}@{DOMAIN}" for number in range(50)]
    answers, answer = lab.send(recipients)
    assert answer.startswith("250") and len(answers) == 50
    requests = lab.endpoint.wait_for(50)
    assert {r.data["recipient"] for r in requests} == set(recipients)
    assert {r.data["captures"]["ticket_id"] for r in requests} == {str(n) for n in range(50)}
    assert len({r.webhook_id for r in requests}) == 50
    assert len({r.data["message_id"] for r in requests}) == 1


def test_one_recipient_to_several_destinations(lab, other_domain):
    lab.write_domain(other_domain, [
        {"name": "first", "recipient": "*", "destinations": ["psa", "crm"], "stop": False},
        {"name": "second", "recipient": "help", "destinations": ["portal"]}])
    lab.reload()
    lab.add_domain(other_domain)
    lab.send(f"help@{other_domain}")
    requests = lab.endpoint.wait_for(3)
    assert {r.data["destination"]["key"] for r in requests} == {"psa", "crm", "portal"}


def test_mail_that_bypassed_the_milter_waits_with_a_reason(lab):
    lab.dns.set(DOMAIN, "MX", "10 mx.mailspur.example.")
    lab.dns.publish()
    smtp = smtplib.SMTP("127.0.0.1", lab.postfix.bypass_port, timeout=30)
    with smtp:
        smtp.sendmail(SENDER, [TICKET], compose(SENDER, TICKET))
    line = lab.postfix.log.wait_for("mailspur milter was bypassed")
    assert "status=deferred" in line
    assert lab.endpoint.requests == []

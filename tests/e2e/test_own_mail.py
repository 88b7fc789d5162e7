# SPDX-License-Identifier: Apache-2.0
"""milter.authenticate: all. Mail of Postfix's own recipients is judged and marked; own_mail: enforce
refuses it."""
import mailbox
import os

import pytest

from tests.lab.lab import DOMAIN, SENDER, Lab
from tests.lab.mail import BAD_CLIENT, GOOD_CLIENT, compose
from tests.lab.postfix import OWN_DOMAIN

TICKET = f"ticket+1@{DOMAIN}"
OWN = f"box@{OWN_DOMAIN}"
OTHER_OWN = f"second@{OWN_DOMAIN}"
AUTHSERV_ID = "mx.mailspur.example"
TRUSTED_CLIENT = "198.51.100.7"  # in Postfix's mynetworks too
TAGGING = "tagging.example"
FORGED = [
    f"Authentication-Results: {AUTHSERV_ID}; dmarc=pass header.from=bank.example",
    "AUTHENTICATION-results:MX.Mailspur.EXAMPLE;spf=pass",
    f"Authentication-Results:\r\n\t{AUTHSERV_ID};\r\n\tdkim=pass header.d=bank.example",
    f"Authentication-Results: (a (nested) comment) \"{AUTHSERV_ID}\" 1; spf=pass",
]
SPACED = f"Authentication-Results : {AUTHSERV_ID}; iprev=pass\r\n".encode()  # dkimpy does not sign it
# The rule of docs/migrating.md.
HOLD_QUARANTINE = "regexp:{{/^Authentication-Results: mx\\.mailspur\\.example;.*disposition=quarantine/ " \
    "HOLD dmarc quarantine}}"
FOREIGN = [
    "Authentication-Results: mx.elsewhere.example; spf=pass",
    f"Authentication-Results: x{AUTHSERV_ID}; spf=pass",
    f"ARC-Authentication-Results: i=1; {AUTHSERV_ID}; spf=pass",
]


@pytest.fixture(scope="module")
def marking_lab():
    config = {"milter": {"authenticate": "all", "received_spf": True},
              "policy": {"trusted_networks": ["198.51.100.0/24"]}}
    with Lab(config=config, postfix={"milter_header_checks": HOLD_QUARANTINE}) as lab:
        lab.write_domain(TAGGING, [{"name": "all", "recipient": "*", "destinations": ["psa"]}],
                         policy={"dmarc": "tag"})
        lab.reload()
        lab.add_domain(TAGGING)
        yield lab


@pytest.fixture
def marking(marking_lab):
    yield restarted(marking_lab)


@pytest.fixture
def enforcing(marking_lab):
    yield restarted(marking_lab, own_mail="enforce", on_temperror="defer")


def restarted(lab, authenticate="all", own_mail="tag", on_temperror="tag"):
    """The lab with these rules in force: the milter reads its configuration once."""
    lab.wait_idle()
    lab.endpoint.requests.clear()
    before = lab.config
    wanted = {"milter": {"authenticate": authenticate, "own_mail": own_mail},
              "policy": {"on_temperror": on_temperror}}
    lab.write_config(**wanted)
    if lab.config != before:
        lab.milter.stop()
        lab.reload()
        lab.milter.start()
    return lab


def copies(lab, subject, answer):
    """What Postfix delivered to its own mailboxes under this subject, once it is done with it."""
    lab.postfix.log.wait_for(answer.rsplit(" ", 1)[-1] + ": removed")
    box = mailbox.mbox(os.path.join(lab.postfix.mailboxes, "box"), create=False)
    return [item for item in box if item["Subject"] == subject]


def results(item, authserv_id=AUTHSERV_ID):
    """Our fields of a copy, unfolded."""
    fields = [" ".join(value.split()) for value in item.get_all("Authentication-Results", [])]
    return [value for value in fields if value.startswith(authserv_id)]


def only(values):
    assert len(values) == 1, values
    return values[0]


def test_own_mail_gets_one_field_on_top_of_what_the_sender_wrote(marking):
    _, answer = marking.send([OWN, OTHER_OWN], message=compose(SENDER, OWN, subject="marked"))
    assert answer.startswith("250")
    items = copies(marking, "marked", answer)
    assert len(items) == 2
    for item in items:
        field = only(results(item))
        assert "spf=pass smtp.mailfrom=sender.example" in field
        assert "dkim=pass header.d=sender.example" in field
        assert "dmarc=pass" in field and "header.from=sender.example" in field
        names = [name for name, _ in item.items()]
        assert names.index("Authentication-Results") < names.index("DKIM-Signature")
        assert names.index("Received-SPF") == names.index("Authentication-Results") + 1
        assert item["Received-SPF"].startswith(f"pass client-ip={GOOD_CLIENT};")
    queue_id = answer.rsplit(" ", 1)[-1]
    line = marking.follow("mailspur-milter").wait_for(queue_id)
    assert "message.passed" in line and "dmarc=pass" in line


def test_forged_fields_go_however_they_are_spelled_and_those_of_others_stay(marking):
    extra = [field for pair in zip(FORGED, FOREIGN + FOREIGN) for field in pair]
    message = SPACED + marking.signer.sign(compose(SENDER, OWN, subject="forged", extra=extra))
    _, answer = marking.send(OWN, message=message, sign=False)
    assert answer.startswith("250")
    item = only(copies(marking, "forged", answer))
    assert "dkim=pass" in only(results(item))
    text = item.as_string()
    assert "bank.example" not in text and "iprev" not in text
    values = item.get_all("Authentication-Results")
    assert len(values) == 1 + sum(field.startswith("Authentication") for field in extra[1::2])
    assert len(item.get_all("ARC-Authentication-Results")) == 1


def test_tag_refuses_nothing(marking):
    _, answer = marking.send(OWN, sign=False, client=BAD_CLIENT,
                             message=compose(SENDER, OWN, subject="spoofed"))
    assert answer.startswith("250")
    field = only(results(only(copies(marking, "spoofed", answer))))
    assert "spf=fail" in field and "dmarc=fail (p=reject disposition=reject)" in field


def test_mail_of_a_trusted_client_is_left_as_it_is(marking):
    message = compose(SENDER, OWN, subject="trusted", extra=FORGED)
    _, answer = marking.send(OWN, message=message, client=TRUSTED_CLIENT)
    assert answer.startswith("250")
    item = only(copies(marking, "trusted", answer))
    assert len(item.get_all("Authentication-Results")) == len(FORGED)
    assert "spf=fail" not in item.as_string()


def test_a_login_is_not_judged_but_cannot_forge(marking):
    message = compose(SENDER, OWN, subject="login", extra=FORGED + FOREIGN[:1])
    _, answer = marking.send(OWN, message=message, login="joe", client=BAD_CLIENT)
    assert answer.startswith("250")
    item = only(copies(marking, "login", answer))
    assert only(item.get_all("Authentication-Results")).startswith("mx.elsewhere.example")


def test_trouble_of_the_dns_is_marked_as_temperror(marking):
    sender = "dave@unlucky.example"
    _, answer = marking.send(OWN, sender=sender, sign=False,
                             message=compose(sender, OWN, subject="unlucky"))
    assert answer.startswith("250")
    field = only(results(only(copies(marking, "unlucky", answer))))
    assert "spf=temperror" in field and "dmarc=temperror" in field


def test_own_mail_is_judged_while_mailspurd_is_down(marking):
    marking.mailspurd.kill()
    try:
        _, answer = marking.send(OWN, message=compose(SENDER, OWN, subject="down", extra=FORGED))
        assert answer.startswith("250")
        answers, _ = marking.send(TICKET)
        assert answers[TICKET].startswith("451")
    finally:
        marking.mailspurd.start()
    assert "dmarc=pass" in only(results(only(copies(marking, "down", answer))))


def test_mixed_recipients_each_get_what_is_theirs(marking):
    message = marking.signer.sign(compose(SENDER, OWN, subject="mixed", extra=FORGED[:1]))
    _, answer = marking.send([OWN, TICKET], message=message, sign=False)
    assert answer.startswith("250")
    item = only(copies(marking, "mixed", answer))
    assert "dmarc=pass" in only(results(item)) and "bank.example" not in item.as_string()
    request = marking.endpoint.wait_for(1)[0]
    assert request.data["recipient"] == TICKET
    assert request.data["verdict"]["dmarc"]["result"] == "pass"
    assert TICKET not in item.as_string()


def test_mixed_spoof_is_held_for_ours_and_marked_for_the_others(marking):
    _, answer = marking.send([TICKET, OWN], sign=False, client=BAD_CLIENT,
                             message=compose(SENDER, OWN, subject="mixed spoof"))
    assert answer.startswith("250")
    assert "dmarc=fail" in only(results(only(copies(marking, "mixed spoof", answer))))
    held = marking.cli("hold", "list")["deliveries"]
    assert [item["reason"] for item in held] == ["dmarc_reject_mixed"]
    marking.cli("hold", "discard", "--message", held[0]["message"])
    assert marking.endpoint.requests == []


def test_a_large_body_is_judged_whole_and_arrives_whole(marking):
    line = "0123456789" * 7 + "\r\n"
    body = line * (5 * 1024 * 1024 // len(line))
    _, answer = marking.send(OWN, message=compose(SENDER, OWN, subject="large", body=body))
    assert answer.startswith("250")
    item = only(copies(marking, "large", answer))
    assert "dkim=pass" in only(results(item))
    assert item.get_payload().count("0123456789" * 7) == body.count("\r\n")
    broken = marking.signer.sign(compose(SENDER, OWN, subject="large broken", body=body))
    _, answer = marking.send(OWN, message=broken[:-3] + b"x\r\n", sign=False)
    assert answer.startswith("250")
    assert "dkim=fail" in only(results(only(copies(marking, "large broken", answer))))
    assert os.listdir(marking.spool) == []


def test_a_flood_of_forged_fields_is_refused(marking):
    def flood(count):
        extra = [f"Authentication-Results: {AUTHSERV_ID}; spf=pass"] * count
        return compose(SENDER, OWN, subject=f"flood {count}", extra=extra)
    _, answer = marking.send(OWN, message=flood(100))
    assert answer.startswith("250")
    only(results(only(copies(marking, "flood 100", answer))))
    for session in ({}, {"login": "joe"}):
        _, answer = marking.send(OWN, message=flood(101), **session)
        assert answer.startswith("550 5.7.1 too many Authentication-Results fields")


REFUSED = [
    ("a policy of reject", SENDER, SENDER, "550 5.7.1 refused by the DMARC policy of sender.example"),
    ("two authors", SENDER, f"{SENDER}, x@none.example", "550 5.7.1 refused: DMARC cannot be checked"),
    ("trouble of the DNS", "dave@unlucky.example", "dave@unlucky.example", "451 4.7.5"),
]


@pytest.mark.parametrize("label, sender, author, wanted", REFUSED, ids=[row[0] for row in REFUSED])
def test_enforce_refuses_own_mail(enforcing, label, sender, author, wanted):
    message = compose(author, OWN, subject=label)
    _, answer = enforcing.send(OWN, sender=sender, sign=False, client=BAD_CLIENT, message=message)
    assert answer.startswith(wanted)


def test_enforce_takes_what_passes(enforcing):
    _, answer = enforcing.send(OWN, message=compose(SENDER, OWN, subject="good"))
    assert answer.startswith("250")
    assert "dmarc=pass" in only(results(only(copies(enforcing, "good", answer))))


def test_a_quarantine_is_marked_so_that_postfix_can_hold_it(enforcing):
    sender = "bob@quarantine.example"
    _, answer = enforcing.send(OWN, sender=sender, sign=False, client=BAD_CLIENT,
                               message=compose(sender, OWN, subject="quarantine"))
    assert answer.startswith("250")
    queue_id = answer.rsplit(" ", 1)[-1]
    assert "milter-header-hold" in enforcing.postfix.log.wait_for(f"{queue_id}: milter-header")
    assert queue_id in os.listdir(os.path.join(enforcing.postfix.queue, "hold"))


def test_enforce_refuses_no_trusted_client_and_no_login(enforcing):
    for subject, session in (("enforced trusted", {"client": TRUSTED_CLIENT}),
                             ("enforced login", {"client": BAD_CLIENT, "login": "joe"})):
        _, answer = enforcing.send(OWN, sign=False, **session,
                                   message=compose(SENDER, OWN, subject=subject))
        assert answer.startswith("250")
        assert results(only(copies(enforcing, subject, answer))) == []


def test_enforced_for_both_a_spoof_is_refused_for_both(enforcing):
    before = enforcing.cli("status")["messages"]
    _, answer = enforcing.send([TICKET, OWN], sign=False, client=BAD_CLIENT)
    assert answer.startswith("550 5.7.1")
    assert enforcing.cli("status")["messages"] == before


@pytest.mark.parametrize("recipients", [[f"a@{TAGGING}", OWN], [OWN, f"a@{TAGGING}"]],
                         ids=["ours first", "own first"])
def test_a_recipient_with_a_milder_policy_is_no_way_around_enforce(enforcing, recipients):
    with enforcing.session(client=BAD_CLIENT) as smtp:
        answers, answer = smtp.transaction(SENDER, recipients, compose(SENDER, recipients[0]))
    assert answers[recipients[0]].startswith("250")
    assert answers[recipients[1]].startswith("452 4.5.3")
    assert answer.startswith("250" if recipients[0] != OWN else "550 5.7.1")
    if recipients[0] != OWN:
        enforcing.endpoint.wait_for(1)


def test_enforce_lets_mixed_mail_that_passes_through(enforcing):
    _, answer = enforcing.send([OWN, TICKET],
                               message=compose(SENDER, OWN, subject="mixed enforced"))
    assert answer.startswith("250")
    assert "dmarc=pass" in only(results(only(copies(enforcing, "mixed enforced", answer))))
    enforcing.endpoint.wait_for(1)


@pytest.fixture
def routed(marking_lab):
    yield restarted(marking_lab, authenticate="routed")


def test_routed_leaves_own_mail_as_it_is(routed):
    _, answer = routed.send(OWN, message=compose(SENDER, OWN, subject="routed", extra=FORGED))
    assert answer.startswith("250")
    item = only(copies(routed, "routed", answer))
    assert len(item.get_all("Authentication-Results")) == len(FORGED)

# SPDX-License-Identifier: Apache-2.0
"""Limits of each tenant: what one of them may store and how fast, and that it is his alone."""
import pytest

from tests.lab.endpoint import Endpoint
from tests.lab.lab import DOMAIN, SENDER
from tests.lab.mail import compose
from tests.lab.process import wait_until

OTHER = "other.example"


def answer_of(result):
    """The answer that decided a transaction with one recipient."""
    answers, answer = result
    return answer or list(answers.values())[0]


@pytest.fixture
def two_tenants(fresh_lab):
    """`default` with DOMAIN at the lab's endpoint, `zenith` with OTHER at one of its own."""
    lab = fresh_lab
    lab.other_endpoint = Endpoint(lab.secret).start()
    lab.write_config(destinations={"zenith": lab.destination("psa", url=lab.other_endpoint.url)})
    lab.write_domain(OTHER, [{"name": "all", "recipient": "ticket+{id}", "destinations": ["zenith"]}])
    lab.reload()
    lab.add_domain(OTHER, tenant="zenith")
    yield lab
    lab.other_endpoint.stop()


def tenant(lab, name):
    return lab.cli("status")["store"]["tenants"][name]


def test_a_dead_endpoint_and_a_full_share_refuse_no_other_tenants_mail(two_tenants):
    lab = two_tenants
    lab.write_config(tenants={"default": {"store_messages": 5}})
    lab.reload()
    lab.endpoint.stop()  # dead: its deliveries are retried for an hour
    for number in range(5):
        assert answer_of(lab.send(f"ticket+{number}@{DOMAIN}")).startswith("250")
    assert answer_of(lab.send(f"ticket+6@{DOMAIN}")).startswith("452 4.2.2")
    for number in range(10):
        assert answer_of(lab.send(f"ticket+{number}@{OTHER}")).startswith("250")
        assert answer_of(lab.send(f"ticket+7@{DOMAIN}")).startswith("452 4.2.2")
    delivered = lab.other_endpoint.wait_for(10)
    assert {r.data["recipient"] for r in delivered} == {f"ticket+{n}@{OTHER}" for n in range(10)}
    full = tenant(lab, "default")
    assert (full["messages"], full["limits"]["messages"]) == (5, 5)
    assert full["refused"] == {"room": 11, "rate": 0}
    assert tenant(lab, "zenith")["refused"] == {"room": 0, "rate": 0}


def test_a_declared_size_that_does_not_fit_is_452_before_the_body(fresh_lab):
    lab = fresh_lab
    lab.write_config(limits={"message_size": "100K"}, tenants={"default": {"store_size": "1M"}})
    lab.reload()
    sessions = [lab.session() for _ in range(11)]
    try:
        answers = []
        for number, smtp in enumerate(sessions):
            smtp.mail(SENDER, ["SIZE=100000"])
            answers.append(smtp.rcpt(f"ticket+{number}@{DOMAIN}"))
        assert [code for code, _ in answers] == [250] * 10 + [452]
        assert answers[10][1].startswith(b"4.2.2")
        sessions[0].quit()  # Postfix tells a milter of RSET only with the next MAIL
        wait_until(lambda: sessions[10].rcpt(f"ticket+again@{DOMAIN}")[0] == 250,
                   "the room that the first session gave back")
    finally:
        for smtp in sessions:
            smtp.close()
    with lab.session() as smtp:
        smtp.mail(SENDER, ["SIZE=200000"])
        code, text = smtp.rcpt(f"ticket+large@{DOMAIN}")
        assert (code, text[:5]) == (552, b"5.3.4")


def test_messages_per_minute_are_450_for_that_tenant_only(two_tenants):
    lab = two_tenants
    lab.write_config(tenants={"default": {"messages_per_minute": 3}})
    lab.reload()
    answers = [answer_of(lab.send(f"ticket+{number}@{DOMAIN}")) for number in range(5)]
    assert [answer[:9] for answer in answers] == ["250 2.0.0"] * 3 + ["450 4.2.1"] * 2
    assert "messages per minute" in answers[3]
    assert answer_of(lab.send(f"ticket+1@{OTHER}")).startswith("250")
    seen = tenant(lab, "default")
    assert seen["refused"]["rate"] == 2
    assert seen["limits"]["messages_per_minute"] == 3
    assert seen["messages_in_last_minute"] == 3
    table = lab.cli_text("status").stdout
    row = next(line.split() for line in table.splitlines() if line.startswith("default"))
    assert row[-2:] == ["0", "2"]


def test_recipients_per_minute_let_the_first_ones_through(fresh_lab):
    lab = fresh_lab
    lab.write_config(limits={"tenant_recipients_per_minute": 4})
    lab.reload()
    recipients = [f"ticket+{number}@{DOMAIN}" for number in range(6)]
    message = compose(SENDER, recipients[0])
    answers, answer = lab.send(recipients, message=message)
    assert [text[:3] for text in answers.values()] == ["250"] * 4 + ["450"] * 2
    assert "recipients per minute" in answers[recipients[5]]
    assert answer.startswith("250")
    assert len(lab.endpoint.wait_for(4)) == 4


def test_a_transaction_that_ends_without_mail_is_not_counted(fresh_lab):
    lab = fresh_lab
    lab.write_config(tenants={"default": {"messages_per_minute": 1}})
    lab.reload()
    with lab.session() as smtp:
        for number in range(20):
            smtp.mail(SENDER)
            assert smtp.rcpt(f"ticket+{number}@{DOMAIN}")[0] == 250
            smtp.rset()
    assert answer_of(lab.send(f"ticket+1@{DOMAIN}")).startswith("250")

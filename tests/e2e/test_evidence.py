# SPDX-License-Identifier: Apache-2.0
"""Why a message was judged as it was: kept with it, told in sentences, and judged again without the DNS."""
import re
import sqlite3

import pytest

from tests.lab.lab import DOMAIN, SENDER, CommandError
from tests.lab.mail import BAD_CLIENT, compose

TICKET = f"ticket+4711@{DOMAIN}"


def newest(lab):
    return lab.cli("message", "list")["messages"][0]["id"]


def recheck(lab, message_id, *options):
    return lab.cli("auth", "explain", message_id, "--recheck", *options)


def test_evidence_tells_what_the_dns_said_and_what_was_decided(lab):
    lab.send(TICKET, message=compose(SENDER, TICKET))
    message_id = newest(lab)
    answer = lab.cli("auth", "explain", message_id)
    assert (answer["id"], answer["refused"], answer["domain"]) == (message_id, False, DOMAIN)
    evidence = answer["evidence"]
    assert evidence["sender"] == SENDER and evidence["recipients"] == [TICKET]
    assert evidence["decision"]["action"] == "accept"
    assert evidence["policy"]["dmarc"] == "enforce"
    assert "sender.example TXT v=spf1 ip4:" in evidence["dns"]
    assert "s1._domainkey.sender.example TXT v=DKIM1" in evidence["dns"]
    assert "_dmarc.sender.example TXT v=DMARC1; p=reject" in evidence["dns"]
    assert re.search(r"^# ttl \d+", evidence["dns"], re.M)
    assert "match (lookups" in evidence["spf_trace"]
    assert evidence["verdict"] == lab.cli("message", "show", message_id)["verdict"]
    assert evidence["dns_left_out"] == 0 and not evidence["truncated"]


def test_a_second_message_out_of_warm_caches_has_the_same_answers(lab):
    lab.send(TICKET, message=compose(SENDER, TICKET))
    first = lab.cli("auth", "explain", newest(lab))["evidence"]
    lab.send(TICKET, message=compose(SENDER, TICKET, subject="another"))
    second = lab.cli("auth", "explain", newest(lab))["evidence"]

    def records(evidence):
        return [line for line in evidence["dns"].splitlines() if not line.startswith("#")]
    assert records(first) == records(second)


def test_held_by_quarantine_is_explained_in_sentences(lab):
    sender = "bob@quarantine.example"
    lab.send(TICKET, sender=sender, message=compose(sender, TICKET), sign=False, client=BAD_CLIENT)
    held = lab.cli("hold", "list")["deliveries"][0]["message"]
    told = lab.cli_text("auth", "explain", held).stdout
    assert "It was accepted and held, because the sender's DMARC policy asks for quarantine." in told
    assert "neither SPF nor DKIM passed" in told and "its policy is quarantine" in told
    assert f"SPF fail for client {BAD_CLIENT}: quarantine.example says that this client may not" in told
    assert "DKIM none: there is no signature." in told
    assert "-all: match (lookups 1)" in told
    assert "_dmarc.quarantine.example TXT v=DMARC1; p=quarantine" in told
    again = lab.cli_text("auth", "explain", held, "--recheck").stdout
    assert again.startswith(told) and "it agrees" in again
    lab.cli("hold", "discard", "--message", held)


def test_a_refusal_names_its_evidence_and_is_explained(lab, tmp_path):
    message = compose(SENDER, TICKET)
    _, answer = lab.send(TICKET, message=message, sign=False, client=BAD_CLIENT)
    refused = re.fullmatch(r"550 5\.7\.1 .*\(([0-9a-f-]{36})\)", answer.strip()).group(1)
    told = lab.cli_text("auth", "explain", refused).stdout
    assert told.startswith(f"refused message {refused}")
    assert "It was refused: 550 5.7.1 refused by the DMARC policy of sender.example" in told
    with pytest.raises(CommandError) as error:
        lab.cli("message", "show", refused)
    assert error.value.status == 3
    lab.follow("mailspur-milter").wait_for(refused)
    # The message is not kept: SPF alone can be judged again, everything with the message at hand.
    alone = recheck(lab, refused)
    assert (alone["agrees"], alone["checked"]) == (True, "spf")
    received = lab.cli("auth", "explain", refused)["evidence"]
    assert received["verdict"]["dmarc"]["result"] == "fail"
    path = tmp_path / "message.eml"
    path.write_bytes(message)
    given = recheck_any(lab, refused, "--message", str(path))
    assert given["verdict"]["dmarc"] == received["verdict"]["dmarc"]


def recheck_any(lab, message_id, *options):
    """Of a message with other trace fields than the judged one: its size may differ."""
    import json
    done = lab.cli_text("--json", "auth", "explain", message_id, "--recheck", *options, check=False)
    return json.loads(done.stdout)


def test_an_unknown_message_has_no_evidence(lab):
    for wrong in ("019377a0-0000-7000-8000-000000000001", "nonsense"):
        with pytest.raises(CommandError) as error:
            lab.cli("auth", "explain", wrong)
        assert error.value.status == 3


def test_judged_again_without_dns_it_agrees_and_a_changed_message_does_not(fresh_lab):
    lab = fresh_lab
    senders = {
        SENDER: {},
        "dave@unlucky.example": {"sign": False},  # temperror
        "carol@none.example": {"sign": False, "client": BAD_CLIENT},
        "bob@quarantine.example": {"client": BAD_CLIENT},  # signed by another domain
    }
    for sender, how in senders.items():
        _, answer = lab.send(TICKET, sender=sender, message=compose(sender, TICKET), **how)
        assert answer.startswith("250")
    ids = [message["id"] for message in lab.cli("message", "list")["messages"]]
    assert len(ids) == len(senders)
    lab.dns.stop()
    for message_id in ids:
        again = recheck(lab, message_id)
        assert again["agrees"] and again["checked"] == "all" and again["differences"] == []
    verdicts = [recheck(lab, message_id)["verdict"]["dmarc"]["result"] for message_id in ids]
    assert sorted(verdicts) == ["fail", "fail", "pass", "temperror"]
    signed = next(message_id for message_id in ids
                  if recheck(lab, message_id)["verdict"]["dmarc"]["result"] == "pass")
    lab.mailspurd.stop()
    with sqlite3.connect(lab.path("state", "mailspur.db")) as store:
        store.execute("UPDATE body SET data = CAST(replace(CAST(data AS TEXT), 'Please help',"
                      " 'Please hurt') AS BLOB) WHERE message_id = ?", (signed,))
    lab.mailspurd.start()
    done = lab.cli_text("auth", "explain", signed, "--recheck", check=False)
    assert done.returncode == 1
    assert 'dkim[0].result was "pass" and is "fail" now' in done.stdout

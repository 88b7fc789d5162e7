# SPDX-License-Identifier: Apache-2.0
"""Mail that comes through registered forwarders: chains made by dkimpy, judged by `auth check` and
behind a real Postfix."""
import json
import os
import subprocess

import dkim
import pytest

from tests.lab.lab import SENDER, default_build
from tests.lab.mail import BAD_CLIENT, Signer, compose

MAILSPUR = os.path.join(default_build(), "bin", "mailspur")
GATEWAY = "198.51.100.7"   # in the network that is registered
ELSEWHERE = "203.0.113.9"
PASS = "dmarc=pass header.from=sender.example"
FAIL = "dmarc=fail header.from=sender.example"
MESSAGE = compose(SENDER, "support@yourmsp.example")


def seal(message, signer, results, lie_as=None):
    """One hop more: what it saw, as an ARC set. `lie_as`: in another's name, with the wrong key."""
    domain = (lie_as or signer.domain).encode()
    if b"ARC-Seal:" in message:
        results = "arc=pass; " + results  # dkimpy takes its cv= from here
    fields = dkim.arc_sign(b"Authentication-Results: mx.seal.example; " + results.encode() +
                           b"\r\n" + message, signer.selector.encode(), domain,
                           signer.private_key, b"mx.seal.example", include_headers=[b"from", b"to", b"subject", b"date"])
    return b"".join(fields) + message


@pytest.fixture(scope="module")
def signers(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("keys"))
    return {name: Signer(folder, name) for name in
            ("sender.example", "seal.example", "other.example", "evil.example", "microsoft.com",
             "google.com", "silent.example")}


@pytest.fixture(scope="module")
def zone(tmp_path_factory, signers):
    path = tmp_path_factory.mktemp("zone") / "zone"
    lines = ["sender.example TXT v=spf1 ip4:192.0.2.0/28 ip4:198.51.100.0/24 -all",
             "_dmarc.sender.example TXT v=DMARC1; p=reject",
             "evil.example TXT v=spf1 +all"]
    lines += [f"{signer.record_name} TXT {signer.record}" for name, signer in signers.items()
              if name != "silent.example"]
    lines.append(f"{signers['silent.example'].record_name} TXT !SERVFAIL")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def check(zone, message, *options, client=ELSEWHERE, sender="x@evil.example"):
    done = subprocess.run(
        [MAILSPUR, "auth", "check", "--client-ip", client, "--helo", "x", "--mail-from", sender,
         "--dns-fixture", zone, "--authserv-id", "mx.example.net", "--json", *options, "-"],
        input=message, capture_output=True, check=False, timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": "/"})
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    return json.loads(done.stdout)


def outcome(verdict):
    forwarder = verdict["forwarder"] or {"name": None, "result": None}
    return (forwarder["name"], forwarder["result"], verdict["dmarc"]["result"],
            verdict["dmarc"]["disposition"])


SEALER = ("--arc-sealer", "seal.example")
BOTH = ("--arc-sealer", "seal.example,other.example")
NETWORK = ("--forwarder-network", "198.51.100.0/24")

# label, hops (sealer, what it saw, more), options, client, outcome
CHAINS = [
    ("nothing registered", [("seal.example", PASS)], (), ELSEWHERE, (None, None, "fail", "reject")),
    ("trusted seal", [("seal.example", PASS)], SEALER, ELSEWHERE,
     ("given", "trusted", "fail", "none")),
    ("Microsoft 365", [("microsoft.com", "spf=pass smtp.mailfrom=sender.example; dmarc=pass "
                        "(p=reject sp=none pct=100) action=none header.from=sender.example; "
                        "dkim=none; arc=none")], ("--forwarder", "microsoft365"), ELSEWHERE,
     ("microsoft365", "trusted", "fail", "none")),
    ("Google", [("google.com", "dkim=pass header.i=@sender.example header.s=s1 "
                 'header.b="a/+="; spf=pass (google.com: domain of a) smtp.mailfrom="a=b@x.example"; '
                 "dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=sender.example")],
     ("--forwarder", "microsoft365,google"), ELSEWHERE, ("google", "trusted", "fail", "none")),
    ("another sealer", [("evil.example", PASS)], SEALER, ELSEWHERE,
     (None, None, "fail", "reject")),
    ("it saw a fail", [("seal.example", FAIL)], SEALER, ELSEWHERE,
     ("given", "unproven", "fail", "reject")),
    ("it saw nothing", [("seal.example", "dkim=none")], SEALER, ELSEWHERE,
     ("given", "unproven", "fail", "reject")),
    ("it saw another author", [("seal.example", "dmarc=pass header.from=evil.example")], SEALER,
     ELSEWHERE, ("given", "unproven", "fail", "reject")),
    ("aligned DKIM, no DMARC", [("seal.example", "dkim=pass header.d=sender.example")], SEALER,
     ELSEWHERE, ("given", "trusted", "fail", "none")),
    ("aligned SPF, no DMARC", [("seal.example", "spf=pass smtp.mailfrom=a@sender.example")],
     SEALER, ELSEWHERE, ("given", "trusted", "fail", "none")),
    ("SPF of another", [("seal.example", "spf=pass smtp.mailfrom=a@evil.example")], SEALER,
     ELSEWHERE, ("given", "unproven", "fail", "reject")),
    ("two trusted hops", [("seal.example", PASS), ("other.example", FAIL)], BOTH, ELSEWHERE,
     ("given", "trusted", "fail", "none")),
    ("stranger behind it", [("seal.example", PASS), ("evil.example", PASS)], SEALER, ELSEWHERE,
     ("given", "claimed", "fail", "reject")),
    ("stranger before it", [("evil.example", PASS), ("seal.example", FAIL)], SEALER, ELSEWHERE,
     ("given", "unproven", "fail", "reject")),
    ("stranger between", [("seal.example", PASS), ("evil.example", PASS), ("other.example", FAIL)],
     BOTH, ELSEWHERE, ("given", "unproven", "fail", "reject")),
    ("forged seal", [("evil.example", PASS, {"lie_as": "seal.example"})], SEALER, ELSEWHERE,
     ("given", "claimed", "fail", "reject")),
    ("its key is silent", [("silent.example", PASS)], ("--arc-sealer", "silent.example"),
     ELSEWHERE, ("given", "temperror", "temperror", "none")),
    ("a stranger's key is silent", [("seal.example", PASS), ("silent.example", PASS)], SEALER,
     ELSEWHERE, ("given", "claimed", "fail", "reject")),
    ("an older key is silent", [("silent.example", PASS), ("seal.example", PASS)], SEALER,
     ELSEWHERE, ("given", "temperror", "temperror", "none")),
    ("an older key is silent, it saw a fail", [("silent.example", PASS), ("seal.example", FAIL)],
     SEALER, ELSEWHERE, ("given", "unproven", "fail", "reject")),
    ("seal and network", [("seal.example", PASS)], SEALER + NETWORK, GATEWAY,
     ("given", "trusted", "fail", "none")),
    ("seal from elsewhere", [("seal.example", PASS)], SEALER + NETWORK, ELSEWHERE,
     ("given", "claimed", "fail", "reject")),
    ("network, it saw a fail", [("seal.example", FAIL)], SEALER + NETWORK, GATEWAY,
     ("given", "unproven", "fail", "reject")),
    ("network, no seal", [], NETWORK, GATEWAY, ("given", "unproven", "fail", "quarantine")),
    ("network, another's seal", [("evil.example", PASS)], SEALER + NETWORK, GATEWAY,
     ("given", "unproven", "fail", "quarantine")),
    ("no seal at all", [], SEALER, ELSEWHERE, (None, None, "fail", "reject")),
]


@pytest.mark.parametrize("row", CHAINS, ids=[row[0] for row in CHAINS])
def test_chains_are_judged(zone, signers, row):
    _, hops, options, client, wanted = row
    message = MESSAGE
    for name, results, *more in hops:
        message = seal(message, signers[name], results, **(more[0] if more else {}))
    verdict = check(zone, message, *options, client=client)
    assert outcome(verdict) == wanted, verdict
    assert ("; x-forwarder=" in verdict["authentication_results"]) == (wanted[0] is not None)
    assert (verdict["forwarder"] or {}).get("overrides", False) == \
        (wanted[1:] == ("trusted", "fail", "none"))


def test_altered_mail_with_a_trusted_seal_is_refused_and_marked(zone, signers):
    message = seal(MESSAGE, signers["seal.example"], PASS)
    for altered in (message.replace(b"Please help.", b"Send money."),
                    message.replace(b"From: alice@", b"From: mallory@"),
                    message.replace(PASS.encode(), PASS.encode().replace(b"pass", b"none"))):
        verdict = check(zone, altered, *SEALER)
        assert outcome(verdict) == ("given", "claimed", "fail", "reject")
        assert "chain fails" in verdict["forwarder"]["reason"]


@pytest.mark.parametrize("fields", [
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=seal.example; s=s1; b=AAAA\r\n",
    b"ARC-Authentication-Results: i=1; mx.seal.example; dmarc=pass header.from=sender.example\r\n"
    b"ARC-Message-Signature: i=1; a=rsa-sha256; d=seal.example; s=s1; h=from; bh=AAAA; b=AAAA\r\n"
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=seal.example; s=s1; b=AAAA\r\n",
    b"ARC-Seal: i=1; a=rsa-sha256; cv=pass; d=SEAL.example; s=none; b=AAAA\r\n"])
def test_written_down_seals_are_claims(zone, fields):
    assert outcome(check(zone, fields + MESSAGE, *SEALER)) == ("given", "claimed", "fail", "reject")


def test_spf_of_the_forwarder_is_no_evidence(zone, signers):
    """Its address may send for sender.example, and passes on what anybody wrote."""
    spoofed = {"client": GATEWAY, "sender": SENDER}
    plain = check(zone, MESSAGE, **spoofed)
    assert (plain["spf"]["result"], outcome(plain)) == ("pass", (None, None, "pass", "none"))
    assert outcome(check(zone, MESSAGE, *NETWORK, **spoofed)) == ("given", "unproven", "fail",
                                                                  "quarantine")
    signed = signers["sender.example"].sign(MESSAGE)
    assert outcome(check(zone, signed, *NETWORK, **spoofed)) == ("given", "trusted", "pass", "none")


def test_a_pass_stays_a_pass(zone, signers):
    signed = signers["sender.example"].sign(MESSAGE)
    for results in (PASS, FAIL):
        verdict = check(zone, seal(signed, signers["seal.example"], results), *SEALER)
        assert outcome(verdict) == ("given", "trusted", "pass", "none")
        assert not verdict["forwarder"]["overrides"]


def test_wrong_forwarders_are_told(zone):
    for options, text in ((("--forwarder", "microsoft"), "no forwarder 'microsoft'"),
                          (("--arc-sealer", "a..b"), "arc-sealer"),
                          (("--arc-sealer", "a.example,a.example"), "stands twice"),
                          (("--forwarder-network", "10.0.0.1/8"), "forwarder-network")):
        done = subprocess.run([MAILSPUR, "auth", "check", "--client-ip", GATEWAY, "--helo", "x",
                               "--mail-from", SENDER, "--dns-fixture", zone, *options],
                              capture_output=True, check=False, timeout=60,
                              env={"PATH": "/usr/bin:/bin", "HOME": "/"})
        assert done.returncode == 2 and text in done.stderr.decode(), done.stderr


# ---- behind Postfix

FORWARDED = "forwarded.example"
PLAIN = "plain.example"


@pytest.fixture(scope="module")
def sealers(shared_lab):
    """Two sealers with keys in the lab's DNS, and a domain that has registered one of them."""
    lab = shared_lab
    made = {name: Signer(lab.folder, name) for name in ("seals.example", "stranger.example")}
    for signer in made.values():
        lab.dns.set_txt(signer.record_name, signer.record)
    lab.dns.publish()
    routes = [{"name": "all", "recipient": "*", "destinations": ["psa"]}]
    lab.write_domain(FORWARDED, routes, policy={"forwarders": [
        "microsoft365", {"name": "gateway", "arc_sealers": ["seals.example"]}]})
    lab.write_domain(PLAIN, routes)
    lab.reload()
    for name in (FORWARDED, PLAIN):
        lab.add_domain(name)
    yield made
    for name in (FORWARDED, PLAIN):
        lab.cli("domain", "remove", name, "--yes")


def send_sealed(lab, signer, recipient=f"support@{FORWARDED}", **more):
    recipients = [recipient] if isinstance(recipient, str) else recipient
    message = seal(compose(SENDER, recipients[0]), signer, PASS, **more)
    return lab.send(recipients, sender=f"bounce@{signer.domain}", message=message, sign=False,
                    client=BAD_CLIENT)


def test_forwarded_mail_with_a_trusted_seal_is_accepted(lab, sealers):
    _, answer = send_sealed(lab, sealers["seals.example"])
    assert answer.startswith("250")
    verdict = lab.endpoint.wait_for(1)[0].data["verdict"]
    assert outcome(verdict) == ("gateway", "trusted", "fail", "none")
    assert verdict["forwarder"]["overrides"] is True


def test_the_seal_of_a_stranger_is_refused(lab, sealers):
    _, answer = send_sealed(lab, sealers["stranger.example"])
    assert answer.startswith("550 5.7.1")
    assert lab.endpoint.requests == []


def test_a_domain_trusts_only_forwarders_of_its_own(lab, sealers):
    _, answer = send_sealed(lab, sealers["seals.example"], f"support@{PLAIN}")
    assert answer.startswith("550 5.7.1")


def test_a_forged_seal_is_refused_and_marked(lab, sealers):
    log = lab.follow("mailspur-milter")
    _, answer = send_sealed(lab, sealers["stranger.example"], lie_as="seals.example")
    assert answer.startswith("550 5.7.1")
    assert "forwarder=gateway" in log.wait_for("forwarded=claimed")


def test_domains_with_other_forwarders_need_transactions_of_their_own(lab, sealers):
    answers, _ = send_sealed(lab, sealers["seals.example"],
                             [f"support@{FORWARDED}", f"support@{PLAIN}"])
    assert answers[f"support@{FORWARDED}"].startswith("250")
    assert answers[f"support@{PLAIN}"].startswith("452 4.5.3")

# SPDX-License-Identifier: Apache-2.0
"""`mailspur auth check` from outside: fixture files instead of a DNS, no daemon, no configuration."""
import base64
import hashlib
import json
import os
import re
import socket
import subprocess
import threading

import dkim
import pytest

from tests.lab.lab import default_build

MAILSPUR = os.path.join(default_build(), "bin", "mailspur")
CLIENT = "192.0.2.10"
ZONE = """
# what the sender publishes
sender.example TXT v=spf1 ip4:192.0.2.0/28 -all
_dmarc.sender.example TXT v=DMARC1; p=reject; sp=quarantine
news.sender.example A 192.0.2.3
evil.example TXT v=spf1 ip4:203.0.113.0/24 -all
soft.example TXT v=spf1 ~all
explained.example TXT v=spf1 -all exp=why.explained.example
why.explained.example TXT %{i} may not send for %{d}
unlucky.example TXT !SERVFAIL
_dmarc.unlucky.example TXT !TIMEOUT
gone.example !NXDOMAIN
mail.sender.example A 192.0.2.10
alias.example CNAME sender.example
_dmarc.a.test TXT v=DMARC1; p=reject
"""
MESSAGE = (b"From: Alice <alice@sender.example>\r\nTo: bob@example.net\r\nSubject: hello\r\n"
           b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\n\r\n"
           b"Hello  Bob \r\n\r\n\r\n")


class Signer:
    """Signs as it is told, also what no honest program would: any d=, any s=."""

    def __init__(self, folder):
        self.key = os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True,
                       capture_output=True)
        public = subprocess.run(["openssl", "rsa", "-in", self.key, "-pubout", "-outform", "DER"],
                                check=True, capture_output=True).stdout
        self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()

    def sign(self, message, domain=b"sender.example", selector=b"s1", extra=b""):
        head, _, body = message.partition(b"\r\n\r\n")
        digest = base64.b64encode(hashlib.sha256(body.rstrip(b"\r\n") + b"\r\n").digest())
        field = (b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=" + domain + b"; s=" +
                 selector + b"; h=from:subject; bh=" + digest + b";" + extra + b" b=")
        lines = head.split(b"\r\n")
        covered = [next(line for line in lines if line.lower().startswith(name))
                   for name in (b"from:", b"subject:")]
        signed = b"\r\n".join(covered) + b"\r\n" + field
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed,
                                   check=True, capture_output=True).stdout
        return field + base64.b64encode(signature) + b"\r\n" + message


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer(str(tmp_path_factory.mktemp("key")))


@pytest.fixture(scope="module")
def zone(tmp_path_factory, signer):
    path = tmp_path_factory.mktemp("zone") / "zone"
    names = ["s1._domainkey.sender.example", "s1._domainkey.evil.example",
             "s1._domainkey.news.sender.example", "s1._domainkey.sender.example.evil.example",
             r"s1._domainkey.sender.example\000.evil.example",
             r"s1._domainkey.sender.example\\.evil.example",
             r"sender.example\000._domainkey.evil.example"]
    path.write_text(ZONE + "".join(f"{name} TXT {signer.record}\n" for name in names))
    return str(path)


def run(*words, stdin=b""):
    return subprocess.run([MAILSPUR, "auth", "check", *words], input=stdin, capture_output=True,
                          check=False, timeout=60, env={"PATH": "/usr/bin:/bin", "HOME": "/"})


def check(zone, message=None, client=CLIENT, helo="mail.sender.example",
          sender="alice@sender.example", options=()):
    """One check with --json; the message goes in by standard input."""
    done = run("--client-ip", client, "--helo", helo, "--mail-from", sender, "--dns-fixture", zone,
               "--authserv-id", "mx.example.net", "--json", *options,
               *([] if message is None else ["-"]), stdin=message or b"")
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    assert done.stdout.count(b"\n") == 1 and done.stdout.isascii()
    return json.loads(done.stdout)


# ---- SPF alone

SPF = [
    ("listed", CLIENT, "alice@sender.example", "pass"),
    ("not listed", "203.0.113.1", "alice@sender.example", "fail"),
    ("mapped", "::ffff:192.0.2.10", "alice@sender.example", "pass"),
    ("IPv6", "2001:db8::1", "alice@sender.example", "fail"),
    ("softfail", CLIENT, "a@soft.example", "softfail"),
    ("no record", CLIENT, "a@mail.sender.example", "none"),
    ("no such name", CLIENT, "a@gone.example", "none"),
    ("name absent from the file", CLIENT, "a@absent.example", "none"),
    ("DNS failure", CLIENT, "a@unlucky.example", "temperror"),
    ("alias", CLIENT, "a@alias.example", "pass"),
    ("in angle brackets", CLIENT, "<alice@sender.example>", "pass"),
]


@pytest.mark.parametrize("engine", ["own", "reference"])
@pytest.mark.parametrize("label,client,sender,result", SPF, ids=[row[0] for row in SPF])
def test_without_a_message_spf_is_judged(zone, label, client, sender, result, engine):
    verdict = check(zone, client=client, sender=sender, options=["--engine", engine])
    assert verdict["spf"]["result"] == result, label
    assert verdict["spf"]["identity"] == "mailfrom"
    assert (verdict["dkim"], verdict["dmarc"]["result"]) == ([], "none")
    assert verdict["authentication_results"].startswith(f"mx.example.net; spf={result}")


@pytest.mark.parametrize("sender", ["", "<>"])
def test_null_sender_is_judged_by_helo(zone, sender):
    verdict = check(zone, sender=sender, helo="sender.example")
    assert (verdict["spf"]["identity"], verdict["spf"]["domain"]) == ("helo", "sender.example")
    assert verdict["spf"]["result"] == verdict["spf"]["helo"]["result"] == "pass"


def test_explanation_of_a_fail_is_given(zone):
    verdict = check(zone, sender="a@explained.example")
    assert verdict["spf"]["explanation"] == "192.0.2.10 may not send for explained.example"
    assert check(zone)["spf"]["explanation"] is None


# ---- messages

def test_json_has_the_documented_shape(zone, signer):
    verdict = check(zone, signer.sign(MESSAGE))
    assert set(verdict) == {"local", "spf", "dkim", "dkim_ignored", "arc", "dmarc",
                            "forwarder", "authentication_results", "received_spf"}
    assert verdict["spf"] == {"result": "pass", "identity": "mailfrom", "domain": "sender.example",
                              "explanation": None, "terms": 0, "voids": 0, "reason": None,
                              "helo": {"result": "none"}}
    assert verdict["dkim"] == [{"result": "pass", "domain": "sender.example", "selector": "s1",
                                "algorithm": "rsa-sha256", "bits": 2048, "reason": None}]
    assert verdict["arc"] == {"result": "none", "instances": 0, "oldest_pass": 0}
    assert verdict["dmarc"] == {"result": "pass", "domain": "sender.example",
                                "org_domain": "sender.example", "policy": "reject",
                                "disposition": "none", "aligned": ["spf", "dkim"], "reason": None}


def altered(message):
    return message.replace(b"Hello  Bob", b"Hello Bob")


MESSAGES = [
    # label, sign, alter, client, MAIL FROM, dkim, dmarc, disposition
    ("all good", True, False, CLIENT, "alice@sender.example", "pass", "pass", "none"),
    ("signature alone", True, False, "203.0.113.1", "x@evil.example", "pass", "pass", "none"),
    ("SPF alone", False, False, CLIENT, "alice@sender.example", None, "pass", "none"),
    ("altered, SPF saves it", True, True, CLIENT, "alice@sender.example", "fail", "pass", "none"),
    ("altered", True, True, "203.0.113.1", "x@evil.example", "fail", "fail", "reject"),
    ("nothing aligned", False, False, "203.0.113.1", "x@evil.example", None, "fail", "reject"),
    ("null sender", False, False, "203.0.113.1", "", None, "fail", "reject"),
]


@pytest.mark.parametrize("engine", ["own", "reference"])
@pytest.mark.parametrize("row", MESSAGES, ids=[row[0] for row in MESSAGES])
def test_messages_are_judged(zone, signer, row, engine):
    _, sign, alter, client, sender, dkim, dmarc, disposition = row
    message = signer.sign(MESSAGE) if sign else MESSAGE
    verdict = check(zone, altered(message) if alter else message, client=client, sender=sender,
                    options=["--engine", engine])
    assert [item["result"] for item in verdict["dkim"]] == ([dkim] if dkim else [])
    assert (verdict["dmarc"]["result"], verdict["dmarc"]["disposition"]) == (dmarc, disposition)


def seal(message, signer, domain, results):
    """One hop more: its Authentication-Results and its ARC set."""
    with open(signer.key, "rb") as key:
        fields = dkim.arc_sign(b"Authentication-Results: " + domain + b"; " + results + b"\r\n" +
                               message, b"s1", domain, key.read(), domain,
                               include_headers=[b"from", b"subject"])
    return b"".join(fields) + message


def test_chain_is_reported(zone, signer):
    message = signer.sign(MESSAGE)
    for count, results in ((1, b"dkim=pass"), (2, b"arc=pass")):
        message = seal(message, signer, b"evil.example", results)
        verdict = check(zone, message, client="203.0.113.1", sender="x@evil.example")
        assert verdict["arc"] == {"result": "pass", "instances": count, "oldest_pass": 0}
        assert f"; arc=pass (i={count}) header.oldest-pass=0" in verdict["authentication_results"]
    assert check(zone, altered(message))["arc"]["result"] == "pass"  # blanks only: relaxed
    broken = check(zone, message.replace(b"Hello  Bob", b"Hello  Eve"))
    assert (broken["arc"]["result"], broken["arc"]["instances"]) == ("fail", 2)
    table = run(*NEEDED, "--dns-fixture", zone, "-", stdin=message).stdout.decode()
    assert re.search(r"^arc +pass +evil\.example +2 instances, oldest pass 0", table, re.M)


def test_subdomain_policy_and_discovery(zone):
    message = MESSAGE.replace(b"alice@sender", b"alice@news.sender")
    outside = {"client": "203.0.113.1", "sender": "x@evil.example"}
    dmarc = check(zone, message, **outside)["dmarc"]
    assert (dmarc["org_domain"], dmarc["disposition"]) == ("sender.example", "quarantine")
    below = MESSAGE.replace(b"alice@sender.example", b"alice@x.y.test")
    assert check(zone, below, **outside)["dmarc"]["org_domain"] == "x.y.test"
    listed = check(zone, below, **outside, options=["--discovery", "psl"])
    assert listed["dmarc"]["org_domain"] == "y.test"


def test_dns_failure_is_temperror_and_never_fail(zone):
    message = MESSAGE.replace(b"sender.example", b"unlucky.example")
    verdict = check(zone, message, sender="a@unlucky.example")
    assert verdict["dmarc"]["result"] == "temperror"
    assert verdict["dmarc"]["disposition"] == "none"


def test_moment_of_the_check_is_given(zone, signer):
    message = signer.sign(MESSAGE, extra=b" t=1700000000; x=1700003600;")
    times = {"1700000100": "pass", "1700009999": "fail", "1600000000": "fail"}
    for now, wanted in times.items():
        result = check(zone, message, options=["--now", now])["dkim"][0]["result"]
        assert (result == "pass") == (wanted == "pass"), now


def test_file_with_unix_line_ends_is_converted(zone, signer, tmp_path):
    path = tmp_path / "message.eml"
    path.write_bytes(signer.sign(MESSAGE).replace(b"\r\n", b"\n"))
    done = run("--client-ip", CLIENT, "--helo", "x", "--mail-from", "alice@sender.example",
               "--dns-fixture", zone, "--json", str(path))
    assert json.loads(done.stdout)["dkim"][0]["result"] == "pass"
    path.write_bytes(signer.sign(MESSAGE).replace(b"\r\n\r\n", b"\r\n\r\nbare\n", 1))
    done = run("--client-ip", CLIENT, "--helo", "x", "--mail-from", "alice@sender.example",
               "--dns-fixture", zone, "--json", str(path))
    assert json.loads(done.stdout)["dkim"][0]["result"] == "fail"


# ---- d= and s= that mean two names at once. The attacker has keys at every name that is his own.

TRICKS = [
    ("the attacker's own name", b"evil.example", b"s1"),
    ("the bank's name below the attacker's", b"sender.example.evil.example", b"s1"),
    ("NUL in d=", b"sender.example\0.evil.example", b"s1"),
    ("backslash in d=", b"sender.example\\.evil.example", b"s1"),
    ("comment in d=", b"sender.example(.evil.example", b"s1"),
    ("blank in d=", b"sender.example .evil.example", b"s1"),
    ("escape in d=", b"sender.example\\000.evil.example", b"s1"),
    ("two d=", b"sender.example; d=evil.example", b"s1"),
    ("two d=, turned", b"evil.example; d=sender.example", b"s1"),
    ("comma in d=", b"sender.example,evil.example", b"s1"),
    ("quoted d=", b'"sender.example"', b"s1"),
    ("whole address as d=", b"evil.example@sender.example", b"s1"),
    ("NUL in s=", b"evil.example", b"sender.example\0"),
    ("s= that reaches into d=", b"sender.example", b"s1._domainkey.evil.example.s1"),
    ("s= with a comment", b"sender.example", b"s1._domainkey.evil.example.("),
    ("empty d=", b"", b"s1"),
    ("top level", b"example", b"s1"),
    ("final dots", b"sender.example..", b"s1"),
    ("wildcard", b"*.example", b"s1"),
]


@pytest.mark.parametrize("engine", ["own", "reference"])
@pytest.mark.parametrize("label,domain,selector", TRICKS, ids=[row[0] for row in TRICKS])
def test_no_spelling_of_d_speaks_for_another(zone, signer, label, domain, selector, engine):
    message = signer.sign(MESSAGE, domain, selector)
    # The key of sender.example is the signer's too: take it away for those that name it plainly.
    own_zone = zone + "-without"
    if not os.path.exists(own_zone):
        with open(zone, encoding="ascii") as lines, open(own_zone, "w", encoding="ascii") as kept:
            kept.writelines(line for line in lines
                            if not line.startswith("s1._domainkey.sender.example TXT"))
    verdict = check(own_zone, message, client="203.0.113.1", sender="x@evil.example",
                    options=["--engine", engine])
    assert (verdict["dmarc"]["result"], verdict["dmarc"]["disposition"]) == ("fail", "reject")
    assert verdict["dmarc"]["aligned"] == []


def test_signer_can_make_an_attack_work_where_it_should(zone, signer):
    """The signatures of the table above are good ones: with an honest d= they pass."""
    verdict = check(zone, signer.sign(MESSAGE, b"evil.example"), client="203.0.113.1")
    assert verdict["dkim"][0]["result"] == "pass"
    assert verdict["dmarc"]["aligned"] == []


def test_authors_that_readers_disagree_on_are_refused(zone, signer):
    for header in (b"From: x@evil.example\r\nFrom: alice@sender.example\r\n",
                   b"From: alice@sender.example, x@evil.example\r\n",
                   b"X: y\rFrom: alice@sender.example\r\nFrom: x@evil.example\r\n",
                   b"From\0: alice@sender.example\r\nFrom: x@evil.example\r\n",
                   b"Subject: none at all\r\n"):
        verdict = check(zone, header + b"\r\nbody\r\n", client="203.0.113.1",
                        sender="x@evil.example")
        assert verdict["dmarc"]["result"] == "permerror", header
        assert verdict["dmarc"]["reason"]


# ---- batch

def batch(lines, *options):
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    done = run("--batch", "-", *options, stdin=text.encode())
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_batch_answers_in_order(zone, signer, tmp_path):
    path = tmp_path / "signed.eml"
    path.write_bytes(signer.sign(MESSAGE))
    line = {"client_ip": CLIENT, "helo": "x.example", "mail_from": "alice@sender.example"}
    done, answers = batch([
        {**line, "id": 1},
        {**line, "id": "two", "client_ip": "203.0.113.1"},
        "\n",
        {**line, "id": [3], "message": str(path)},
        {**line, "message_base64": base64.b64encode(MESSAGE).decode(), "engine": "reference"},
        {**line, "message": None, "mail_from": ""},
    ], "--dns-fixture", zone)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [answer["spf"]["result"] for answer in answers] == ["pass", "fail", "pass", "pass",
                                                               "none"]
    assert [answer.get("id") for answer in answers] == [1, "two", [3], None, None]
    assert answers[2]["dkim"][0]["result"] == "pass"
    assert answers[3]["dmarc"]["aligned"] == ["spf"]


def test_batch_lines_may_have_their_own_dns(zone, tmp_path):
    other = tmp_path / "other"
    other.write_text("sender.example TXT v=spf1 +all\n")
    line = {"client_ip": "203.0.113.1", "helo": "x", "mail_from": "a@sender.example"}
    _, answers = batch([line, {**line, "dns_fixture": str(other)}, line], "--dns-fixture", zone)
    assert [answer["spf"]["result"] for answer in answers] == ["fail", "pass", "fail"]


def test_batch_goes_on_behind_a_wrong_line(zone):
    line = {"client_ip": CLIENT, "helo": "x", "mail_from": "alice@sender.example"}
    wrong = ["nonsense\n", "[]\n", {"client_ip": CLIENT}, {**line, "client_ip": "x"},
             {**line, "sender": "x"}, {**line, "now": "x"}, {**line, "now": -1},
             {**line, "message": "/nonexistent"}, {**line, "message_base64": "!"},
             {**line, "message": "-"}, {**line, "engine": "x"}, {**line, "helo": 1},
             '{"helo":"x","helo":"y"}\n', {**line, "dns_fixture": "/nonexistent"}]
    done, answers = batch([*wrong, line], "--dns-fixture", zone)
    assert done.returncode == 1 and b"14 lines" in done.stderr
    assert [list(answer) for answer in answers[:-1]] == [["error"]] * len(wrong)
    assert answers[-1]["spf"]["result"] == "pass"


def test_batch_answers_each_line_at_once(zone):
    """So that a program can ask and wait in turns."""
    with subprocess.Popen([MAILSPUR, "auth", "check", "--batch", "-", "--dns-fixture", zone],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for client, wanted in ((CLIENT, "pass"), ("203.0.113.1", "fail")):
            process.stdin.write(json.dumps({"client_ip": client, "helo": "x",
                                            "mail_from": "a@sender.example"}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["spf"]["result"] == wanted
        process.stdin.close()
        assert process.wait(20) == 0


# ---- exit codes and words

NEEDED = ("--client-ip", CLIENT, "--helo", "x", "--mail-from", "alice@sender.example")
WRONG = [
    ("nothing", (), 2, "client-ip is needed"),
    ("no HELO", ("--client-ip", CLIENT), 2, "helo is needed"),
    ("no sender", ("--client-ip", CLIENT, "--helo", "x"), 2, "mail-from is needed"),
    ("no address", ("--client-ip", "x", "--helo", "x", "--mail-from", ""), 2, "no IP address"),
    ("engine", (*NEEDED, "--engine", "x"), 2, "own or reference"),
    ("discovery", (*NEEDED, "--discovery", "x"), 2, "treewalk or psl"),
    ("moment", (*NEEDED, "--now", "yesterday"), 2, "since 1970"),
    ("forwarder twice", (*NEEDED, "--forwarder", "google,google"), 2, "'google' stands twice"),
    ("unknown forwarder", (*NEEDED, "--forwarder", "googel"), 2, "no forwarder 'googel'"),
    ("unknown option", (*NEEDED, "--fixture", "x"), 2, "unknown option"),
    ("two messages", (*NEEDED, "a", "b"), 2, "one word too many"),
    ("no such message", (*NEEDED, "--dns-fixture", "/dev/null", "/nonexistent"), 1, "No such file"),
    ("no such fixture", (*NEEDED, "--dns-fixture", "/nonexistent"), 1, "No such file"),
    ("no such batch", ("--batch", "/nonexistent"), 1, "No such file"),
    ("batch and message", ("--batch", "-", "message"), 2, "in its lines"),
    ("helper that is none", (*NEEDED, "--dns-fixture", "/dev/null", "--engine", "reference",
                             "--helper", "/nonexistent"), 1, "/nonexistent"),
]


@pytest.mark.parametrize("label,words,code,text", WRONG, ids=[row[0] for row in WRONG])
def test_wrong_use_is_told(label, words, code, text):
    done = run(*words)
    assert done.returncode == code, label
    assert text in done.stderr.decode()
    assert done.stdout == b""


def test_broken_fixture_is_told_with_its_line(tmp_path):
    path = tmp_path / "zone"
    path.write_text("a.example TXT x\nb.example NONSENSE y\n")
    done = run(*NEEDED, "--dns-fixture", str(path))
    assert done.returncode == 2 and f"{path}:2".encode() in done.stderr


def test_people_get_a_table_with_reasons(zone, signer):
    done = run(*NEEDED, "--dns-fixture", zone, "-", stdin=altered(signer.sign(MESSAGE)))
    text = done.stdout.decode()
    assert done.returncode == 0
    assert re.search(r"^spf +pass +sender\.example +MAIL FROM", text, re.M)
    assert re.search(r"^dkim +fail +sender\.example +.*body", text, re.M)
    assert re.search(r"^dmarc +pass +sender\.example +policy reject.*aligned: SPF", text, re.M)
    assert re.search(r"^Authentication-Results: .*; spf=pass", text, re.M)


def test_terminal_is_safe_from_the_message(zone):
    done = run("--client-ip", CLIENT, "--helo", "\x1b[31m", "--mail-from", "\x1b]0;x\x07@x",
               "--dns-fixture", zone, "-",
               stdin=b"DKIM-Signature: v=1; d=\x1b[2J; s=\x9b; a=\x1b\r\nFrom: \x1b[1m\r\n\r\n")
    assert done.returncode == 0
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f\x9b]", done.stdout)


def test_dns_server_is_asked(signer):
    """A server on a port of its own that answers every question with a refusal: temperror."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        asked = []

        def answer():
            while True:
                query, peer = server.recvfrom(4096)
                if query == b"stop":
                    return
                asked.append(query)
                server.sendto(query[:2] + b"\x81\x85" + query[4:], peer)

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        done = run(*NEEDED, "--json", "--dns-server", f"127.0.0.1:{port}")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopper:
            stopper.sendto(b"stop", ("127.0.0.1", port))
        thread.join()
    assert asked
    assert json.loads(done.stdout)["spf"]["result"] == "temperror"

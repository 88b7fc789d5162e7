# SPDX-License-Identifier: Apache-2.0
"""The SES client against a fake SES that checks signatures, asks the test DNS, and misbehaves."""
import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.dns import Dns
from tests.lab.lab import default_build, sanitizer_settings
from tests.lab.process import wait_until
from tests.lab.ses import FakeSes, Refusal

DRIVER = os.path.join(default_build(), "tests", "ses_driver")
DOMAIN = "yourmsp.example"
MAIL_FROM = "mail.yourmsp.example"
TAG = {"Key": "mailspur-installation", "Value": "here"}


class Client:
    """Runs the driver; keeps the state between runs as the registry would."""

    def __init__(self, folder, fake, **settings):
        self.folder = str(folder)
        self.settings = {"endpoint": fake.url, "domain": DOMAIN, "mail_from": MAIL_FROM, **settings}
        key_id, secret = next(iter(fake.keys.items()))
        self.write("access_key_id_file", key_id)
        self.write("secret_key_file", secret)
        if fake.session_token is not None:
            self.write("session_token_file", fake.session_token)
        self.state = ""
        self.output = ""

    def write(self, setting, text):
        path = os.path.join(self.folder, setting)
        with open(path, "w", encoding="ascii") as out:
            out.write(text + "\n")
        self.settings[setting] = path

    def run(self, do, **more):
        words = {**self.settings, "do": do, "state": self.state, **more}
        done = subprocess.run([DRIVER] + [f"{name}={value}" for name, value in words.items()],
                              capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, **sanitizer_settings()})
        assert done.returncode == 0, done.stderr
        self.output += done.stdout + done.stderr
        result = json.loads(done.stdout)
        self.state = result["state"]
        return result

    @property
    def known(self):
        return json.loads(self.state)


@pytest.fixture
def fake():
    with FakeSes() as running:
        yield running


@pytest.fixture
def client(tmp_path, fake):
    return Client(tmp_path, fake)


# ---- the way of a domain -----------------------------------------------------------------------

def test_an_identity_is_made_with_our_tag_and_mail_from_and_is_deleted_again(client, fake):
    assert client.run("ensure")["status"] == "ok"
    identity = fake.identities[DOMAIN]
    assert identity["tags"] == [TAG]
    assert identity["mail_from"] == MAIL_FROM and identity["behavior"] == "USE_DEFAULT_VALUE"
    assert client.known == {"region": "eu-central-1", "identity": "ours", "release_pending": False,
                            "tokens": identity["tokens"], "zone": fake.zone, "mail_from": MAIL_FROM}
    assert [call for call, _, _ in fake.requests] == ["get", "create", "set_mail_from"]
    assert client.run("release")["status"] == "ok"
    assert fake.identities == {}
    assert client.known["identity"] == "gone" and not client.known["release_pending"]


@pytest.fixture
def zone():
    folder = tempfile.mkdtemp(prefix="mailspur-ses-")
    os.chmod(folder, 0o755)  # NSD's and Unbound's users must get in
    servers = Dns(folder)
    try:
        yield servers.start()
    finally:
        servers.stop()
        shutil.rmtree(folder)


def test_it_is_verified_once_the_dns_has_what_the_state_says(tmp_path, zone):
    with FakeSes(resolver=("127.0.0.1", zone.port)) as fake:
        client = Client(tmp_path, fake)
        client.run("ensure")
        assert client.run("ensure")["report"] == {
            "verified": False, "verification": "pending", "dkim": "pending",
            "mail_from": "pending", "error": "HOST_NOT_FOUND"}
        known = client.known
        names = {f"{token}._domainkey.{DOMAIN}": f"{token}.{known['zone']}."
                 for token in known["tokens"]}
        for name, target in names.items():
            zone.set_txt(name, target)
        zone.publish()
        assert client.run("ensure")["report"]["error"] == "TYPE_NOT_FOUND"
        for name, target in names.items():
            zone.set(name, "TXT")
            zone.set(name, "CNAME", target)
        zone.set(MAIL_FROM, "MX", "10 feedback-smtp.eu-central-1.amazonses.com.")
        zone.set_txt(MAIL_FROM, "v=spf1 include:amazonses.com ~all")
        zone.publish()
        assert client.run("ensure")["report"] == {
            "verified": True, "verification": "success", "dkim": "success",
            "mail_from": "success", "error": ""}
        assert fake.count("create") == 1 and fake.count("set_mail_from") == 1


def test_what_others_made_is_adopted_with_its_mail_from_and_never_deleted(client, fake):
    fake.add_identity(DOMAIN, tags=[{"Key": "mailspur-installation", "Value": "elsewhere"}],
                      mail_from="bounce.yourmsp.example")
    assert client.run("ensure")["status"] == "ok"
    assert client.known["identity"] == "adopted"
    assert client.known["mail_from"] == "bounce.yourmsp.example"
    assert client.run("release")["status"] == "ok"
    assert DOMAIN in fake.identities
    assert fake.count("create") == fake.count("set_mail_from") == fake.count("delete") == 0


def test_an_adopted_identity_without_mail_from_gets_ours(client, fake):
    fake.add_identity(DOMAIN)
    assert client.run("ensure")["status"] == "ok"
    assert fake.identities[DOMAIN]["mail_from"] == client.known["mail_from"] == MAIL_FROM


def test_an_identity_made_anew_by_others_is_not_deleted_with_ours(client, fake):
    client.run("ensure")
    fake.add_identity(DOMAIN)  # the account's owner replaced it: our tag is gone
    assert client.run("release")["status"] == "ok"
    assert DOMAIN in fake.identities and fake.count("delete") == 0


def test_it_stays_while_another_entry_uses_it(client, fake):
    client.run("ensure")
    assert client.run("release", others_left="yes")["status"] == "ok"
    assert DOMAIN in fake.identities


def test_one_that_somebody_deleted_is_made_again_with_its_new_tokens(client, fake):
    client.run("ensure")
    before = client.known["tokens"]
    del fake.identities[DOMAIN]
    assert client.run("ensure")["status"] == "ok"
    assert client.known["tokens"] == fake.identities[DOMAIN]["tokens"] != before


def test_releasing_what_is_not_there_is_success(client, fake):
    assert client.run("release")["status"] == "ok"
    assert fake.count("delete") == 0


def test_dkim_keys_of_its_own_are_told(client, fake):
    fake.add_identity(DOMAIN)
    fake.identities[DOMAIN].update(origin="EXTERNAL", tokens=["selector"])
    result = client.run("ensure")
    assert result["status"] == "refused" and "a DKIM key of its own" in result["why"]


def test_a_session_token_is_signed_and_nothing_secret_is_shown(tmp_path, fake):
    fake.session_token = "IQoJb3JpZ2luX2VjEXAMPLETOKEN" * 20
    client = Client(tmp_path, fake)
    assert client.run("ensure")["status"] == "ok"
    client.write("session_token_file", "another")
    assert client.run("ensure")["status"] == "refused"
    for secret in (fake.session_token, *fake.keys, *fake.keys.values()):
        assert secret not in client.output


def test_over_tls_the_certificate_is_checked(tmp_path):
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    with FakeSes(tls=(certificate, key)) as fake:
        client = Client(tmp_path, fake, deadline_ms=2000)
        result = client.run("ensure")
        assert result["status"] == "again" and "certificate" in result["why"]
        assert fake.requests == []
        assert client.run("ensure", ca_file=certificate, deadline_ms=20000)["status"] == "ok"
        result = client.run("ensure", ca_file=str(tmp_path / "none.pem"))
        assert result["status"] == "io" and "none.pem" in result["why"]


# ---- faults at every call ----------------------------------------------------------------------

FAULTS = ["throttle", "concurrent", "internal", "cut", "lost", "hang", "late", "garbage", "html",
          "twice", "huge"]
PATIENCE = {"timeout_ms": 700, "deadline_ms": 30000}


def in_parallel(function, cases):
    """Cases wait far more than they work. All complaints at once."""
    with ThreadPoolExecutor(8) as pool:
        complaints = [text for text in pool.map(lambda case: function(*case), cases) if text]
    assert not complaints, "\n".join(complaints)


def in_a_folder(function, root, *case):
    folder = os.path.join(str(root), "-".join(case))
    os.makedirs(folder)
    with FakeSes() as fake:
        client = Client(folder, fake, **PATIENCE)
        try:
            function(client, fake, *case)
        except AssertionError as error:
            return f"{' '.join(case)}: {error}"
        finally:
            shutil.rmtree(folder)
    return None


def test_a_fault_at_any_call_of_ensure_makes_no_second_identity(tmp_path):
    def check(client, fake, call, fault):
        fake.faults[call] = [fault]
        result = client.run("ensure")
        assert result["status"] == "ok", result
        assert fake.faults[call] == [], "the fault did not happen"
        assert fake.count("create") == 1 and list(fake.identities) == [DOMAIN]
        assert fake.identities[DOMAIN]["mail_from"] == MAIL_FROM
        assert client.known["tokens"] == fake.identities[DOMAIN]["tokens"]
        assert client.known["identity"] == "ours"
        # A repetition asks first, and so finds what was done and not understood.
        assert fake.count("set_mail_from") == 1
        if fault == "late":  # what was under way is carried out after all, and changes nothing
            fake.release()
            wait_until(lambda: fake.late_over == 1, "the late call")
            assert client.run("ensure")["status"] == "ok"
            assert fake.count("create") == 1
            assert client.known["tokens"] == fake.identities[DOMAIN]["tokens"]
    in_parallel(lambda *case: in_a_folder(check, tmp_path, *case),
                [(call, fault) for call in ("get", "create", "set_mail_from") for fault in FAULTS])


def test_a_fault_at_any_call_of_release_leaves_nothing_behind(tmp_path):
    def check(client, fake, call, fault):
        client.run("ensure")
        fake.faults[call] = [fault]
        result = client.run("release")
        assert result["status"] == "ok", result
        assert fake.faults[call] == [], "the fault did not happen"
        assert fake.identities == {} and fake.count("delete") == 1
        assert client.known["identity"] == "gone"
    in_parallel(lambda *case: in_a_folder(check, tmp_path, *case),
                [(call, fault) for call in ("get", "delete") for fault in FAULTS])


@pytest.mark.parametrize("size, sentence", [
    (32768, "no JSON object"), (32769, "header is over 32768 bytes")])
def test_the_header_of_an_answer_is_taken_up_to_its_cap(client, fake, size, sentence):
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
    lines = b"".join(b"x-%03d: " % n + b"x" * 991 + b"\r\n" for n in range(32))
    rest = size - len(start) - len(lines) - len(b"x: \r\n\r\n")
    fake.faults["get"] = [start + lines + b"x: " + b"x" * rest + b"\r\n\r\n["]
    result = client.run("ensure", deadline_ms=400)
    assert result["status"] == "again" and sentence in result["why"], result


GONE = Refusal(404, "NotFoundException", "does not exist")


def test_one_that_somebody_makes_between_get_and_create_is_adopted(client, fake):
    fake.add_identity(DOMAIN, mail_from=MAIL_FROM)
    fake.faults["get"] = [GONE]
    assert client.run("ensure")["status"] == "ok"
    assert client.known["identity"] == "adopted"
    assert [call for call, _, _ in fake.requests] == ["get", "create", "get"]


def test_one_that_somebody_deletes_between_two_calls_is_made_again_or_is_gone(client, fake):
    fake.faults["set_mail_from"] = [GONE]
    assert client.run("ensure")["status"] == "ok"
    assert fake.identities[DOMAIN]["mail_from"] == MAIL_FROM
    fake.faults["delete"] = [GONE]
    assert client.run("release")["status"] == "ok"
    assert client.known["identity"] == "gone"
    assert [call for call, _, _ in fake.requests][-2:] == ["get", "delete"]


def test_a_deletion_that_failed_stays_pending_until_it_is_done(client, fake):
    client.run("ensure")
    fake.faults["delete"] = [Refusal(403, "AccessDeniedException", "no ses:DeleteEmailIdentity")]
    result = client.run("release")
    assert result["status"] == "refused" and "ses:DeleteEmailIdentity" in result["why"]
    assert client.known["release_pending"] and client.known["identity"] == "ours"
    assert client.run("ensure")["status"] == "conflict"  # nobody revives it meanwhile
    fake.faults["get"] = ["hang"]
    assert client.run("release", deadline_ms=300)["status"] == "again"
    assert client.known["release_pending"]
    assert client.run("release")["status"] == "ok"
    assert fake.identities == {} and not client.known["release_pending"]


def test_an_identity_whose_creation_was_never_answered_is_released(client, fake):
    fake.faults["create"] = ["lost"]
    fake.faults["get"] = [Refusal(404, "NotFoundException", ""), *["internal"] * 9]
    assert client.run("ensure", deadline_ms=800)["status"] == "again"
    assert client.known["identity"] == "unknown" and DOMAIN in fake.identities
    fake.faults.clear()
    assert client.run("release")["status"] == "ok"
    assert fake.identities == {}


def test_the_pace_is_kept_and_a_throttled_client_says_how_long_it_waits(client, fake):
    result = client.run("ensure", interval_ms=60000, deadline_ms=2000)
    assert result["status"] == "again" and 50000 < result["wait_ms"] <= 60000
    assert [call for call, _, _ in fake.requests] == ["get"]
    fake.faults["get"] = ["throttle"]
    result = client.run("ensure", deadline_ms=700)
    assert result["status"] == "again" and 0 < result["wait_ms"] <= 1000


# ---- what people are told ----------------------------------------------------------------------

SENTENCES = [
    (400, "LimitExceededException", "no_space", "as many identities as SES allows"),
    (400, "BadRequestException", "invalid", "SES does not take this (HTTP 400, BadRequestException: "
                                            "said so)"),
    (403, "AccessDeniedException", "refused", "its IAM policy must allow it"),
    (403, "UnrecognizedClientException", "refused", "SES does not know the access key id"),
    (403, "ExpiredTokenException", "refused", "the session token has expired"),
    (403, "InvalidSignatureException", "refused", "does the secret key file belong to the access"),
    (403, "RequestExpired", "io", "clock is off"),
    (403, "", "refused", "look at the access key and its rights"),
    (404, "", "refused", "is the endpoint right?"),
    (302, "", "refused", "is the endpoint right?"),
    (429, "", "again", "too many calls at once"),
    (500, "ConcurrentModificationException", "again", "somebody changes the same identity"),
    (503, "", "again", "SES has trouble of its own"),
]


@pytest.mark.parametrize("http, error, status, sentence", SENTENCES)
def test_each_error_has_its_sentence(client, fake, http, error, status, sentence):
    fake.faults["get"] = [Refusal(http, error, "said so")] * 5
    result = client.run("ensure", deadline_ms=100)
    assert result["status"] == status and sentence in result["why"], result
    assert len(fake.requests) == 1 and client.known["identity"] == "unknown"


@pytest.mark.parametrize("offset, sentence", [
    (20 * 60, "clock is 20 minutes behind that of SES"),
    (-47 * 60, "clock is 47 minutes ahead of that of SES"),
])
def test_a_wrong_clock_is_told_as_such(client, fake, offset, sentence):
    fake.clock_offset = offset
    result = client.run("ensure")
    assert result["status"] == "io" and sentence in result["why"]


def test_a_wrong_secret_is_told_as_such(client, fake):
    client.write("secret_key_file", "of/another/key")
    result = client.run("ensure")
    assert result["status"] == "refused" and "belong to the access key id" in result["why"]
    assert fake.requests == []


@pytest.mark.parametrize("setting, value, status, sentence", [
    ("region", "EU Central", "invalid", "such as eu-central-1"),
    ("endpoint", "https://host/path", "invalid", "without a path"),
    ("endpoint", "ftp://host", "invalid", "https://host"),
    ("installation", "a b", "invalid", "letters, digits"),
    ("timeout_ms", 0, "invalid", "above 0"),
    ("secret_key_file", "/nonexistent/secret", "io", "/nonexistent/secret"),
    ("access_key_id_file", "/", "io", "not a regular file"),
    ("mail_from", "mail.other.example", "invalid", "not below yourmsp.example"),
    ("mail_from", "yourmsp.example", "invalid", "not below"),
    ("domain", "YourMSP.example", "invalid", "no domain that SES could verify"),
    ("domain", "example", "invalid", "no domain that SES could verify"),
])
def test_wrong_input_is_refused_with_its_name_and_nothing_is_sent(client, fake, setting, value,
                                                                  status, sentence):
    result = client.run("ensure", **{setting: value})
    assert result["status"] == status and sentence in result["why"], result
    assert fake.requests == []


def test_a_server_that_is_away_is_tried_again_later(client, fake):
    fake.stop()
    result = client.run("ensure", deadline_ms=1200)
    assert result["status"] == "again" and client.settings["endpoint"] in result["why"]

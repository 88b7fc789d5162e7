# SPDX-License-Identifier: Apache-2.0
"""`mailspur doctor`: the lab's host as it is has nothing wrong; each wrong setting is found, and told
with the line that mends it."""
import json
import os
import shutil
import socket
import subprocess
import threading

import pytest

from tests.lab.lab import DOMAIN, sanitizer_settings

SUBJECTS = ("postfix", "sockets", "dns", "host", "files")
SOCKETMAP = "check_recipient_access socketmap:unix:{socketmap}:access"
RELAY = f"permit_mynetworks, permit_sasl_authenticated, permit_auth_destination, {SOCKETMAP}, reject"
RELAY_LINE = f"smtpd_relay_restrictions = {RELAY}"
SECOND_LOCK = "best_mx_transport = retry:4.3.0 mailspur milter was bypassed"

# setting, wrong value, check, level, words of the sentence, file, line to paste
WRONG_SETTINGS = [
    ("smtpd_relay_restrictions", "permit_mynetworks, reject_unauth_destination",
     "relay-restrictions", "wrong", "does not ask mailspurd", RELAY_LINE),
    ("smtpd_relay_restrictions", RELAY.replace(":access", ":domains"),
     "relay-restrictions", "wrong", "another map name", RELAY_LINE),
    ("smtpd_relay_restrictions", RELAY.replace("{socketmap}", "/run/other.sock"),
     "relay-restrictions", "wrong", "leads to /run/other.sock, but mailspurd listens", RELAY_LINE),
    ("smtpd_relay_restrictions",
     f"permit_mynetworks, permit_auth_destination, reject_unauth_destination, {SOCKETMAP}, reject",
     "relay-restrictions", "wrong", "refuses before mailspurd is asked", RELAY_LINE),
    ("smtpd_relay_restrictions", f"permit_mynetworks, {SOCKETMAP}, permit_auth_destination, reject",
     "relay-restrictions", "wrong", "asks mailspurd before permit_auth_destination", RELAY_LINE),
    ("smtpd_relay_restrictions", f"permit_auth_destination, permit_mx_backup, {SOCKETMAP}, reject",
     "relay-restrictions", "wrong", "lets recipients of our domains through", RELAY_LINE),
    ("smtpd_relay_restrictions", f"permit_auth_destination, {SOCKETMAP}",
     "relay-restrictions", "wrong", "open relay", RELAY_LINE),
    ("smtpd_recipient_restrictions", "permit_mynetworks, reject_unauth_destination",
     "recipient-restrictions", "wrong", "refuses what mailspurd takes",
     "smtpd_recipient_restrictions = ... without reject_unauth_destination"),
    ("smtpd_recipient_restrictions", "reject_unverified_recipient",
     "recipient-restrictions", "wrong", "probes our addresses",
     "smtpd_recipient_restrictions = ... without reject_unverified_recipient"),
    ("mydestination", f"localhost, {DOMAIN}", "domain-classes", "wrong",
     f"{DOMAIN} stands in mydestination", f"mydestination = ... without {DOMAIN}"),
    ("relay_domains", "example", "domain-classes", "wrong", f"{DOMAIN} stands in relay_domains",
     f"relay_domains = ... without {DOMAIN}"),
    ("relay_domains", f"!other.example, texthash:{{folder}}/table", "domain-classes", "wrong",
     f"{DOMAIN} stands in relay_domains", f"relay_domains = ... without {DOMAIN}"),
    ("virtual_alias_domains", "{folder}/list", "domain-classes", "wrong",
     f"{DOMAIN} stands in virtual_alias_domains", f"virtual_alias_domains = ... without {DOMAIN}"),
    ("virtual_mailbox_domains", f"inline:{{{{{DOMAIN}=x, a.example=y}}}}", "domain-classes",
     "wrong", f"{DOMAIN} stands in virtual_mailbox_domains",
     f"virtual_mailbox_domains = ... without {DOMAIN}"),
    ("transport_maps", f"inline:{{{{{DOMAIN}=smtp:}}}}", "domain-classes", "warning",
     "not behind the second lock", f"transport_maps = ... without {DOMAIN}"),
    ("relay_domains", "texthash:{folder}/absent", "domain-classes", "warning", "cannot be asked",
     None),
    ("smtpd_milters", "", "milters", "wrong", "has no mailspur-milter",
     "smtpd_milters = unix:{milter}"),
    ("smtpd_milters", "inet:127.0.0.1:8891", "milters", "wrong", "has no mailspur-milter",
     "smtpd_milters = inet:127.0.0.1:8891, unix:{milter}"),
    ("smtpd_milters", "unix:{milter}, inet:127.0.0.1:8891", "milters", "wrong",
     "a milter behind mailspur-milter", "smtpd_milters = inet:127.0.0.1:8891, unix:{milter}"),
    ("smtpd_milters", "{{ unix:{milter}, default_action=accept }}", "milter-default-action",
     "wrong", "default_action=accept", "default_action=tempfail"),
    ("milter_default_action", "accept", "milter-default-action", "wrong", "is accept",
     "milter_default_action = tempfail"),
    ("milter_default_action", "reject", "milter-default-action", "wrong", "is reject",
     "milter_default_action = tempfail"),
    ("non_smtpd_milters", "unix:{milter}", "non-smtpd-milters", "wrong", "has mailspur-milter",
     "non_smtpd_milters ="),
    ("milter_connect_macros", "j v _", "milter-macros", "warning", "has no {{client_addr}}",
     "milter_connect_macros = j {{daemon_name}} {{daemon_addr}} {{client_addr}} v _"),
    ("milter_rcpt_macros", "i {{rcpt_addr}}", "milter-macros", "wrong", "has no {{rcpt_mailer}}",
     "milter_rcpt_macros = i {{rcpt_addr}} {{rcpt_host}} {{rcpt_mailer}}"),
    ("milter_content_timeout", "30s", "milter-timeouts", "wrong", "milter_content_timeout is 30s",
     "milter_content_timeout = 80s"),
    ("milter_command_timeout", "5", "milter-timeouts", "wrong", "milter_command_timeout is 5",
     "milter_command_timeout = 10s"),
    ("milter_protocol", "2", "milter-protocol", "wrong", "is 2", "milter_protocol = 6"),
    ("smtpd_milter_maps", "cidr:{{127.0.0.0/8 DISABLE}}", "milter-maps", "warning",
     "some clients other milters", "smtpd_milter_maps ="),
    ("receive_override_options", "no_milters", "milters-of-services", "wrong", "has no_milters",
     "receive_override_options without no_milters"),
    ("best_mx_transport", "", "second-lock", "wrong", "is not set", SECOND_LOCK),
    ("best_mx_transport", "error:5.1.1 no", "second-lock", "wrong", "is error:5.1.1 no",
     SECOND_LOCK),
    ("always_bcc", "archive@own.example", "copies", "warning", "no such copies", "always_bcc ="),
    ("recipient_bcc_maps", "static:x@own.example", "copies", "warning", "no such copies",
     "recipient_bcc_maps ="),
    ("sender_bcc_maps", "static:x@own.example", "copies", "warning", "no such copies",
     "sender_bcc_maps ="),
    ("local_header_rewrite_clients", "static:all", "header-rewriting", "warning",
     "complete fields of strangers",
     "local_header_rewrite_clients = permit_mynetworks, permit_sasl_authenticated"),
    ("always_add_missing_headers", "yes", "missing-headers", "warning", "not theirs",
     "always_add_missing_headers = no"),
    ("message_size_limit", "10240000", "message-size", "wrong", "less than limits.message_size",
     "message_size_limit = 52428800"),
]

RIGHT_SETTINGS = [
    ("smtpd_relay_restrictions", RELAY.replace(SOCKETMAP, "{{" + SOCKETMAP + "}}")),
    ("smtpd_milters", "inet:127.0.0.1:8891, {{ unix:{milter}, default_action=tempfail }}"),
    ("relay_domains", "other.example, !" + DOMAIN + ", example"),
    ("mydestination", "example, .example"),  # no subdomains there
    ("message_size_limit", "0"),
    ("milter_content_timeout", "2m"),
]


@pytest.fixture
def doctor(lab):
    return Doctor(lab)


class Doctor:
    """Runs it with a copy of Postfix's configuration, of which some settings differ."""

    def __init__(self, lab):
        self.lab = lab
        self.words = {"socketmap": lab.config["sockets"]["socketmap"]["path"],
                      "milter": lab.path("run", "milter.sock")}

    def folder(self, **settings):
        folder = self.lab.path("doctor")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.lab.postfix.config, folder)
        self.words["folder"] = folder
        with open(os.path.join(folder, "table"), "w", encoding="ascii") as out:
            out.write(f"{DOMAIN} x\n")
        with open(os.path.join(folder, "list"), "w", encoding="ascii") as out:
            out.write(f"# ours\nother.example {DOMAIN}\n")
        with open(os.path.join(folder, "main.cf"), "a", encoding="ascii") as out:
            for name, value in settings.items():
                out.write(f"{name} = {self.fill(value)}\n")
        os.utime(os.path.join(folder, "main.cf"), (0, 0))  # postconf waits for fresh files to settle
        return folder

    def fill(self, text):
        return text.format(**self.words)

    def run(self, *arguments, folder=None, config=None):
        done = self.lab.cli_text("--json", "doctor", *arguments, "--postfix-config",
                                 folder or self.lab.postfix.config,
                                 *(["-c", config] if config else []), check=False)
        answer = json.loads(done.stdout)
        assert done.returncode == (0 if answer["ok"] else 1), done.stdout + done.stderr
        assert answer["ok"] == (answer["wrong"] == 0)
        return answer

    def config(self, **changes):
        path = self.lab.path("etc", "doctor.yaml")
        with open(self.lab.config_path, encoding="utf-8") as source:
            text = source.read()
        for old, new in changes.values():
            assert old in text
            text = text.replace(old, new)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path


def not_ok(answer):
    return [item for item in answer["checks"] if item["level"] != "ok"]


def of_level(answer, level):
    return [item for item in answer["checks"] if item["level"] == level]


def test_a_host_that_is_as_it_should_be_has_nothing_wrong(doctor):
    answer = doctor.run()
    assert of_level(answer, "wrong") == []
    assert {item["check"] for item in of_level(answer, "ok")} >= {
        "postfix", "relay-restrictions", "domain-classes", "milters",
        "second-lock", "control-socket", "intake-socket", "socketmap", "milter-socket",
        "socket-rights", "resolver", "resolver-tcp", "hostname", "store-disk", "files"}
    text = doctor.lab.cli_text("doctor", "--postfix-config", doctor.lab.postfix.config)
    assert text.stdout.splitlines()[-1].endswith(" 0 wrong")


@pytest.mark.parametrize("setting, value, check, level, words, line", WRONG_SETTINGS)
def test_a_wrong_setting_is_found_and_told_with_its_line(doctor, setting, value, check, level,
                                                         words, line):
    answer = doctor.run("postfix", folder=doctor.folder(**{setting: value}))
    found = [item for item in answer["checks"]
             if item["check"] == check and item["level"] == level]
    assert [item for item in found if doctor.fill(words) in item["text"]], not_ok(answer)
    if line is None:
        assert found[0]["line"] is None
    else:
        assert (found[0]["file"] in ("main.cf", "master.cf")
                and found[0]["line"] == doctor.fill(line)), found


@pytest.mark.parametrize("setting, value", RIGHT_SETTINGS)
def test_another_right_way_is_not_complained_about(doctor, setting, value):
    answer = doctor.run("postfix", folder=doctor.folder(**{setting: value}))
    assert of_level(answer, "wrong") == []


def test_a_service_with_settings_of_its_own_is_told(doctor):
    folder = doctor.folder()
    with open(os.path.join(folder, "master.cf"), "a", encoding="ascii") as out:
        out.write("submission inet n - n - - smtpd -o smtpd_milters=\n"
                  "  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }\n")
    told = [(item["check"], item["level"]) for item in not_ok(doctor.run("postfix", folder=folder))
            if item["text"].startswith("submission/inet")]
    assert sorted(told) == [("milters-of-services", "warning"), ("relay-restrictions", "warning")]


def test_a_chroot_needs_both_sockets_below_the_queue_directory(doctor):
    folder = doctor.folder()
    path = os.path.join(folder, "master.cf")
    with open(path, encoding="ascii") as source:
        text = source.read()
    with open(path, "w", encoding="ascii") as out:
        out.write(text.replace("inet n - n", "inet n - y"))
    found = [item for item in doctor.run(folder=folder)["checks"]
             if item["check"] == "chroot" and item["level"] == "wrong"]
    queue = doctor.lab.postfix.queue
    assert [item["line"] for item in found] == [
        f"sockets: socketmap: path: {queue}/mailspur/socketmap.sock",
        f"milter: socket: unix: {queue}/mailspur/milter.sock"]


def test_a_socket_that_postfix_may_not_open_is_told(doctor):
    path = doctor.words["socketmap"]
    os.chmod(path, 0o600)
    try:
        wrong = of_level(doctor.run("sockets"), "wrong")
    finally:
        os.chmod(path, 0o666)
    assert [item["check"] for item in wrong] == ["socket-rights"]
    assert f"{path} (mode 0600) is closed to the user postfix" == wrong[0]["text"]
    assert wrong[0]["line"] == "sockets: socketmap: group: postfix"


@pytest.mark.parametrize("name, check, cure", [
    ("control", "control-socket", "systemctl start mailspurd"),
    ("intake", "intake-socket", "systemctl start mailspurd"),
    ("socketmap", "socketmap", "systemctl start mailspurd"),
    ("milter", "milter-socket", "systemctl start mailspur-milter")])
def test_a_socket_where_nobody_listens_is_told(doctor, name, check, cure):
    config = doctor.config(path=(doctor.lab.path("run", name + ".sock"),
                                 doctor.lab.path("run", "nobody.sock")))
    found = {item["check"]: item for item in of_level(doctor.run("sockets", config=config), "wrong")}
    assert found[check]["line"] == cure and found[check]["file"] == "as root"


@pytest.mark.parametrize("name, check", [("socketmap", "socketmap"), ("milter", "milter-socket")])
def test_a_socket_that_answers_something_else_is_told(doctor, name, check):
    path = doctor.lab.path("run", "stranger.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(1)

        def answer_once():
            stream, _ = listener.accept()
            with stream:
                stream.recv(4096)
                stream.sendall(b"17:550 5.7.1 go away," if name == "socketmap"
                               else b"\0\0\0\x01t")
        stranger = threading.Thread(target=answer_once, daemon=True)
        stranger.start()
        config = doctor.config(path=(doctor.lab.path("run", name + ".sock"), path))
        wrong = of_level(doctor.run("sockets", config=config), "wrong")
        stranger.join(10)
    os.remove(path)
    assert [item["check"] for item in wrong if "another answer" in item["text"]] == [check]


def test_a_resolver_that_does_not_answer_is_told(doctor):
    config = doctor.config(server=(doctor.lab.dns.server, "127.0.0.1:1"))
    wrong = of_level(doctor.run("dns", config=config), "wrong")
    assert [item["check"] for item in wrong] == ["resolver"]
    assert wrong[0]["line"] == "dns: servers: [127.0.0.1]"


def test_an_inbound_mx_without_an_address_is_told(doctor):
    config = doctor.config(mx=("inbound_mx: mx.mailspur.example", "inbound_mx: mx9.mailspur.example"))
    wrong = of_level(doctor.run("dns", config=config), "wrong")
    assert [(item["check"], item["line"]) for item in wrong] == [
        ("inbound-mx", "mx9.mailspur.example. A <address of this host>")]


def test_names_of_this_host_that_lead_elsewhere_are_warned_about(doctor):
    dns = doctor.lab.dns
    dns.set("mx2.mailspur.example", "CNAME", "mx3.mailspur.example.")
    dns.set("mx3.mailspur.example", "A", "8.8.8.8", "10.0.0.1")
    dns.publish()
    config = doctor.config(mx=("mx.mailspur.example", "mx2.mailspur.example"))
    told = [item["text"] for item in of_level(doctor.run("dns", config=config), "warning")
            if item["check"] == "inbound-mx"]
    assert len(told) == 3
    assert "is a CNAME" in told[0]
    assert any("is 8.8.8.8, no address of this host" in text for text in told)
    assert any("is 10.0.0.1, which no sender" in text for text in told)


def test_secrets_that_others_can_read_are_told(doctor):
    secret = doctor.lab.path("etc", "secret")
    os.chmod(secret, 0o644)
    try:
        wrong = of_level(doctor.run("files"), "wrong")
    finally:
        os.chmod(secret, 0o600)
    assert {item["check"] for item in wrong} == {"secrets"}
    assert f"everybody on this host can get at {secret} (mode 0644)" == wrong[0]["text"]
    assert wrong[0]["line"] == f"chown mailspur: {secret} && chmod go= {secret}"


def test_a_full_disk_and_a_missing_folder_are_told(doctor):
    full = doctor.config(room=("min_free_disk: 1M", "min_free_disk: 900000G"))
    assert [item["check"] for item in of_level(doctor.run("host", config=full), "wrong")] == [
        "disk-room"]
    gone = doctor.config(path=(doctor.lab.path("state"), doctor.lab.path("gone")))
    assert [item["check"] for item in of_level(doctor.run("host", config=gone), "wrong")] == [
        "store-disk"]


def test_a_broken_configuration_is_told_and_nothing_else_is_looked_at(doctor):
    answer = doctor.run(config=doctor.config(key=("inbound_mx:", "inbund_mx:")))
    assert not answer["ok"]
    assert {item["check"] for item in answer["checks"]} == {"configuration"}


def test_a_postfix_configuration_that_cannot_be_read_is_told(doctor):
    answer = doctor.run(folder="/nowhere/at/all")
    assert [item["check"] for item in of_level(answer, "wrong")] == ["postfix"]
    assert "postconf: " in of_level(answer, "wrong")[0]["text"]
    assert "socketmap" in {item["check"] for item in of_level(answer, "ok")}


def test_without_postfix_the_rest_is_looked_at(doctor):
    lab = doctor.lab
    hide = 'mount --bind /dev/null /usr/sbin/postconf && exec "$@"'
    done = subprocess.run(["unshare", "-m", "bash", "-c", hide, "-", lab.program("mailspur"), "-c",
                           lab.config_path, "--json", "doctor"], capture_output=True, text=True,
                          check=False, timeout=60,
                          env={"PATH": os.environ["PATH"], **sanitizer_settings()})
    answer = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [item["text"] for item in answer["checks"] if item["check"] == "postfix"] == [
        "there is no Postfix on this host (no program postconf): its settings are not looked at"]
    assert "socketmap" in {item["check"] for item in of_level(answer, "ok")}


def test_an_unknown_subject_is_refused_with_those_there_are(doctor):
    done = doctor.lab.cli_text("doctor", "weather", check=False)
    assert done.returncode == 2
    assert all(subject in done.stderr for subject in SUBJECTS)

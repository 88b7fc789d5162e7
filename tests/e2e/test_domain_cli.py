# SPDX-License-Identifier: Apache-2.0
"""From `domain add` to *verified* as a person does it: records taken from the command line into the zone,
and `verify --watch` told by nothing but the DNS. Three name servers: good, late, lame."""
import csv
import io
import json
import os
import pty
import re
import select
import subprocess
import threading
import time

import pytest

from tests.lab.dns import quote_txt
from tests.lab.lab import CommandError, Lab, sanitizer_settings

pytestmark = pytest.mark.skipif(os.environ.get("MAILSPUR_LAB_NAMESPACE") != "1",
                                reason="name servers need port 53: a network namespace")
PATIENCE = 60.0  # for what comes within seconds


@pytest.fixture(scope="module")
def lab():
    keys = {"spf_include": "_spf.ours.test", "dkim_zone": "dkim.ours.test"}
    with Lab(dns_world=True) as whole:
        whole.write_config(verification={**keys, "dkim_keys": whole.path("state", "dkim")})
        whole.reload()
        ours = whole.dns.world.zone("ours.test", ["good"])
        ours.set("_spf.ours.test", "TXT", quote_txt("v=spf1 ip4:192.0.2.0/24 -all"))
        yield whole


def load(zone, lines):
    """Put lines of a zone file into a zone as they are."""
    records = {}
    for line in lines.splitlines():
        if not line or line.startswith(";"):
            continue
        name, _ttl, _in, record_type, value = re.split(r"\s+", line, maxsplit=4)
        records.setdefault((name.rstrip("."), record_type), []).append(value)
    for (name, record_type), values in records.items():
        zone.set(name, record_type, *values)
    return records


class Watch:
    """`mailspur domain verify --watch` as it runs; its lines are what a test waits for."""

    def __init__(self, lab, name, *options):
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [lab.program("mailspur"), "-c", lab.config_path, "domain", "verify", name, "--watch",
             *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], **sanitizer_settings()})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait_for(self, *words):
        """The first line, of those since the last call too, that has all the words."""
        def found():
            return next((line for line in self.lines if all(word in line for word in words)), None)
        with self.changed:
            assert self.changed.wait_for(found, PATIENCE), f"{words} in\n" + "\n".join(self.lines)
            return found()

    def end(self):
        code = self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stdout.close()
        return code


def test_records_go_into_the_zone_verbatim_and_watch_sees_each_arrive(lab):
    name = "client.test"
    zone = lab.dns.world.zone(name)
    lab.dns.world.publish()
    lab.cli_text("tenant", "add", "acme")
    added = lab.cli_text("domain", "add", name, "--tenant", "acme", "--profile", "local").stdout
    assert f"{name} (tenant acme): pending, inbound off" in added
    assert f"In your own zone publish what this prints: mailspur domain zone {name}\n" in added
    ours = lab.dns.world.zone("ours.test")
    keys = load(ours, lab.cli_text("domain", "zone", name).stdout)
    assert len(keys) == 3 and all(key[0].endswith(".dkim.ours.test") for key in keys)
    lab.dns.world.publish()
    records = load(lab.dns.world.zone("scratch.test"), lab.cli_text(
        "domain", "records", name, "--format", "bind").stdout)
    lab.dns.world.remove("scratch.test")

    watch = Watch(lab, name)
    for record in records:
        watch.wait_for(f" {record[0]} ", "missing")
    # The MX for inbound comes last and is advice only: verified is reached without it.
    for (owner, record_type), values in reversed(records.items()):
        zone.set(owner, record_type, *values)
        lab.dns.world.publish()
        watch.wait_for("\u2713", record_type, f" {owner} ", "found")
    assert watch.end() == 0
    assert watch.lines[-1] == f"{name} is verified. Next: mailspur domain inbound on {name}"
    assert lab.cli("domain", "show", name)["status"] == "verified"


def test_a_server_left_behind_is_propagating_until_it_follows(lab):
    name = "slow.test"
    zone = lab.dns.world.zone(name)
    lab.dns.world.publish()
    lab.cli_text("domain", "add", name, "--profile", "inbound")
    zone.freeze("late")
    load(zone, lab.cli_text("domain", "records", name, "--format", "bind").stdout)
    lab.dns.world.publish()
    watch = Watch(lab, name)
    watch.wait_for("\u29d6", "_mailspur." + name, "propagating (1 of 2 servers)")
    zone.thaw("late")
    lab.dns.world.publish()
    assert watch.end() == 0


def test_what_is_wrong_is_told_with_the_text_to_paste_on_a_line_of_its_own(lab):
    name = "wrong.test"
    zone = lab.dns.world.zone(name)
    zone.set(name, "TXT", quote_txt("v=spf1 include:_spf.google.test -all"))
    zone.set("_dmarc." + name, "TXT", quote_txt("v=DMARC1, p=none"))
    lab.dns.world.publish()
    added = lab.cli_text("domain", "add", name, "--profile", "local").stdout
    assert "v=spf1 include:_spf.google.test include:_spf.ours.test -all\n" in added
    done = lab.cli_text("domain", "verify", name, check=False)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "v=spf1 include:_spf.google.test include:_spf.ours.test -all" in lines
    assert f"v=DMARC1; p=none; rua=mailto:dmarc@{name}" in lines
    assert f"{name} is not verified: pending" in lines
    # The same again without asking, and the record to have in the end.
    shown = lab.cli_text("domain", "show", name).stdout
    assert "v=spf1 include:_spf.google.test include:_spf.ours.test -all" in shown
    merged = lab.cli_text("domain", "records", name, "--format", "bind").stdout
    assert 'TXT "v=spf1 include:_spf.google.test include:_spf.ours.test -all"' in merged
    listed = next(line for line in lab.cli_text("domain", "list").stdout.splitlines()
                  if line.startswith(name + " "))
    assert int(listed.split()[6]) > 2, listed


def test_csv_and_json_hold_the_same_records(lab):
    name = "forms.test"
    lab.dns.world.zone(name)
    lab.dns.world.publish()
    lab.cli_text("domain", "add", name, "--profile", "ivymail", "--region", "eu-west-1")
    rows = list(csv.DictReader(io.StringIO(lab.cli_text(
        "domain", "records", name, "--format", "csv").stdout, newline="")))
    records = json.loads(lab.cli_text("domain", "records", name, "--format", "json").stdout)["records"]
    assert len(rows) == len(records) == 9  # eight of the profile, and the MX for inbound
    for row, record in zip(rows, records):
        assert [row[key] for key in ("purpose", "for", "type", "host", "name", "value", "ttl")] == \
            [str(record[key]) for key in ("purpose", "for", "type", "host", "name", "value", "ttl")]
        assert row["priority"] == ("" if record["priority"] is None else str(record["priority"]))
    assert any(row["value"] == "feedback-smtp.eu-west-1.amazonses.com" for row in rows)


def test_a_watch_that_takes_too_long_ends_with_the_whole_report(lab):
    name = "never.test"
    lab.dns.world.zone(name)
    lab.dns.world.publish()
    lab.cli_text("domain", "add", name)
    watch = Watch(lab, name, "--timeout", "100ms")
    assert watch.end() == 1
    assert watch.lines[-1] == f"{name} is not verified: pending"
    assert any(line.startswith("mailspur-verify=") for line in watch.lines)


def test_a_watch_outlives_a_restart_of_the_daemon(lab):
    name = "restart.test"
    zone = lab.dns.world.zone(name)
    lab.dns.world.publish()
    lab.cli_text("domain", "add", name)
    lines = lab.cli_text("domain", "records", name, "--format", "bind").stdout
    watch = Watch(lab, name)
    watch.wait_for("_mailspur." + name, "missing")
    lab.mailspurd.stop()
    watch.wait_for("mailspur: ")
    load(zone, lines)
    lab.dns.world.publish()
    lab.mailspurd.start()
    assert watch.end() == 0


def screen_of(output, width):
    """What a terminal shows after this output: lines, with what was drawn over gone."""
    lines, row = [""], 0
    text = output.replace("\r\n", "\n")
    for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z]|\n)", text):
        if part == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif part.startswith("\x1b[") and part.endswith("A"):
            row -= int(part[2:-1])
            assert row >= 0, "drawn above its own first line"
        elif part.startswith("\x1b[") and part.endswith("J"):
            lines[row:] = [""]
        elif not part.startswith("\x1b["):  # styles take no place
            for character in part:
                if len(lines[row]) == width:
                    row += 1
                    lines[row:] = [""]
                lines[row] += character
    return lines


@pytest.mark.parametrize("settings, rows, tick, colour", [
    ({"LC_ALL": "C.UTF-8", "TERM": "xterm"}, 50, "\u2713", True),
    ({"LC_ALL": "C.UTF-8", "TERM": "xterm"}, 8, "\u2713", True),
    ({"LC_ALL": "C.UTF-8", "TERM": "xterm", "NO_COLOR": "1"}, 50, "\u2713", False),
    ({"LC_ALL": "C", "TERM": "xterm"}, 50, "ok ", True)])
def test_on_a_terminal_the_report_is_drawn_again_in_place(lab, settings, rows, tick, colour):
    name = f"term{len(settings)}{settings['LC_ALL'][-1].lower()}{rows}.test"
    zone = lab.dns.world.zone(name, ["good", "late"])
    lab.dns.world.publish()
    lab.cli_text("domain", "add", name)
    lines = lab.cli_text("domain", "records", name, "--format", "bind").stdout
    width = 70
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve("/bin/sh", ["sh", "-c", f"stty rows {rows} cols {width}; exec \"$@\"", "sh",
                              lab.program("mailspur"), "-c", lab.config_path, "domain", "verify",
                              name, "--watch"],
                  {"PATH": os.environ["PATH"], **sanitizer_settings(), **settings})
    output, published, deadline = b"", False, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # the program has ended
                break
            output += piece
        if not published and b"Ctrl-C ends it" in output:
            load(zone, lines)
            lab.dns.world.publish()
            published = True
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    text = output.decode()
    assert ("\x1b[32m" in text) == colour
    shown = screen_of(text, width)
    assert "".join(shown).endswith(f"{name} is verified. Next: mailspur domain inbound on {name}")
    assert not any("missing" in line or "Ctrl-C" in line for line in shown), shown
    assert any(line.startswith(f"  {tick}") for line in shown), shown
    assert "missing" in text
    waiting = text[:text.index("Ctrl-C ends it")]
    assert ("problem" in waiting) == (rows == 50)  # details where there is room
    assert ("mailspur domain show " + name in waiting) == (rows == 8)


def test_who_asks_all_the_time_is_told_what_was_seen_before(lab):
    name = "impatient.test"
    lab.cli_text("domain", "add", name, "--profile", "inbound")
    lab.write_config(verification={"by_hand_every": "20s"})
    lab.reload()
    try:
        said = [lab.cli_text("domain", "verify", name, check=False) for _ in range(6)]
        answer = json.loads(lab.cli_text("--json", "domain", "verify", name, check=False).stdout)
    finally:
        lab.write_config(verification={"by_hand_every": "0s"})
        lab.reload()
    assert ["asked for too often" in one.stdout for one in said] == [False] * 5 + [True]
    assert {one.returncode for one in said} == {1}
    assert answer["check"] == "kept" and answer["records"][0]["status"] == "missing"
    assert answer["checked_at"] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def test_wrong_words_exit_as_documented(lab):
    for arguments, code, said in [
            (("domain", "records", "none.test"), 3, "there is no domain none.test"),
            (("domain", "records", "yourmsp.example", "--format", "xml"), 2, "'xml'"),
            (("domain", "zone", "yourmsp.example"), 4, "dkim: local"),
            (("tenant", "add", "Not A Name"), 2, "Not A Name"),
            (("tenant", "remove", "default"), 4, "default"),
            (("domain", "verify", "yourmsp.example", "--timeout", "5s"), 2, "--watch")]:
        with pytest.raises(CommandError) as caught:
            lab.cli_text(*arguments)
        assert (caught.value.status, said in caught.value.stderr) == (code, True), arguments

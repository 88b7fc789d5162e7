# SPDX-License-Identifier: Apache-2.0
"""What the pages name is there: log events, tests, files. Reads sources; starts nothing."""
import glob
import os
import re

import pytest

from tests.lab.lab import ROOT

DAEMON_FOLDERS = ("common", "config", "store", "verifier", "milter", "router", "control/api", "daemon")
WORD = r'"([a-z_]+\.[a-z_]+)"'
LEVELS = {"err", "warn", "notice", "info", "debug"}
# Where an event's word is not in the call that logs it: file, argument, where its words stand.
INDIRECT = {
    ("milter/eom.c", "message->event"), ("router/commit.c", "event"),
    ("router/delivery/attempts.c", "event"), ("daemon/domains.c", "event->kind"),
}
ASSIGNED = (r"\bevent = (.*?);", r"\blog_stored\((.*?);", r"\bdomain_step_add\((.*?);",
            r"\[DOMAIN_MAIL_\w+\] = (.*?),")


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as text:
        return text.read()


def sources(folders, *endings):
    for folder in folders:
        for ending in endings:
            for path in glob.glob(os.path.join(ROOT, folder, "**", "*" + ending), recursive=True):
                yield os.path.relpath(path, ROOT)


def logged():
    """Every event word of the daemons' sources, and the calls that have it in a variable."""
    words, indirect = set(), set()
    for path in sources(DAEMON_FOLDERS, ".c"):
        text = read(path)
        if path == "common/log.c":
            continue
        for arguments in re.findall(r"\blog_(?:err|warn|notice|info|debug|at)\((.*?)(?:LOG_STR|LOG_INT|;)",
                                    text, re.S):
            found = re.findall(WORD, arguments)
            words.update(found)
            if not found:
                indirect.add((path, arguments.strip().rstrip(",").split(", ")[-1]))
        for pattern in ASSIGNED:
            for part in re.findall(pattern, text, re.S):
                words.update(re.findall(WORD, part))
    outcomes = re.findall(r'\[OUTCOME_\w+\] = "(\w+)"', read("router/delivery/outcome.c"))
    words.update("delivery." + name for name in outcomes)
    return words, indirect


def table_of_events():
    section = read("docs/operations.md").split("## Log events")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in section.splitlines() if line.startswith("| `")]


def test_every_log_event_is_in_the_table_and_no_other():
    words, indirect = logged()
    assert indirect == INDIRECT
    rows = [row[0].strip("`") for row in table_of_events()]
    assert rows == sorted(set(rows))
    assert len(words) > 90
    assert set(rows) == words


def test_every_log_event_has_a_level():
    for row in table_of_events():
        assert len(row) == 4 and set(row[1].split(", ")) <= LEVELS, row


def all_tests():
    names = set()
    for path in sources(("tests",), ".py"):
        names.update(re.findall(r"^def (test_\w+)", read(path), re.M))
        names.add(os.path.basename(path))
    for path in sources(("tests",), ".c"):
        names.update(re.findall(r"^([a-z_0-9]+)\(void \*\*state\)", read(path), re.M))
        names.add(os.path.basename(path))
    return names


@pytest.mark.parametrize("page", ["durability.md", "operations.md"])
def test_every_test_that_a_page_names_exists(page):
    named = re.findall(r"`(?:tests/\w+/)?(test_\w+(?:\.py|\.c)?)`", read("docs", page))
    assert [name for name in named if name not in all_tests()] == []


def test_every_step_of_durability_names_the_test_that_cuts_there():
    rows = [line for line in read("docs/durability.md").splitlines() if re.match(r"\| \d ", line)]
    assert len(rows) == 15
    known = all_tests()
    for row in rows:
        last = row.strip("| ").split("|")[-1].strip()
        assert re.fullmatch(r"`\w+`(, `\w+`)*", last) and known.issuperset(re.findall(r"\w+", last)), row


def test_every_code_of_a_finding_is_explained():
    codes = re.findall(r'\[FINDING_\w+\] = "(\w+)"', read("verifier", "domain", "finding.c"))
    told = re.findall(r"^\| `(\w+)` \|", read("docs", "findings.md"), re.MULTILINE)
    assert len(codes) > 50 and sorted(told) == sorted(codes)


def test_every_page_that_a_page_names_exists():
    for page in glob.glob(os.path.join(ROOT, "docs", "*.md")) + [os.path.join(ROOT, "README.md")]:
        for name in re.findall(r"docs/([a-z]+\.md)", read(page)):
            assert os.path.exists(os.path.join(ROOT, "docs", name)), (page, name)

# SPDX-License-Identifier: Apache-2.0
"""The manual pages know every command and option that the programs know."""
import os
import re
import subprocess

import pytest

from tests.lab.lab import ROOT, default_build, sanitizer_settings

PAGES = {"mailspur": "mailspur.1", "mailspurd": "mailspurd.8", "mailspur-milter": "mailspur-milter.8"}


def page(name):
    with open(os.path.join(ROOT, "docs", "man", PAGES[name]), encoding="utf-8") as text:
        return text.read().replace("\\-", "-")


def usage(name, word):
    done = subprocess.run([os.path.join(default_build(), "bin", name), word], check=True, text=True,
                          capture_output=True, env=sanitizer_settings())
    return done.stdout


def test_mailspur_1_has_every_command_with_its_sentence():
    commands = usage("mailspur", "help").split("with every command")[0]
    lines = [line.strip() for line in commands.splitlines() if line.startswith("  ")]
    assert len(lines) > 15
    for line in lines:
        command, _, sentence = line.partition("  ")
        assert f".B {command.strip()}\n{sentence.strip()}\n" in page("mailspur"), line


@pytest.mark.parametrize("name", PAGES)
def test_every_option_is_in_the_manual(name):
    options = re.findall(r"^ +(-[-a-z]+)", usage(name, "--help"), re.M)
    assert "--version" in options
    assert [option for option in options if option not in page(name)] == []

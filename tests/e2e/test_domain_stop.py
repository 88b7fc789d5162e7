# SPDX-License-Identifier: Apache-2.0
"""The daemon stops at once though a domain is being checked whose name servers say nothing."""
import os
import time

import pytest

from tests.lab.lab import Lab
from tests.lab.process import Background

pytestmark = pytest.mark.skipif(os.environ.get("MAILSPUR_LAB_NAMESPACE") != "1",
                                reason="name servers need port 53: a network namespace")
PROMPTLY = 4.0  # with sanitizers and a busy machine; a check of a silent server lasts 7 s and more


@pytest.fixture(name="silent_lab", scope="module")
def silent_lab_fixture():
    with Lab(dns_world=True) as lab:
        lab.dns.world.zone("silent.test", ["silent"])
        lab.dns.world.publish()
        yield lab


def test_a_stop_does_not_wait_for_a_silent_name_server_and_loses_nothing(silent_lab):
    lab, name = silent_lab, "silent.test"
    lab.cli("domain", "add", name)
    before = lab.cli("domain", "show", name)
    lab.dns.world.silent.settimeout(20)
    asked = Background(lambda: lab.cli_text("domain", "verify", name, check=False))
    lab.dns.world.silent.recv(512)  # the check has begun
    began = time.monotonic()
    lab.mailspurd.stop()
    took = time.monotonic() - began
    told = asked.join()
    assert took < PROMPTLY, f"it took {took:.1f} s"
    assert told.returncode != 0
    lab.mailspurd.start()
    after = lab.cli("domain", "show", name)
    assert (after["status"], after["checked_at"]) == (before["status"], before["checked_at"])

# SPDX-License-Identifier: Apache-2.0
"""Many domains are due at once, those first whose name servers are dead or silent: they hold up nobody
else. `./dev soak domains` is the same for thousands, with the rate and the memory."""
import os
import sqlite3
import time

import pytest

from tests.bench import domains as many
from tests.lab.process import wait_until

pytestmark = pytest.mark.skipif(os.environ.get("MAILSPUR_LAB_NAMESPACE") != "1",
                                reason="name servers need port 53: a network namespace")
CLOSED, SILENT, GOOD = 60, 60, 180
COUNT = CLOSED + SILENT + GOOD
ALL = {many.name_of(number) for number in range(COUNT)}
DEAD = {many.name_of(number) for number in range(CLOSED + SILENT)}
AHEAD_MS = 1000         # the others are due so much later
TOGETHER_IN_MS = 2000   # after the daemon has started


def servers_of(number):
    if number < CLOSED:
        return ["closed"]
    return ["silent"] if number < CLOSED + SILENT else ["good", "late"]


def make_due(lab):
    """Nobody waits for a minute: what the stopped daemon's rows say of the next check is changed."""
    lab.mailspurd.stop()
    now = int(time.time() * 1000) + TOGETHER_IN_MS
    with sqlite3.connect(lab.path("state", "mailspur.db")) as store:
        store.execute("UPDATE domain SET next_check_at = ?", (now + AHEAD_MS,))
        store.executemany("UPDATE domain SET next_check_at = ? WHERE name = ?",
                          [(now, name) for name in DEAD])
    store.close()
    lab.mailspurd.start()


def unchecked(lab):
    """Names without a check so far: of dead name servers, and of good ones."""
    rows = many.all_domains(lab.config["sockets"]["control"]["path"], "&problems=true")
    names = {row["domain"] for row in rows if row["problems"] is None} & ALL
    return names & DEAD, names - DEAD


def test_dead_name_servers_hold_up_no_other_domain():
    with many.make_lab(COUNT, servers_of) as lab:
        many.add_all(lab, COUNT)
        assert unchecked(lab) == (DEAD, ALL - DEAD)
        make_due(lab)
        left = {}

        def good_ones_are_checked():
            left["dead"], left["good"] = unchecked(lab)
            return not left["good"]
        wait_until(good_ones_are_checked, "the check of all good domains", timeout=60,
                   interval=0.2)
        assert left["dead"], "all dead ones came first"

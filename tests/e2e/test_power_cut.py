# SPDX-License-Identifier: Apache-2.0
"""The power goes while mail comes in and goes out: what was answered 250 is delivered, nothing is
invented, and what comes twice has the same webhook-id. A preloaded library forgets every write of the
store that was not synced (tests/faults/README.md). Senders repeat what was not answered 250, as an MTA
does, so the same message reaches us before and after a cut."""
import os
import random
import shutil
import sys

import pytest

from tests.lab.lab import ROOT, USER, Lab
from tests.lab.load import Sender, judge
from tests.lab.process import wait_until

sys.path.insert(0, os.path.join(ROOT, "tests", "faults"))
import powercut  # noqa: E402  pylint: disable=wrong-import-position,import-error

ROUNDS = int(os.environ.get("MAILSPUR_SOAK_ROUNDS", "30"))
SENDERS = 6
SEED = int(os.environ.get("MAILSPUR_POWERCUT_SEED", "1"))
# The preload and the sanitizers' runtime do not go together.
BUILD = os.path.join(ROOT, "build", "debug")


class PowerCutLab(Lab):
    """mailspurd on a disk that forgets."""

    def __init__(self):
        super().__init__(build=BUILD)
        image = self._owned_folder("state.image")
        assert image == self.path("state") + ".image"
        self.disk = powercut.Disk(
            self.borrow(os.path.join(BUILD, "tests", "libpowercut.so")), self.path("state"))
        self.mailspurd.env.update(self.disk.environment())

    def start_until(self, step, keep_percent, lie=False):
        self.mailspurd.env.update(self.disk.environment(cut_at=step, keep_percent=keep_percent,
                                                        seed=step))
        if lie:
            self.mailspurd.env["MAILSPUR_POWERCUT_LIE"] = "1"
        try:
            self.mailspurd.start()
        except RuntimeError:
            pass  # the cut came before it was ready

    def cut_and_restore(self):
        """The power is off: what was not synced is gone."""
        self.mailspurd.kill()
        self.disk.restore()
        for name in os.listdir(self.path("state")):
            shutil.chown(self.path("state", name), USER)


@pytest.fixture
def lab():
    with PowerCutLab() as running:
        yield running


def run_rounds(lab, rounds, lie=False):
    dice = random.Random(SEED)
    lab.mailspurd.stop()
    if lie:
        lab.endpoint.stop()  # what was delivered before it is lost would not be missed
    senders = [Sender(lab, f"s{number}") for number in range(SENDERS)]
    try:
        for number in range(rounds):
            # Early steps are those of the start and the first commits: each of them in turn.
            step = 25 + 3 * number if number % 2 == 0 else int(2 ** dice.uniform(6, 10))
            lab.start_until(step, keep_percent=0 if lie or number % 3 else 50, lie=lie)
            wait_until(lambda: not lab.mailspurd.is_running(), f"the cut at step {step}", 60)
            lab.cut_and_restore()
        lab.mailspurd.env.update(lab.disk.environment())
        lab.mailspurd.env.pop("MAILSPUR_POWERCUT_LIE", None)
        if lie:
            lab.endpoint.start()
        lab.mailspurd.start()
    finally:
        for sender in senders:
            sender.stop()
    return senders


def test_what_was_answered_250_survives_power_cuts(lab):
    senders = run_rounds(lab, ROUNDS)
    faults, answered = judge(lab, senders)
    assert faults == []
    assert answered > ROUNDS
    print(f"{ROUNDS} cuts, {answered} messages answered 250")


def test_loss_is_noticed_when_nothing_is_synced(lab):
    """The proof that the test above can fail: a disk that says "synced" and is not."""
    lab.endpoint.default = 503  # what was delivered before the cut would not be missed
    senders = run_rounds(lab, 6, lie=True)
    lab.endpoint.default = 200
    faults, _ = judge(lab, senders)
    assert any(fault.startswith("lost: ") for fault in faults)

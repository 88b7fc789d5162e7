# SPDX-License-Identifier: Apache-2.0
"""The power goes while a store works: whatever it acknowledged must be there afterwards, whole."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import powercut
import pytest

LIBRARY = os.environ["MAILSPUR_POWERCUT_LIBRARY"]
PROGRAM = os.environ["MAILSPUR_POWERCUT_STORE"]
SEED = int(os.environ.get("MAILSPUR_POWERCUT_SEED", "1"))

RANDOM_CUTS = 30
STEPS_MOST = 10000  # of a short run; it has fewer
SWEEP_SECONDS = 60  # takes 6 on an idle machine
RUN_SECONDS = 60
# Of bodies that were staged when the power went: the start has swept them.
LEFT_OVER = """SELECT (SELECT count(*) FROM staged), (SELECT count(*) FROM body
               WHERE message_id NOT IN (SELECT id FROM message))"""


class Load:
    """A store in a folder, what was said about it, and the disk it stands on."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.disk = powercut.Disk(LIBRARY, self.folder)
        self.said = ""

    def run(self, threads, messages, off=False, kill_after=None, **cut):
        """Returns True if the program came to its end, False if the power went."""
        command = [PROGRAM, "run", self.folder, str(threads), str(messages)]
        process = subprocess.Popen(
            command + (["off"] if off else []),
            env=self.disk.environment(**cut),
            stdout=subprocess.PIPE,
            text=True,
        )
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        output, _ = process.communicate(timeout=RUN_SECONDS)
        self.said += output
        assert process.returncode in (0, -signal.SIGKILL), process.returncode
        self.disk.restore()
        return process.returncode == 0

    def check(self):
        """The faults found, and the number of messages that were acknowledged."""
        result = subprocess.run(
            [PROGRAM, "check", self.folder],
            input=self.said,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert result.returncode in (0, 1), result.stdout + result.stderr
        lines = result.stdout.splitlines()
        with sqlite3.connect(os.path.join(self.folder, "store.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute(LEFT_OVER).fetchall() == [(0, 0)]
        database.close()
        return lines[:-1], int(lines[-1].split()[1])


@pytest.fixture(name="load")
def make_load(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    return Load(folder)


@pytest.mark.parametrize(
    "threads,messages,stride",
    [
        pytest.param(2, 3, 1, id="small messages, each step"),
        pytest.param(1, 9, 37, id="bodies of several chunks and staged ones, some steps"),
    ],
)
def test_nothing_is_lost_when_the_power_goes_at_each_step(tmp_path, threads, messages, stride):
    """From the making of the database to its closing; a step is a write, a sync or a name."""
    started = time.monotonic()
    for step in range(1, STEPS_MOST, stride):
        folder = tmp_path / f"step{step}"
        folder.mkdir()
        load = Load(folder)
        ended = load.run(threads=threads, messages=messages, cut_at=step)
        faults, _ = load.check()
        assert faults == [], f"cut before step {step}"
        shutil.rmtree(folder)
        if ended:
            break
        assert time.monotonic() - started < SWEEP_SECONDS, f"slow: only {step} steps"
    else:
        pytest.fail("the short run has no end")
    assert step > 100  # else nothing was counted
    print(f"{step} steps")


@pytest.mark.parametrize("keep_percent", [0, 50])
def test_nothing_is_lost_when_the_power_goes_at_random_under_load(load, keep_percent):
    """Cut again and again, on the same store; some of what was not synced is on the disk too."""
    dice = random.Random(SEED + keep_percent)
    cuts = 0
    acknowledged = 0
    for turn in range(RANDOM_CUTS // 2):
        ended = load.run(
            threads=8,
            messages=400,
            # Early, or late enough for the WAL to be copied into the database meanwhile.
            cut_at=int(2 ** dice.uniform(3, 11) if turn % 2 == 0 else dice.uniform(4000, 14000)),
            keep_percent=keep_percent,
            seed=SEED + turn,
        )
        cuts += 0 if ended else 1
        faults, acknowledged = load.check()
        assert faults == []
    assert cuts > RANDOM_CUTS // 4
    assert acknowledged > 50
    print(f"{cuts} cuts, {acknowledged} messages")


def test_nothing_is_lost_when_the_process_is_killed_from_outside(load):
    dice = random.Random(SEED)
    acknowledged = 0
    for _ in range(5):
        load.run(threads=8, messages=400, kill_after=dice.uniform(0.02, 0.3))
        faults, acknowledged = load.check()
        assert faults == []
    assert acknowledged > 0


def test_loss_is_noticed_when_the_store_does_not_sync(load):
    """The proof that the tests above can fail."""
    load.run(threads=4, messages=10)  # a store that exists, durable
    assert load.check()[0] == []
    load.run(threads=8, messages=60, off=True, cut_at=400)
    faults, acknowledged = load.check()
    assert acknowledged > 0
    assert any(fault.startswith("FAULT lost ") for fault in faults)


def test_loss_is_noticed_when_the_disk_lies(load):
    """The same for a disk that says "synced" and is not; tests/e2e relies on it."""
    load.run(threads=4, messages=10)
    assert load.check()[0] == []
    load.run(threads=8, messages=60, lie=True, cut_at=400)
    faults, acknowledged = load.check()
    assert acknowledged > 0
    assert any(fault.startswith("FAULT lost ") for fault in faults)

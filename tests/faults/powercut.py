# SPDX-License-Identifier: Apache-2.0
"""Run a program on a disk that forgets what was not synced, and restore what it kept.

    disk = powercut.Disk(library, folder)
    process = subprocess.Popen(command, env=disk.environment(cut_at=17))
    ...                  # or process.kill() at any time: SIGKILL is the power cut
    disk.restore()       # the folder is now as the disk would have it

As a program, after the kill: powercut.py restore FOLDER IMAGE
"""

import os
import shutil
import sys


def restore(folder, image):
    """Replace the files of `folder` by what was durable."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not os.path.islink(path):
            os.unlink(path)
    for name in os.listdir(image):
        shutil.copyfile(os.path.join(image, name), os.path.join(folder, name))
        os.chmod(os.path.join(folder, name), 0o600)


class Disk:
    def __init__(self, library, folder):
        self.library = library
        self.folder = folder
        self.image = folder.rstrip("/") + ".image"
        self.fault_file = folder.rstrip("/") + ".fault"
        os.makedirs(self.image, exist_ok=True)

    def _begin(self):
        """What is there when a program starts is durable. Not done by the program: a kill could come
        in the middle of it, which no power cut can."""
        shutil.rmtree(self.image)
        shutil.copytree(self.folder, self.image, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        os.chmod(self.image, 0o777)
        for name in os.listdir(self.image):
            os.chmod(os.path.join(self.image, name), 0o666)

    def environment(self, cut_at=0, keep_percent=0, seed=1, sync_ms=0, lie=False):
        """cut_at: the step before which the power goes; keep_percent: pages that reach the disk
        although nobody synced them; sync_ms: how long a sync takes; lie: syncs succeed and make
        nothing durable. Call it before each start, while no program uses the folder."""
        self._begin()
        return dict(
            os.environ,
            LD_PRELOAD=self.library,
            MAILSPUR_POWERCUT_DIR=self.folder,
            MAILSPUR_POWERCUT_IMAGE=self.image,
            MAILSPUR_POWERCUT_AT=str(cut_at),
            MAILSPUR_POWERCUT_KEEP=str(keep_percent),
            MAILSPUR_POWERCUT_SEED=str(seed),
            MAILSPUR_POWERCUT_SYNC_MS=str(sync_ms),
            MAILSPUR_POWERCUT_LIE=str(int(lie)),
            MAILSPUR_POWERCUT_FAULT=self.fault_file,
        )

    def fault(self, word):
        """"full", "quota": files do not grow; "sync": syncs fail; "readonly": no write; "": all is well again."""
        with open(self.fault_file + ".new", "w", encoding="ascii") as file:
            file.write(word)
        os.rename(self.fault_file + ".new", self.fault_file)

    def restore(self):
        restore(self.folder, self.image)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "restore":
        sys.exit("usage: powercut.py restore FOLDER IMAGE")
    restore(sys.argv[2], sys.argv[3])

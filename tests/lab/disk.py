# SPDX-License-Identifier: Apache-2.0
"""A lab whose store has a small file system of its own, and how to fill it."""
import contextlib
import subprocess

from .lab import Lab


@contextlib.contextmanager
def lab_on_a_small_disk(megabytes, **options):
    """`options`: of Lab."""
    lab = Lab(**options)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs",
                    lab.path("state")], check=True)
    try:
        with lab:
            yield lab
    finally:
        subprocess.run(["umount", "-l", lab.path("state")], check=False)


def fill(path):
    """Write the file until nothing more fits."""
    with open(path, "wb", buffering=0) as out:
        for size in (65536, 512):
            with contextlib.suppress(OSError):
                while True:
                    out.write(b"x" * size)

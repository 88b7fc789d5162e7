// SPDX-License-Identifier: Apache-2.0
// Faults of the disk for a test program that has powercut.c linked in. A program under LD_PRELOAD
// is steered by its environment instead; see README.md.
#ifndef TESTS_FAULTS_POWERCUT_H
#define TESTS_FAULTS_POWERCUT_H

enum powercut_fault {
    POWERCUT_NONE,
    POWERCUT_FULL,    /* writes that make a file longer fail with ENOSPC */
    POWERCUT_SYNC,    /* fsync and fdatasync fail with EIO */
    POWERCUT_QUOTA,   /* as POWERCUT_FULL, with EDQUOT */
    POWERCUT_READONLY /* no write at all: EROFS, as when the kernel gave the file system up */
};

/** Watch the files of this folder; without an image folder only faults are made. */
void powercut_watch(const char *folder);

/** From now on. Any thread. */
void powercut_set_fault(enum powercut_fault fault);

/** Syncs of watched files since the start. Any thread. */
unsigned long powercut_syncs(void);

#endif

// SPDX-License-Identifier: Apache-2.0
// A small daemon for the milter's tests: speaks the real frames on a real socket, and answers by
// the words in the addresses, so that a test says what it wants where it says whom it writes to.
//
//   RCPT, local part:    other…  not ours        no…     550 5.1.1     later…  451 4.2.1
//                        two…    another tenant  strict… another policy
//                        small…  at most 1000 bytes      trusted… not judged
//                        defer…  on_temperror: defer     die…    closes the connection
//                        odd…    a decision that does not exist   junk…  bytes that are no frame
//                        anything else: ours, judged, enforce
//   COMMIT, local part of the sender:
//                        full…   452 4.3.1       perm…   554 5.6.0     dup…    duplicate
//                        die…    closes the connection
//                        blink…  the same, but the copy that comes next is stored
//                        wait…   stored, but not before stub_daemon_release
//                        anything else: stored
//   REFUSED, local part of the sender:
//                        full…   not kept        die…    closes the connection
//                        anything else: kept
#ifndef TESTS_MILTER_STUB_DAEMON_H
#define TESTS_MILTER_STUB_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/evidence.h"

struct stub_daemon;

/** What came with the last COMMIT, evidence also with the last REFUSED; strings are owned by the
 * stub. */
struct stub_commit {
    char queue_id[64];
    char mta_name[256];
    char sender[2048];
    char client_address[64];
    char client_name[256];
    char helo[256];
    char hold[64];
    char verdict[32 * 1024];
    char evidence[EVIDENCE_MAX + 1];
    char refused_id[40];
    char *recipients;
    char *bytes;
    uint64_t size;
    uint64_t header_length;
};

struct stub_counts {
    unsigned connections, questions, commits, acks, resets, refusals;
};

/** Listen at `path` in a thread per connection. Aborts the test when it cannot. */
struct stub_daemon *stub_daemon_start(const char *path);

/** Close all connections and the socket. NULL-safe. */
void stub_daemon_stop(struct stub_daemon *stub);

/** The last commit. Only while no other is under way. */
const struct stub_commit *stub_daemon_last(struct stub_daemon *stub);

struct stub_counts stub_daemon_counts(struct stub_daemon *stub);

/** Wait (at most 10 s) until that many COMMIT packets have come in all; false: they did not. */
bool stub_daemon_await_commits(struct stub_daemon *stub, unsigned commits);

/** Let the commits of wait… senders, of now and later, be answered. */
void stub_daemon_release(struct stub_daemon *stub);

/** Wait (at most 10 s) until that many ACK and RESET packets have come in all; false: they did not.
 */
bool stub_daemon_await(struct stub_daemon *stub, unsigned acks, unsigned resets);

#endif

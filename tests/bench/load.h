// SPDX-License-Identifier: Apache-2.0
// What the load generators share: messages from files, worker threads, latencies, the closing line.
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_message {
    char *data; /* CRLF lines */
    size_t length;
    size_t header_length; /* without the empty line */
    char sender[256];     /* from the file name: "<number>-<sender>.eml" */
};

struct load {
    struct load_message *messages;
    size_t message_count;
    unsigned total;       /* messages to send */
    unsigned sessions;    /* at once */
    unsigned per_session; /* messages a connection carries; 0: all */
    const char *recipient;
    const char *client; /* IP address to pretend */
    atomic_uint next;
    atomic_uint failed;
    atomic_uint passed; /* milter_load: a field that was added says dmarc=pass */
    uint32_t *end_us;   /* per message: from the end of the data to its answer */
};

/** Sends messages over one connection until the session's share or the total is used up. */
typedef void load_session(struct load *load);

/** Read the options and messages, run the sessions, print one JSON line. Returns the exit status.
 */
int load_main(int argc, char **argv, const char **target_out, load_session *session);

/** Read all messages of a folder. */
bool load_read(const char *folder, struct load *load);

/** The number of the next message, or false when all are taken. */
bool load_take(struct load *load, unsigned *number_out);

uint64_t load_now_us(void);

#endif

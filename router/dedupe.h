// SPDX-License-Identifier: Apache-2.0
// What makes two transactions the same message: the sender repeats one because our 250 got lost.
//
// The key covers the envelope, the body and the header fields the sender wrote. Left out are trace
// fields, which differ between two attempts of the same message, and what Postfix adds where the
// sender wrote none (Message-Id, then Date and From behind it, at the end of the header). A field
// too many in the key costs a second delivery, a field too few could swallow a message; so every
// field counts that is not known to change.
#ifndef ROUTER_DEDUPE_H
#define ROUTER_DEDUPE_H

#include "common/intake_protocol.h"
#include "store/store.h"

struct dedupe_message {
    const struct intake_commit *commit;
    const char *const *recipients; /* normalised, each once */
    size_t recipient_count;
    const char *header; /* the header block */
    size_t header_length;
    const char *body; /* behind the header block, in memory; NULL: it is read from body_fd */
    int body_fd;      /* read with pread from header_length to commit->size */
};

/**
 * Compute the key. `until_acknowledged` unless the sender's own Message-ID and Date are there: two
 * equal messages without them are two messages, once our first answer is known to have arrived.
 *
 * @dedupe_out  `keep_ms` is left at 0
 * @return      ST_OK; ST_IO the descriptor has fewer bytes than stated, or cannot be read
 */
MUST_CHECK enum status dedupe_key(const struct dedupe_message *message,
                                  struct store_dedupe *dedupe_out, struct why *why);

#endif

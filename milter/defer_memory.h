// SPDX-License-Identifier: Apache-2.0
// Since when mail of one sender domain to one of our domains has been put off, so that trouble with
// a sender's DNS delays its mail for a bounded time. In the milter's memory only: a restart begins
// the time anew, which costs the sender a longer wait and never a message.
#ifndef MILTER_DEFER_MEMORY_H
#define MILTER_DEFER_MEMORY_H

#include <stdint.h>

enum {
    DEFER_MEMORY_ENTRIES = 4096,
    /* An entry not asked for this long is of a trouble that has passed: MTAs come back within
     * hours (RFC 5321, 4.5.4.1). */
    DEFER_MEMORY_FORGET_MS = 12 * 3600 * 1000
};

struct defer_memory;

struct defer_memory *defer_memory_new(void);
void defer_memory_free(struct defer_memory *memory); /* NULL-safe */

/**
 * Milliseconds since this pair of domains was first put off; 0 the first time. When the table is
 * full the entry asked for longest ago gives way.
 *
 * @now_ms  monotonic
 * @thread  any
 */
int64_t defer_memory_age(struct defer_memory *memory, const char *sender_domain,
                         const char *recipient_domain, int64_t now_ms);

#endif

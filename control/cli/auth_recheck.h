// SPDX-License-Identifier: Apache-2.0
// A message judged again from its evidence: with the answers that the DNS gave then, at the moment
// of then, by the engines of now.
#ifndef CONTROL_CLI_AUTH_RECHECK_H
#define CONTROL_CLI_AUTH_RECHECK_H

#include <jansson.h>
#include <stdbool.h>

#include "common/status.h"
#include "common/strbuf.h"

struct recheck {
    json_t *verdict;     /* of now */
    json_t *differences; /* texts: what is not as it was; empty: it agrees */
    bool spf_only;       /* there was no message */
};

void recheck_done(struct recheck *recheck);

/**
 * Judge again and compare.
 *
 * @evidence  the JSON of common/evidence.h
 * @message   the message's bytes; NULL: SPF only
 * @return    ST_OK; ST_INVALID: the evidence cannot be used, `why` says what is wrong; ST_IO
 */
MUST_CHECK enum status recheck_run(const json_t *evidence, const struct strbuf *message,
                                   struct recheck *out, struct why *why);

#endif

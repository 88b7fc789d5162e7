// SPDX-License-Identifier: Apache-2.0
#include "router/delivery/outcome.h"

#include <stddef.h>

#include "common/attrs.h"

static const char *const NAMES[] = {
    [OUTCOME_DONE] = "done",       [OUTCOME_RETRY] = "retry", [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_BLOCKED] = "blocked", [OUTCOME_DEAD] = "dead",
};
_Static_assert(ARRAY_LEN(NAMES) == OUTCOME_DEAD + 1, "every outcome has a name");

// Answers that say "not this request, ever" or "nothing, ever". What is not here is retried: 401,
// 403, 404 are mostly an endpoint being set up or redeployed, and mail must not die of that.
static const struct {
    long http_status;
    enum outcome outcome;
} FINAL[] = {
    {400, OUTCOME_DEAD}, {405, OUTCOME_DEAD}, {410, OUTCOME_BLOCKED},
    {413, OUTCOME_DEAD}, {415, OUTCOME_DEAD}, {422, OUTCOME_DEAD},
};

const char *
outcome_name(enum outcome outcome)
{
    return NAMES[outcome];
}

enum outcome
outcome_of(long http_status, bool request_sent)
{
    if (http_status == 0) {
        return request_sent ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
    }
    if (http_status >= 200 && http_status < 300) {
        return OUTCOME_DONE;
    }
    for (size_t i = 0; i < ARRAY_LEN(FINAL); i++) {
        if (FINAL[i].http_status == http_status) {
            return FINAL[i].outcome;
        }
    }
    return OUTCOME_RETRY;
}

bool
outcome_pauses_destination(long http_status)
{
    return http_status == 429 || http_status == 503;
}

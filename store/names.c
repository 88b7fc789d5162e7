// SPDX-License-Identifier: Apache-2.0
// The words of the store's states, the same in every backend, in logs and in the API.
#include <string.h>

#include "store/store.h"

static const char *const DOMAIN_STATUS_NAMES[] = {
    [DOMAIN_PENDING] = "pending", [DOMAIN_VERIFIED] = "verified", [DOMAIN_AT_RISK] = "at_risk",
    [DOMAIN_FAILED] = "failed",   [DOMAIN_REMOVED] = "removed",
};
_Static_assert(ARRAY_LEN(DOMAIN_STATUS_NAMES) == DOMAIN_REMOVED + 1, "every status has a name");

static const char *const DOMAIN_MAIL_NAMES[] = {
    [DOMAIN_MAIL_OPEN] = "open",
    [DOMAIN_MAIL_HELD] = "held",
    [DOMAIN_MAIL_DEFERRED] = "deferred",
    [DOMAIN_MAIL_REFUSED] = "refused",
};
_Static_assert(ARRAY_LEN(DOMAIN_MAIL_NAMES) == DOMAIN_MAIL_REFUSED + 1, "every word is there");

static const char *const DELIVERY_STATE_NAMES[] = {
    [DELIVERY_QUEUED] = "queued",   [DELIVERY_LEASED] = "leased",   [DELIVERY_HELD] = "held",
    [DELIVERY_BLOCKED] = "blocked", [DELIVERY_UNKNOWN] = "unknown", [DELIVERY_DONE] = "done",
    [DELIVERY_DEAD] = "dead",
};
_Static_assert(ARRAY_LEN(DELIVERY_STATE_NAMES) == DELIVERY_DEAD + 1, "every state has a name");

// The index of the name, or `count`.
static size_t
find_name(const char *const *names, size_t count, const char *name)
{
    size_t at = 0;
    while (at < count && strcmp(names[at], name) != 0) {
        at++;
    }
    return at;
}

const char *
domain_status_name(enum domain_status status)
{
    return (size_t)status < ARRAY_LEN(DOMAIN_STATUS_NAMES) ? DOMAIN_STATUS_NAMES[status]
                                                           : "invalid";
}

enum status
domain_status_from_name(const char *name, enum domain_status *out)
{
    size_t at = find_name(DOMAIN_STATUS_NAMES, ARRAY_LEN(DOMAIN_STATUS_NAMES), name);
    if (at == ARRAY_LEN(DOMAIN_STATUS_NAMES)) {
        return ST_INVALID;
    }
    *out = (enum domain_status)at;
    return ST_OK;
}

const char *
domain_mail_name(enum domain_mail mail)
{
    return (size_t)mail < ARRAY_LEN(DOMAIN_MAIL_NAMES) ? DOMAIN_MAIL_NAMES[mail] : "invalid";
}

enum status
domain_mail_from_name(const char *name, enum domain_mail *out)
{
    size_t at = find_name(DOMAIN_MAIL_NAMES, ARRAY_LEN(DOMAIN_MAIL_NAMES), name);
    if (at == ARRAY_LEN(DOMAIN_MAIL_NAMES)) {
        return ST_INVALID;
    }
    *out = (enum domain_mail)at;
    return ST_OK;
}

const char *
delivery_state_name(enum delivery_state state)
{
    return (size_t)state < ARRAY_LEN(DELIVERY_STATE_NAMES) ? DELIVERY_STATE_NAMES[state]
                                                           : "invalid";
}

enum status
delivery_state_from_name(const char *name, enum delivery_state *out)
{
    size_t at = find_name(DELIVERY_STATE_NAMES, ARRAY_LEN(DELIVERY_STATE_NAMES), name);
    if (at == ARRAY_LEN(DELIVERY_STATE_NAMES)) {
        return ST_INVALID;
    }
    *out = (enum delivery_state)at;
    return ST_OK;
}

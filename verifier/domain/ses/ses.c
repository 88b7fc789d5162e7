// SPDX-License-Identifier: Apache-2.0
// The two operations. Both begin with "get": it is the only way to know what a lost answer left.
#include "verifier/domain/ses/ses.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "verifier/domain/ses/calls.h"
#include "verifier/domain/ses/names.h"

enum {
    REPEAT_FIRST_MS = 500, /* wait before the first repetition; doubles */
    REPEAT_MOST_MS = 8000
};

struct work {
    struct ses *ses;
    const char *domain;
    const char *mail_from; /* of ensure */
    int64_t deadline;
    struct ses_state *state;
    struct ses_report report; /* of ensure */
};

static enum status
repeat(struct work *work, enum status (*attempt)(struct work *work, struct why *why),
       struct why *why)
{
    int64_t wait_ms = REPEAT_FIRST_MS;
    for (;;) {
        enum status status = attempt(work, why);
        if (status != ST_AGAIN || !ses_client_pause(work->ses, wait_ms, work->deadline)) {
            return status;
        }
        wait_ms = wait_ms * 2 < REPEAT_MOST_MS ? wait_ms * 2 : REPEAT_MOST_MS;
    }
}

static enum status
check_input(const struct work *work, struct why *why)
{
    if (!ses_name_is_domain(work->domain)) {
        return why_set(why, ST_INVALID, "'%.100s' is no domain that SES could verify",
                       work->domain);
    }
    if (strcmp(work->state->region, work->ses->settings.region) != 0) {
        return why_set(why, ST_INVALID, "the identity of %.100s is in region %s, not in %s",
                       work->domain, work->state->region, work->ses->settings.region);
    }
    return ST_OK;
}

static bool
is_ours(const struct ses *ses, const struct ses_identity *identity)
{
    return strcmp(identity->installation, ses->settings.installation) == 0;
}

/* ---- ensure ---------------------------------------------------------------------------------- */

static void
take_over(struct ses_state *state, const struct ses_identity *identity)
{
    memcpy(state->tokens, identity->tokens, sizeof(state->tokens));
    memcpy(state->zone, identity->zone, sizeof(state->zone));
    memcpy(state->mail_from, identity->mail_from, sizeof(state->mail_from));
}

// The identity that is there, made if there was none.
static enum status
get_or_create(struct work *work, struct ses_identity *identity, struct why *why)
{
    enum status status = ses_call_get(work->ses, work->domain, work->deadline, identity, why);
    if (status == ST_NOT_FOUND) {
        status = ses_call_create(work->ses, work->domain, work->deadline, identity, why);
        if (status == ST_OK) {
            work->state->holding = SES_HOLDING_OURS;
            return ST_OK;
        }
    }
    if (status == ST_CONFLICT) { // made by somebody meanwhile, or by a call of ours that came late
        status = ses_call_get(work->ses, work->domain, work->deadline, identity, why);
        status = status == ST_NOT_FOUND ? ST_AGAIN : status;
    }
    if (status == ST_OK) {
        work->state->holding =
            is_ours(work->ses, identity) ? SES_HOLDING_OURS : SES_HOLDING_ADOPTED;
    }
    return status;
}

static bool
needs_mail_from(const struct work *work)
{
    const char *there = work->state->mail_from;
    return work->state->holding == SES_HOLDING_OURS ? strcmp(there, work->mail_from) != 0
                                                    : there[0] == '\0';
}

static enum status
ensure_once(struct work *work, struct why *why)
{
    struct ses_identity identity;
    enum status status = get_or_create(work, &identity, why);
    if (status != ST_OK) {
        return status;
    }
    take_over(work->state, &identity);
    work->report = identity.report;
    if (identity.own_keys) {
        return why_set(why, ST_REFUSED,
                       "%.100s is set up in SES with a DKIM key of its own: change it there to "
                       "Easy DKIM, or use another profile",
                       work->domain);
    }
    if (!needs_mail_from(work)) {
        return ST_OK;
    }
    status = ses_call_set_mail_from(work->ses, work->domain, work->mail_from, work->deadline, why);
    if (status == ST_NOT_FOUND) {
        return ST_AGAIN; // deleted under our hands: the repetition makes it anew
    }
    if (status == ST_OK) {
        (void)snprintf(work->state->mail_from, sizeof(work->state->mail_from), "%s",
                       work->mail_from);
        work->report.mail_from = SES_PROGRESS_PENDING;
    }
    return status;
}

enum status
ses_ensure(struct ses *ses, const char *domain, const char *mail_from, int64_t deadline,
           struct ses_state *state, struct ses_report *report_out, struct why *why)
{
    struct work work = {
        .ses = ses, .domain = domain, .mail_from = mail_from, .deadline = deadline, .state = state};
    enum status status = check_input(&work, why);
    if (status != ST_OK) {
        return status;
    }
    if (!ses_name_is_domain(mail_from) || !ses_name_is_below(mail_from, domain)) {
        return why_set(why, ST_INVALID, "MAIL FROM domain '%.100s' is not below %.100s", mail_from,
                       domain);
    }
    if (state->release_pending) {
        return why_set(why, ST_CONFLICT, "the SES identity of %.100s is about to be released",
                       domain);
    }
    status = repeat(&work, ensure_once, why);
    if (status == ST_OK) {
        *report_out = work.report;
    }
    return status;
}

/* ---- release --------------------------------------------------------------------------------- */

static enum status
release_once(struct work *work, struct why *why)
{
    struct ses_identity identity;
    enum status status = ses_call_get(work->ses, work->domain, work->deadline, &identity, why);
    if (status == ST_NOT_FOUND || (status == ST_OK && !is_ours(work->ses, &identity))) {
        return ST_OK;
    }
    if (status != ST_OK) {
        return status;
    }
    status = ses_call_delete(work->ses, work->domain, work->deadline, why);
    return status == ST_NOT_FOUND ? ST_OK : status;
}

enum status
ses_release(struct ses *ses, const char *domain, bool others_left, int64_t deadline,
            struct ses_state *state, struct why *why)
{
    struct work work = {.ses = ses, .domain = domain, .deadline = deadline, .state = state};
    enum status status = check_input(&work, why);
    if (status != ST_OK) {
        return status;
    }
    if (state->holding == SES_HOLDING_GONE) {
        return ST_OK;
    }
    if (!state->release_pending) {
        return why_set(why, ST_BUG, "the release of %.100s in SES was not requested", domain);
    }
    bool keep = others_left || state->holding == SES_HOLDING_ADOPTED;
    status = keep ? ST_OK : repeat(&work, release_once, why);
    if (status == ST_OK) {
        state->holding = SES_HOLDING_GONE;
        state->release_pending = false;
    }
    return status;
}

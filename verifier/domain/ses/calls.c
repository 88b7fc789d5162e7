// SPDX-License-Identifier: Apache-2.0
#include "verifier/domain/ses/calls.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "common/clock.h"
#include "verifier/domain/ses/exchange.h"
#include "verifier/domain/ses/fault.h"

static const char IDENTITIES[] = "/v2/email/identities";

// The text of a body that json_pack has made; takes it. Never NULL.
static char *
dump(json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (text == NULL) {
        abort(); // only without memory: what goes in is ASCII
    }
    return text;
}

// Sends; ST_OK only with a success of SES.
static enum status
call(struct ses *ses, const struct ses_request *request, int64_t deadline,
     struct ses_answer *answer, struct why *why)
{
    enum status status = ses_exchange(ses, request, deadline, answer, why);
    if (status != ST_OK || (answer->http_status >= 200 && answer->http_status <= 299)) {
        return status;
    }
    int64_t wait_ms = ses_fault_wait_ms(answer);
    if (wait_ms > 0) {
        ses_client_hold_off(ses, wait_ms);
    }
    return ses_fault_explain(request, answer, clock_wall_ms(), why);
}

// An answer that was understood, or a sentence that says whose it was.
static enum status
checked(const struct ses_request *request, enum status status, const struct why *reason,
        struct why *why)
{
    return status == ST_OK ? ST_OK
                           : why_set(why, status, "SES, %s %.100s: %.150s", request->what,
                                     request->domain, reason->text);
}

static enum status
call_for_identity(struct ses *ses, const struct ses_request *request, int64_t deadline,
                  struct ses_identity *out, struct why *why)
{
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    struct why reason = {.text = ""};
    enum status status = call(ses, request, deadline, &answer, why);
    if (status != ST_OK) {
        return status;
    }
    status = ses_identity_parse(&answer.body, request->domain, out, &reason);
    return checked(request, status, &reason, why);
}

static enum status
call_for_nothing(struct ses *ses, const struct ses_request *request, int64_t deadline,
                 struct why *why)
{
    AUTO_ANSWER answer = SES_ANSWER_INIT;
    struct why reason = {.text = ""};
    enum status status = call(ses, request, deadline, &answer, why);
    if (status != ST_OK) {
        return status;
    }
    return checked(request, ses_identity_check_empty(&answer.body, &reason), &reason, why);
}

/* ---- the calls ------------------------------------------------------------------------------- */

enum status
ses_call_create(struct ses *ses, const char *domain, int64_t deadline, struct ses_identity *out,
                struct why *why)
{
    AUTO_FREE char *body =
        dump(json_pack("{s:s, s:{s:s}, s:[{s:s, s:s}]}", "EmailIdentity", domain,
                       "DkimSigningAttributes", "NextSigningKeyLength", "RSA_2048_BIT", "Tags",
                       "Key", SES_TAG_KEY, "Value", ses->settings.installation));
    struct ses_request request = {.what = "create identity",
                                  .domain = domain,
                                  .method = "POST",
                                  .path = IDENTITIES,
                                  .body = body};
    return call_for_identity(ses, &request, deadline, out, why);
}

enum status
ses_call_get(struct ses *ses, const char *domain, int64_t deadline, struct ses_identity *out,
             struct why *why)
{
    char path[SES_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", IDENTITIES, domain);
    struct ses_request request = {
        .what = "get identity", .domain = domain, .method = "GET", .path = path};
    return call_for_identity(ses, &request, deadline, out, why);
}

enum status
ses_call_set_mail_from(struct ses *ses, const char *domain, const char *mail_from, int64_t deadline,
                       struct why *why)
{
    char path[SES_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s/mail-from", IDENTITIES, domain);
    AUTO_FREE char *body = dump(json_pack("{s:s, s:s}", "MailFromDomain", mail_from,
                                          "BehaviorOnMxFailure", "USE_DEFAULT_VALUE"));
    struct ses_request request = {
        .what = "set MAIL FROM of", .domain = domain, .method = "PUT", .path = path, .body = body};
    return call_for_nothing(ses, &request, deadline, why);
}

enum status
ses_call_delete(struct ses *ses, const char *domain, int64_t deadline, struct why *why)
{
    char path[SES_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", IDENTITIES, domain);
    struct ses_request request = {
        .what = "delete identity", .domain = domain, .method = "DELETE", .path = path};
    return call_for_nothing(ses, &request, deadline, why);
}

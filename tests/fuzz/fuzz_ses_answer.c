// SPDX-License-Identifier: Apache-2.0
// What an endpoint answers in the place of SES: an identity that is taken makes DNS records and a
// stored state that can be read again; an error makes one printable line.
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "verifier/domain/ses/fault.h"
#include "verifier/domain/ses/identity.h"

static const char DOMAIN[] = "a.example";

static void
check_line(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text >= 0x7f) {
            abort();
        }
    }
}

static void
check_stored(const struct ses_state *state)
{
    char text[SES_STATE_TEXT_SIZE];
    char again[SES_STATE_TEXT_SIZE];
    struct ses_state read;
    ses_state_format(state, text);
    check_line(text);
    if (ses_state_parse(text, &read, NULL) != ST_OK) {
        abort();
    }
    ses_state_format(&read, again);
    if (strcmp(text, again) != 0) {
        abort();
    }
}

static void
check_identity(const struct ses_identity *identity)
{
    struct ses_state state;
    ses_state_init(&state, "eu-central-1");
    memcpy(state.tokens, identity->tokens, sizeof(state.tokens));
    memcpy(state.zone, identity->zone, sizeof(state.zone));
    memcpy(state.mail_from, identity->mail_from, sizeof(state.mail_from));
    check_stored(&state);
    check_line(identity->report.error);
    if (ses_state_has_dkim(&state) == identity->own_keys) {
        abort();
    }
}

static void
check_error(const struct strbuf *body, long http_status)
{
    static const struct ses_request REQUEST = {.what = "get identity", .domain = DOMAIN};
    struct ses_answer answer = {.http_status = http_status, .date_ms = -1, .body = *body};
    struct why why = {.text = ""};
    if (ses_fault_explain(&REQUEST, &answer, 0, &why) == ST_OK) {
        abort();
    }
    check_line(why.text);
    if (ses_fault_wait_ms(&answer) < 0) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_STRBUF body = STRBUF_INIT(SES_ANSWER_MAX);
    struct ses_identity identity;
    struct ses_state state;
    strbuf_append(&body, data, size);
    if (body.overflow) {
        return 0;
    }
    if (ses_identity_parse(&body, DOMAIN, &identity, NULL) == ST_OK) {
        check_identity(&identity);
    }
    if (ses_state_parse(strbuf_text(&body), &state, NULL) == ST_OK) {
        check_stored(&state);
    }
    check_error(&body, 400);
    check_error(&body, 429);
    return 0;
}

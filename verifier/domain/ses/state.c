// SPDX-License-Identifier: Apache-2.0
// What is stored of an identity, as text, and read back with distrust: the database may be old.
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "verifier/domain/ses/names.h"
#include "verifier/domain/ses/ses.h"

static const char *const HOLDINGS[] = {
    [SES_HOLDING_UNKNOWN] = "unknown",
    [SES_HOLDING_OURS] = "ours",
    [SES_HOLDING_ADOPTED] = "adopted",
    [SES_HOLDING_GONE] = "gone",
};
_Static_assert(ARRAY_LEN(HOLDINGS) == SES_HOLDING_GONE + 1, "every holding has a name");

void
ses_state_init(struct ses_state *state, const char *region)
{
    *state = (struct ses_state){.holding = SES_HOLDING_UNKNOWN};
    (void)snprintf(state->region, sizeof(state->region), "%s", region);
}

void
ses_state_request_release(struct ses_state *state)
{
    state->release_pending = state->holding != SES_HOLDING_GONE;
}

bool
ses_state_has_dkim(const struct ses_state *state)
{
    return state->zone[0] != '\0' && state->tokens[SES_TOKENS - 1][0] != '\0';
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *
pending_word(const struct ses_state *state)
{
    return state->release_pending ? "true" : "false";
}

// None of the values needs escaping: what was read in has passed names.h.
void
ses_state_format(const struct ses_state *state, char out[SES_STATE_TEXT_SIZE])
{
    (void)snprintf(out, SES_STATE_TEXT_SIZE,
                   "{\"region\":\"%s\",\"identity\":\"%s\",\"release_pending\":%s,"
                   "\"tokens\":[\"%s\",\"%s\",\"%s\"],\"zone\":\"%s\",\"mail_from\":\"%s\"}",
                   state->region, HOLDINGS[state->holding], pending_word(state), state->tokens[0],
                   state->tokens[1], state->tokens[2], state->zone, state->mail_from);
}

static bool
read_text(const json_t *root, const char *member, char *out, size_t size)
{
    const json_t *value = json_object_get(root, member);
    if (!json_is_string(value) || json_string_length(value) >= size) {
        return false;
    }
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return true;
}

static bool
read_holding(const json_t *root, enum ses_holding *out)
{
    const char *word = json_string_value(json_object_get(root, "identity"));
    for (size_t i = 0; word != NULL && i < ARRAY_LEN(HOLDINGS); i++) {
        if (strcmp(word, HOLDINGS[i]) == 0) {
            *out = (enum ses_holding)i;
            return true;
        }
    }
    return false;
}

// Either all tokens and the zone are known, or none of them.
static bool
read_dkim(const json_t *root, struct ses_state *state)
{
    const json_t *tokens = json_object_get(root, "tokens");
    if (!json_is_array(tokens) || json_array_size(tokens) != SES_TOKENS ||
        !read_text(root, "zone", state->zone, sizeof(state->zone))) {
        return false;
    }
    bool known = state->zone[0] != '\0';
    for (size_t i = 0; i < SES_TOKENS; i++) {
        const char *token = json_string_value(json_array_get(tokens, i));
        if (token == NULL || (known ? !ses_name_is_token(token) : token[0] != '\0')) {
            return false;
        }
        (void)snprintf(state->tokens[i], sizeof(state->tokens[i]), "%s", token);
    }
    return !known || ses_name_is_domain(state->zone);
}

static const char *
read_state(const json_t *root, struct ses_state *state)
{
    const json_t *pending = json_object_get(root, "release_pending");
    if (json_object_size(root) != 6) {
        return "it does not have the six members it should";
    }
    if (!read_text(root, "region", state->region, sizeof(state->region)) ||
        !ses_name_is_region(state->region)) {
        return "'region' is no AWS region";
    }
    if (!read_holding(root, &state->holding)) {
        return "'identity' is none of unknown, ours, adopted, gone";
    }
    if (!json_is_boolean(pending)) {
        return "'release_pending' is neither true nor false";
    }
    state->release_pending = json_is_true(pending);
    if (!read_dkim(root, state)) {
        return "'tokens' and 'zone' are not three DNS labels and a domain";
    }
    if (!read_text(root, "mail_from", state->mail_from, sizeof(state->mail_from)) ||
        (state->mail_from[0] != '\0' && !ses_name_is_domain(state->mail_from))) {
        return "'mail_from' is no domain";
    }
    return NULL;
}

enum status
ses_state_parse(const char *text, struct ses_state *out, struct why *why)
{
    if (strlen(text) >= SES_STATE_TEXT_SIZE) {
        return why_set(why, ST_TOO_LARGE, "a stored SES state has at most %d bytes",
                       SES_STATE_TEXT_SIZE - 1);
    }
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    struct ses_state state = {.holding = SES_HOLDING_UNKNOWN};
    const char *fault =
        json_is_object(root) ? read_state(root, &state) : "it is no JSON object, or says one twice";
    json_decref(root);
    if (fault != NULL) {
        return why_set(why, ST_INVALID, "stored SES state: %s", fault);
    }
    *out = state;
    return ST_OK;
}

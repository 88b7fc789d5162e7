// SPDX-License-Identifier: Apache-2.0
#include "common/verdict.h"

#include <stdlib.h>

#include <jansson.h>

static const char *const RESULT_NAMES[] = {
    [AUTH_NONE] = "none",           [AUTH_PASS] = "pass",           [AUTH_FAIL] = "fail",
    [AUTH_SOFTFAIL] = "softfail",   [AUTH_NEUTRAL] = "neutral",     [AUTH_POLICY] = "policy",
    [AUTH_TEMPERROR] = "temperror", [AUTH_PERMERROR] = "permerror",
};
_Static_assert(ARRAY_LEN(RESULT_NAMES) == AUTH_PERMERROR + 1, "every result has a name");

static const char *const ACTION_NAMES[] = {
    [DMARC_ACTION_NONE] = "none",
    [DMARC_ACTION_QUARANTINE] = "quarantine",
    [DMARC_ACTION_REJECT] = "reject",
};

static const char *const FORWARDER_NAMES[] = {
    [FORWARDER_NONE] = "none",           [FORWARDER_TRUSTED] = "trusted",
    [FORWARDER_UNPROVEN] = "unproven",   [FORWARDER_CLAIMED] = "claimed",
    [FORWARDER_TEMPERROR] = "temperror",
};

const char *
auth_result_name(enum auth_result result)
{
    return (size_t)result < ARRAY_LEN(RESULT_NAMES) ? RESULT_NAMES[result] : "none";
}

const char *
dmarc_action_name(enum dmarc_action action)
{
    return (size_t)action < ARRAY_LEN(ACTION_NAMES) ? ACTION_NAMES[action] : "none";
}

const char *
forwarder_result_name(enum forwarder_result result)
{
    return (size_t)result < ARRAY_LEN(FORWARDER_NAMES) ? FORWARDER_NAMES[result] : "none";
}

// From the most to the least telling, when no signature passes.
static const enum auth_result DKIM_RANK[] = {
    AUTH_PASS, AUTH_TEMPERROR, AUTH_FAIL, AUTH_POLICY, AUTH_PERMERROR, AUTH_NEUTRAL, AUTH_SOFTFAIL,
};

enum auth_result
verdict_dkim_overall(const struct verdict *verdict)
{
    for (size_t rank = 0; rank < ARRAY_LEN(DKIM_RANK); rank++) {
        for (size_t i = 0; i < verdict->dkim_count; i++) {
            if (verdict->dkim[i].result == DKIM_RANK[rank]) {
                return DKIM_RANK[rank];
            }
        }
    }
    return AUTH_NONE;
}

// Strangers' bytes may be no UTF-8, which JSON cannot carry: such a text becomes null.
static json_t *
text_or_null(const char *text)
{
    json_t *value = text[0] == '\0' ? NULL : json_string(text);
    return value == NULL ? json_null() : value;
}

static json_t *
spf_to_json(const struct verdict_spf *spf)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:i, s:i, s:o, s:{s:s}}", "result",
                     auth_result_name(spf->result), "identity",
                     spf->identity_is_helo ? "helo" : "mailfrom", "domain",
                     text_or_null(spf->domain), "explanation", text_or_null(spf->explanation),
                     "terms", (int)spf->terms, "voids", (int)spf->voids, "reason",
                     text_or_null(spf->reason), "helo", "result", auth_result_name(spf->helo));
}

static json_t *
dkim_to_json(const struct verdict_dkim *dkim)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:i, s:o}", "result", auth_result_name(dkim->result),
                     "domain", text_or_null(dkim->domain), "selector", text_or_null(dkim->selector),
                     "algorithm", text_or_null(dkim->algorithm), "bits", (int)dkim->bits, "reason",
                     text_or_null(dkim->reason));
}

static json_t *
arc_to_json(const struct verdict_arc *arc)
{
    return json_pack("{s:s, s:i, s:i}", "result", auth_result_name(arc->result), "instances",
                     (int)arc->instances, "oldest_pass", (int)arc->oldest_pass);
}

static json_t *
dmarc_to_json(const struct verdict_dmarc *dmarc)
{
    json_t *aligned = json_array();
    if (dmarc->aligned_spf) {
        json_array_append_new(aligned, json_string("spf"));
    }
    if (dmarc->aligned_dkim) {
        json_array_append_new(aligned, json_string("dkim"));
    }
    return json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:o, s:o}", "result", auth_result_name(dmarc->result), "domain",
        text_or_null(dmarc->domain), "org_domain", text_or_null(dmarc->org_domain), "policy",
        dmarc_action_name(dmarc->policy), "disposition", dmarc_action_name(dmarc->disposition),
        "aligned", aligned, "reason", text_or_null(dmarc->reason));
}

// null: no registered forwarder has to do with the message.
static json_t *
forwarder_to_json(const struct verdict_forwarder *forwarder)
{
    if (forwarder->result == FORWARDER_NONE) {
        return json_null();
    }
    return json_pack("{s:s, s:s, s:b, s:o}", "name", forwarder->name, "result",
                     forwarder_result_name(forwarder->result), "overrides", forwarder->overrides,
                     "reason", text_or_null(forwarder->reason));
}

void
verdict_format_json(const struct verdict *verdict, struct strbuf *out)
{
    json_t *signatures = json_array();
    for (size_t i = 0; i < verdict->dkim_count; i++) {
        json_array_append_new(signatures, dkim_to_json(&verdict->dkim[i]));
    }
    json_t *root = json_pack(
        "{s:b, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "local", verdict->local, "spf",
        spf_to_json(&verdict->spf), "dkim", signatures, "dkim_ignored", (int)verdict->dkim_ignored,
        "arc", arc_to_json(&verdict->arc), "dmarc", dmarc_to_json(&verdict->dmarc), "forwarder",
        forwarder_to_json(&verdict->forwarder), "authentication_results",
        text_or_null(verdict->authentication_results), "received_spf",
        text_or_null(verdict->received_spf));
    char *text = json_dumps(root, JSON_COMPACT);
    if (text == NULL) {
        abort(); // only without memory: every member above is valid JSON
    }
    strbuf_puts(out, text);
    free(text);
    json_decref(root);
}
